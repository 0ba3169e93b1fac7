// What nodes say to each other about leases, as frames. Must never: throw anything but SwarmError `corrupt` or `too-large` on what
// a peer sent.

import { SwarmError } from "../../errors.js";
import { booleanOf, decodeWire, encodeWire, integerOf, listOf, textOf, type WireValue } from "../../mesh/wire.js";
import type { ContainerId, NodeId } from "../../model.js";

const VERSION = 2;
/** Containers in one frame; more go in several. */
export const LEASES_IN_FRAME_MAX = 1_000;
const LIMITS = { bytes: 256 * 1024, depth: 3, items: LEASES_IN_FRAME_MAX * 6 + 16 };
const NUMBER_MAX = Number.MAX_SAFE_INTEGER;

/** `session` and `question` name a question: one life of the asking daemon, and a number that rises in it. */
interface Named {
	readonly session: number;
	readonly question: number;
}

export interface LeaseWish {
	readonly container: ContainerId;
	readonly epoch: number;
}

export interface LeaseAnswer {
	readonly container: ContainerId;
	/** That was asked for. */
	readonly epoch: number;
	readonly granted: boolean;
	/** Of a refusal: the highest epoch that the voter promised. */
	readonly epochPromised: number;
}

export type LeaseFrame =
	/** May the sender run these? With `owner`: would you say yes to it if it asked? Then nothing is promised. */
	| (Named & {
			readonly kind: "ask";
			readonly owner: NodeId | null;
			/** The digest of the voters that are asked: one that goes by others says no. */
			readonly voters: number;
			readonly wishes: readonly LeaseWish[];
	  })
	| (Named & { readonly kind: "answer"; readonly answers: readonly LeaseAnswer[] })
	/** None of them runs at the sender, nor will before it asks again. */
	| (Named & { readonly kind: "release"; readonly containers: readonly ContainerId[] });

export function encodeLeaseFrame(frame: LeaseFrame): Uint8Array {
	const head = [VERSION, frame.kind, frame.session, frame.question];
	switch (frame.kind) {
		case "ask":
			return encodeWire([
				...head,
				[frame.owner, frame.voters],
				frame.wishes.map(({ container, epoch }) => [container, epoch]),
			]);
		case "answer":
			return encodeWire([
				...head,
				null,
				frame.answers.map((one) => [one.container, one.epoch, one.granted, one.epochPromised]),
			]);
		case "release":
			return encodeWire([...head, null, [...frame.containers]]);
	}
}

export function decodeLeaseFrame(bytes: Uint8Array): LeaseFrame {
	const what = "a lease frame";
	const fields = listOf(decodeWire(bytes, what, LIMITS), what, 6, 6);
	integerOf(fields[0], "lease.version", VERSION, VERSION);
	const kind = textOf(fields[1], "lease.kind", 16);
	const session = integerOf(fields[2], "lease.session", 0, NUMBER_MAX);
	const question = integerOf(fields[3], "lease.question", 0, NUMBER_MAX);
	const items = listOf(fields[5], "lease.containers", 0, LEASES_IN_FRAME_MAX);
	switch (kind) {
		case "ask":
			return { kind, session, question, ...aboutOf(fields[4]), wishes: items.map(wishOf) };
		case "answer":
			return { kind, session, question, answers: items.map(answerOf) };
		case "release":
			return { kind, session, question, containers: items.map(containerOf) };
		default:
			throw new SwarmError("corrupt", "Cannot read a lease frame: its kind is not known");
	}
}

function aboutOf(value: WireValue | undefined): { owner: NodeId | null; voters: number } {
	const fields = listOf(value, "lease.about", 2, 2);
	return { owner: ownerOf(fields[0]), voters: integerOf(fields[1], "lease.voters", 0, NUMBER_MAX) };
}

function wishOf(value: WireValue): LeaseWish {
	const fields = listOf(value, "lease.wish", 2, 2);
	return { container: containerOf(fields[0]), epoch: integerOf(fields[1], "lease.epoch", 1, NUMBER_MAX) };
}

function answerOf(value: WireValue): LeaseAnswer {
	const fields = listOf(value, "lease.answer", 4, 4);
	return {
		container: containerOf(fields[0]),
		epoch: integerOf(fields[1], "lease.epoch", 1, NUMBER_MAX),
		granted: booleanOf(fields[2], "lease.granted"),
		epochPromised: integerOf(fields[3], "lease.epochPromised", 0, NUMBER_MAX),
	};
}

function containerOf(value: WireValue | undefined): ContainerId {
	const text = textOf(value, "lease.container", 70);
	if (/^[a-z0-9]([a-z0-9-]*[a-z0-9])?\.\d{1,4}$/.test(text)) return text as ContainerId;
	throw new SwarmError("corrupt", "Cannot read lease.container: it is not a container's name");
}

function ownerOf(value: WireValue | undefined): NodeId | null {
	if (value === null) return null;
	const text = textOf(value, "lease.owner", 64);
	if (/^[A-Za-z0-9]+$/.test(text)) return text as NodeId;
	throw new SwarmError("corrupt", "Cannot read lease.owner: it is not a node");
}
