// This node as a voter: answers questions for leases by crdt/leases.ts, with its promises on the disk before each answer.
// Must never: answer yes to what the disk does not hold.

import type { Clock } from "../../clock.js";
import { type Ballot, emptyBallot, LEASE_FOREIGN_MS, releasedBy, voteOn } from "../../crdt/leases.js";
import type { ContainerId, NodeId } from "../../model.js";
import type { LeaseAnswer, LeaseFrame } from "./lease-frames.js";
import type { Promised, Promises } from "./promises.js";

/** Containers that this node remembers promises of. */
export const BALLOTS_MAX = 100_000;

export interface VoterOptions {
	readonly self: NodeId;
	readonly clock: Clock;
	readonly promises: Pick<Promises, "found" | "keep" | "drop">;
	/** The digest of the voters that this node votes under; null: of none now. */
	readonly votesUnder: () => number | null;
	/** The file of promises was not there although this node is not new. */
	readonly isForgetful: boolean;
	/** Whether the container may execute here: its lease is not over. */
	readonly mayRunHere: (container: ContainerId) => boolean;
}

export interface Voter {
	/** The answers, once the disk holds what they promise. Rejects when it takes no write: then nothing may be answered. */
	answer(from: NodeId, asked: Extract<LeaseFrame, { kind: "ask" }>): Promise<readonly LeaseAnswer[]>;
	release(from: NodeId, said: Extract<LeaseFrame, { kind: "release" }>): void;
	/** When it last said yes to a lease, or may have done so in its last life; -Infinity: never. */
	lastYesMs(): number;
	/** Forgets containers that are removed, once no lease of them can hold. */
	forget(isRemoved: (container: ContainerId) => boolean): void;
}

export function createVoter(options: VoterOptions): Voter {
	const { self, clock, promises } = options;
	const ballots = new Map<ContainerId, Ballot>();
	for (const [container, promise] of promises.found) ballots.set(container, { promise, yes: null });
	/** Whose promise may not be on the disk: it is written, or its writing failed. */
	const unkept = new Set<ContainerId>();
	const quietUntilMs = clock.monotonicMs() + LEASE_FOREIGN_MS;
	const isNew = promises.found.size === 0 && !options.isForgetful;
	let lastYesMs = isNew ? Number.NEGATIVE_INFINITY : clock.monotonicMs();

	return {
		async answer(from, { owner: supposed, wishes, session, question, voters }) {
			if (voters !== options.votesUnder()) return wishes.map((wish) => ({ ...wish, granted: false, epochPromised: 0 }));
			const owner = supposed ?? from;
			const promised: Promised[] = [];
			const answers = wishes.map(({ container, epoch }): LeaseAnswer => {
				const ballot = ballots.get(container) ?? emptyBallot;
				const vote = voteOn(
					ballot,
					{ epoch, owner, session, question },
					{
						nowMs: clock.monotonicMs(),
						quietUntilMs,
						isForgetful: options.isForgetful,
						holdsItself: owner !== self && options.mayRunHere(container),
					},
				);
				if (!vote.granted) return { container, epoch, granted: false, epochPromised: vote.epoch };
				const isFull = ballots.size >= BALLOTS_MAX && !ballots.has(container);
				if (supposed === null && !isFull) {
					lastYesMs = clock.monotonicMs();
					ballots.set(container, vote.ballot);
					if (vote.isNewPromise) unkept.add(container);
					if (unkept.has(container)) promised.push({ container, epoch, owner });
				}
				return { container, epoch, granted: !isFull, epochPromised: ballot.promise?.epoch ?? 0 };
			});
			if (promised.length === 0) return answers;
			await promises.keep(promised);
			for (const { container, epoch, owner } of promised) {
				const now = ballots.get(container)?.promise;
				if (now?.epoch === epoch && now.owner === owner) unkept.delete(container);
			}
			return answers;
		},
		release(from, { containers, session, question }) {
			for (const container of containers) {
				const ballot = ballots.get(container);
				if (ballot !== undefined) ballots.set(container, releasedBy(ballot, from, { session, question }));
			}
		},
		lastYesMs: () => lastYesMs,
		forget(isRemoved) {
			const nowMs = clock.monotonicMs();
			const gone = [...ballots].filter(
				([container, { yes }]) =>
					isRemoved(container) && nowMs >= quietUntilMs && (yes === null || nowMs - yes.atMs > LEASE_FOREIGN_MS),
			);
			if (gone.length === 0) return;
			for (const [container] of gone) {
				ballots.delete(container);
				unkept.delete(container);
			}
			promises.drop(gone.map(([container]) => container));
		},
	};
}
