// Leases of exclusive containers as pure steps: what a voter answers, and until when an owner may run. Two owners never hold leases of one
// container at once: both need a majority, two majorities share a voter, and a voter does not say yes to another owner before the
// lease that its last yes can have made is over, whatever messages are lost, late, doubled or out of order.
// Must never: read a clock, or depend on who is thought to be alive.

import type { NodeId } from "../model.js";

/** How long an owner may run after the sending of what a majority acknowledged. */
export const LEASE_MS = 8_000;
/** Rates of two machines' clocks differ by less than this share (crystals: 0.0001). */
export const DRIFT_MAX = 0.02;
/** For what ends a lease to be carried out: a timer, the freezer. */
const END_MS_MAX = 600;
/** By the owner's clock. */
export const LEASE_OWN_MS: number = LEASE_MS * (1 - DRIFT_MAX);
/** By a voter's clock, from its yes. */
export const LEASE_FOREIGN_MS: number = LEASE_MS * (1 + 2 * DRIFT_MAX) + END_MS_MAX;

/** The highest claim that a voter said yes to: it never says yes to a lower one, also after a crash. */
export interface LeasePromise {
	readonly epoch: number;
	readonly owner: NodeId;
}

/** A voter's last yes. Forgotten with its process: hence `quietUntilMs`. */
export interface LeaseYes {
	readonly owner: NodeId;
	/** One life of the owner's daemon … */
	readonly session: number;
	/** … and the question in it, counted up. */
	readonly question: number;
	/** By the voter's clock. */
	readonly atMs: number;
}

export interface Ballot {
	readonly promise: LeasePromise | null;
	readonly yes: LeaseYes | null;
}

export const emptyBallot: Ballot = { promise: null, yes: null };

export interface LeaseQuestion {
	readonly epoch: number;
	readonly owner: NodeId;
	readonly session: number;
	readonly question: number;
}

export interface VoterFacts {
	/** By a clock that never goes back; it may stand still while the machine sleeps. */
	readonly nowMs: number;
	/** Until then a yes of this voter's last life may hold. */
	readonly quietUntilMs: number;
	/** Its promises were not on the disk where they should be: what it said yes to in its last life is not known. */
	readonly isForgetful: boolean;
	/** Another node asks while this one may run it: its own lease is not over. */
	readonly holdsItself: boolean;
}

export type LeaseRefusal =
	/** A higher epoch, or the same one of another owner, was promised. */
	| "promised"
	/** The lease of another owner may not be over. */
	| "leased";

export type Vote =
	| {
			readonly granted: true;
			readonly ballot: Ballot /** Must be on the disk before the answer. */;
			readonly isNewPromise: boolean;
	  }
	| {
			readonly granted: false;
			readonly why: LeaseRefusal /** Of the promise; 0 without one. */;
			readonly epoch: number;
	  };

export function voteOn(ballot: Ballot, asked: LeaseQuestion, facts: VoterFacts): Vote {
	const { promise } = ballot;
	const { epoch, owner } = asked;
	const refused = (why: LeaseRefusal): Vote => ({ granted: false, why, epoch: promise?.epoch ?? 0 });
	if (promise !== null && (epoch < promise.epoch || (epoch === promise.epoch && owner !== promise.owner)))
		return refused("promised");
	// Without a promise nothing was said yes to: yes comes after the promise is on the disk.
	const mayHaveSaidYes = promise === null ? facts.isForgetful : owner !== promise.owner;
	if (mayHaveSaidYes && facts.nowMs < facts.quietUntilMs) return refused("leased");
	if (facts.holdsItself || isLeasedToOther(ballot.yes, owner, facts)) return refused("leased");
	const { session, question } = asked;
	const isOlder = ballot.yes?.session === session && ballot.yes.question > question;
	return {
		granted: true,
		ballot: {
			promise: { epoch, owner },
			yes: isOlder ? { ...ballot.yes, atMs: facts.nowMs } : { owner, session, question, atMs: facts.nowMs },
		},
		isNewPromise: promise?.epoch !== epoch || promise.owner !== owner,
	};
}

function isLeasedToOther(yes: LeaseYes | null, owner: NodeId, { nowMs }: VoterFacts): boolean {
	return yes !== null && yes.owner !== owner && nowMs - yes.atMs < LEASE_FOREIGN_MS;
}

/**
 * The owner says that nothing of it runs, nor will before it asks anew: the next owner need not wait. A word from another life of the
 * owner, or older than its last question here, counts for nothing.
 */
export function releasedBy(
	ballot: Ballot,
	owner: NodeId,
	{ session, question }: Pick<LeaseQuestion, "session" | "question">,
): Ballot {
	const { yes } = ballot;
	if (yes === null || yes.owner !== owner || yes.session !== session || yes.question > question) return ballot;
	return { ...ballot, yes: null };
}

export function majorityOf(voterCount: number): number {
	return Math.floor(voterCount / 2) + 1;
}

/**
 * Until when its owner may run it, given for each voter when the latest question was sent that it said yes to, by the owner's clock. -Infinity
 * without a majority.
 */
export function leasedUntilMs(yesToSentMs: ReadonlyMap<NodeId, number>, voters: readonly NodeId[]): number {
	const sent = voters.flatMap((voter) => yesToSentMs.get(voter) ?? []).sort((a, b) => b - a);
	const deciding = sent[majorityOf(voters.length) - 1];
	return deciding === undefined ? Number.NEGATIVE_INFINITY : deciding + LEASE_OWN_MS;
}
