// Who votes on leases, and how that changes, as pure steps: each electorate is made from the one before with the consent of a majority of
// it, by one instance of Paxos (Lamport, "Paxos Made Simple", 2001) for each number, so that there is one chain of them on all sides
// of a split. Who has accepted the next one says no to leases under the present one: once a next one is decided, no majority is left for
// the one before. What both could still have let run at once, while leases of before last, is ruled out in node/lease/electorate.ts.
// Must never: read a clock, or depend on who is thought to be alive.

import type { ElectorateRecord, NodeId, NodeRecord, VoterId } from "../model.js";
import { canonicalJson, compareText } from "./canonical.js";
import { majorityOf } from "./leases.js";

export type Electorate = Pick<ElectorateRecord, "number" | "voters" | "before">;

/** Of one number there is only one; who of several tells of it does not matter. */
export function betterElectorate(a: ElectorateRecord, b: ElectorateRecord): ElectorateRecord {
	const order = b.number - a.number || compareText(canonicalJson(a), canonicalJson(b));
	return order <= 0 ? a : b;
}

export function voterIdOf({ node, admittedAtMs }: Pick<NodeRecord, "node" | "admittedAtMs">): VoterId {
	return `${node}@${Math.floor(admittedAtMs ?? 0)}` as VoterId;
}

export function nodeOfVoter(voter: VoterId): NodeId {
	return voter.slice(0, voter.indexOf("@")) as NodeId;
}

/** An attempt of a node to have its proposal decided; higher ones win. */
export interface Round {
	readonly count: number;
	readonly by: NodeId;
}

export interface Proposal {
	readonly round: Round;
	readonly voters: readonly VoterId[];
}

/** What a voter said about the electorate of `number`: on its disk before anybody hears of it. */
export interface Consent {
	readonly number: number;
	/** It takes nothing of a lower one any more; null: it was asked for nothing yet. */
	readonly promised: Round | null;
	/** The highest that it accepted. */
	readonly accepted: Proposal | null;
}

export function noConsent(number: number): Consent {
	return { number, promised: null, accepted: null };
}

/** null: a higher round was promised. */
export function promisedTo(consent: Consent, round: Round): Consent | null {
	return isBelow(round, consent.promised) ? null : { ...consent, promised: round };
}

/** null: a higher round was promised. */
export function acceptedOf(consent: Consent, proposal: Proposal): Consent | null {
	const { round } = proposal;
	return isBelow(round, consent.promised) ? null : { ...consent, promised: round, accepted: proposal };
}

function isBelow(round: Round, promised: Round | null): boolean {
	if (promised === null) return false;
	return round.count < promised.count || (round.count === promised.count && compareText(round.by, promised.by) < 0);
}

/** What has to be proposed after these promises: the highest that was accepted, for it may be decided already; else the own wish. */
export function proposalAfter(promises: Iterable<Proposal | null>, wish: readonly VoterId[]): readonly VoterId[] {
	let highest: Proposal | null = null;
	for (const accepted of promises)
		if (accepted !== null && (highest === null || isBelow(highest.round, accepted.round))) highest = accepted;
	return highest?.voters ?? wish;
}

export function isMajority(
	saidYes: ReadonlySet<NodeId> | ReadonlyMap<NodeId, unknown>,
	voters: readonly NodeId[],
): boolean {
	return voters.filter((voter) => saidYes.has(voter)).length >= majorityOf(voters.length);
}
