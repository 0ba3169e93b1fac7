// What voters say to each other about the next electorate, as frames. Must never: throw anything but SwarmError `corrupt` or `too-large`
// on what a peer sent.

import type { Proposal, Round } from "../../crdt/electorates.js";
import { VOTERS_MAX } from "../../crdt/record-codec.js";
import { SwarmError } from "../../errors.js";
import { decodeWire, encodeWire, integerOf, listOf, textOf, type WireValue } from "../../mesh/wire.js";
import type { NodeId, VoterId } from "../../model.js";

const VERSION = 1;
const LIMITS = { bytes: 160 * 1024, depth: 4, items: VOTERS_MAX + 32 };
const NUMBER_MAX = Number.MAX_SAFE_INTEGER;

/** `number`: of the electorate that is to be decided. `count`: of the round, which is the asking node's. */
interface Named {
	readonly number: number;
	readonly count: number;
}

export type ConsentFrame =
	/** Will you take nothing of a lower round? */
	| (Named & { readonly kind: "prepare" })
	| (Named & {
			readonly kind: "promise";
			/** null: yes. Else the round that it promised. */
			readonly promised: Round | null;
			readonly accepted: Proposal | null;
			readonly standing: VoterStanding;
	  })
	| (Named & { readonly kind: "accept"; readonly voters: readonly VoterId[] })
	/** It did. */
	| (Named & { readonly kind: "accepted"; readonly standing: VoterStanding });

/**
 * How long a voter has gone by the present electorate. `settled`: so long that leases from under the one before are over. `idle`: not so
 * long, and it said yes to no lease that could still hold. `busy`: it did; it has to be waited for.
 */
export type VoterStanding = "settled" | "idle" | "busy";

const standings: readonly VoterStanding[] = ["settled", "idle", "busy"];

export function encodeConsentFrame(frame: ConsentFrame): Uint8Array {
	const head = [VERSION, frame.kind, frame.number, frame.count];
	switch (frame.kind) {
		case "prepare":
			return encodeWire([...head, null]);
		case "promise":
			return encodeWire([...head, [roundFields(frame.promised), proposalFields(frame.accepted), frame.standing]]);
		case "accept":
			return encodeWire([...head, [...frame.voters]]);
		case "accepted":
			return encodeWire([...head, frame.standing]);
	}
}

export function decodeConsentFrame(bytes: Uint8Array): ConsentFrame {
	const what = "a consent frame";
	const fields = listOf(decodeWire(bytes, what, LIMITS), what, 5, 5);
	integerOf(fields[0], "consent.version", VERSION, VERSION);
	const kind = textOf(fields[1], "consent.kind", 16);
	const number = integerOf(fields[2], "consent.number", 1, NUMBER_MAX);
	const count = integerOf(fields[3], "consent.count", 1, NUMBER_MAX);
	switch (kind) {
		case "prepare":
			return { kind, number, count };
		case "promise": {
			const about = listOf(fields[4], "consent.promise", 3, 3);
			const [promised, accepted] = [roundOf(about[0]), proposalOf(about[1])];
			return { kind, number, count, promised, accepted, standing: standingOf(about[2]) };
		}
		case "accept":
			return { kind, number, count, voters: votersOf(fields[4]) };
		case "accepted":
			return { kind, number, count, standing: standingOf(fields[4]) };
		default:
			throw new SwarmError("corrupt", "Cannot read a consent frame: its kind is not known");
	}
}

function roundFields(round: Round | null): WireValue {
	return round === null ? null : [round.count, round.by];
}

function proposalFields(proposal: Proposal | null): WireValue {
	return proposal === null ? null : [proposal.round.count, proposal.round.by, [...proposal.voters]];
}

function roundOf(value: WireValue | undefined): Round | null {
	if (value === null) return null;
	const fields = listOf(value, "consent.round", 2, 2);
	return { count: integerOf(fields[0], "consent.round", 1, NUMBER_MAX), by: nodeOf(fields[1]) };
}

function proposalOf(value: WireValue | undefined): Proposal | null {
	if (value === null) return null;
	const fields = listOf(value, "consent.proposal", 3, 3);
	const round = { count: integerOf(fields[0], "consent.round", 1, NUMBER_MAX), by: nodeOf(fields[1]) };
	return { round, voters: votersOf(fields[2]) };
}

function votersOf(value: WireValue | undefined): readonly VoterId[] {
	return listOf(value, "consent.voters", 1, VOTERS_MAX).map(voterOf);
}

function voterOf(value: WireValue): VoterId {
	const text = textOf(value, "consent.voter", 81);
	if (/^[A-Za-z0-9]+@\d+$/.test(text)) return text as VoterId;
	throw new SwarmError("corrupt", "Cannot read consent.voter: it is not a node and when it was admitted");
}

function nodeOf(value: WireValue | undefined): NodeId {
	const text = textOf(value, "consent.node", 64);
	if (/^[A-Za-z0-9]+$/.test(text)) return text as NodeId;
	throw new SwarmError("corrupt", "Cannot read consent.node: it is not a node");
}

function standingOf(value: WireValue | undefined): VoterStanding {
	const standing = standings.find((one) => one === value);
	if (standing !== undefined) return standing;
	throw new SwarmError("corrupt", "Cannot read consent.standing: it is not known");
}
