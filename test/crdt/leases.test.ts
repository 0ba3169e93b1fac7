import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
	type Ballot,
	emptyBallot,
	LEASE_FOREIGN_MS,
	LEASE_OWN_MS,
	leasedUntilMs,
	majorityOf,
	releasedBy,
	type VoterFacts,
	voteOn,
} from "../../src/crdt/leases.js";
import type { NodeId } from "../../src/model.js";

const [a, b, c] = ["a", "b", "c"] as unknown as [NodeId, NodeId, NodeId];
const facts: VoterFacts = { nowMs: 100_000, quietUntilMs: 0, isForgetful: false, holdsItself: false };
const question = (owner: NodeId, epoch: number) => ({ owner, epoch, session: 1, question: 1 });

function granted(ballot: Ballot, owner: NodeId, epoch: number, change: Partial<VoterFacts> = {}): Ballot {
	const vote = voteOn(ballot, question(owner, epoch), { ...facts, ...change });
	if (!vote.granted) throw new Error(`refused: ${vote.why}`);
	return vote.ballot;
}

describe("a voter", () => {
	it("says no to a lower epoch than it promised, and names that one", () => {
		const ballot = granted(emptyBallot, a, 5);
		expect(voteOn(ballot, question(b, 4), facts)).toEqual({ granted: false, why: "promised", epoch: 5 });
		expect(voteOn(ballot, question(b, 5), facts)).toMatchObject({ granted: false, why: "promised" });
	});

	it("says no to another owner until the lease that its yes may have made is over", () => {
		const ballot = granted(emptyBallot, a, 1);
		const at = (nowMs: number) => voteOn(ballot, question(b, 2), { ...facts, nowMs });
		expect(at(facts.nowMs + LEASE_FOREIGN_MS - 1)).toMatchObject({ granted: false, why: "leased" });
		expect(at(facts.nowMs + LEASE_FOREIGN_MS)).toMatchObject({ granted: true, isNewPromise: true });
	});

	it("says yes to the same owner at once, and needs no new promise for it", () => {
		const ballot = granted(emptyBallot, a, 1);
		expect(voteOn(ballot, question(a, 1), facts)).toMatchObject({ granted: true, isNewPromise: false });
		expect(voteOn(ballot, question(a, 2), facts)).toMatchObject({ granted: true, isNewPromise: true });
	});

	it("waits after its boot before it says yes to another owner than the promised one", () => {
		const ballot: Ballot = { promise: { epoch: 1, owner: a }, yes: null };
		const booted = { ...facts, quietUntilMs: facts.nowMs + 1 };
		expect(voteOn(ballot, question(b, 2), booted)).toMatchObject({ granted: false, why: "leased" });
		expect(voteOn(ballot, question(a, 1), booted)).toMatchObject({ granted: true });
		expect(voteOn(emptyBallot, question(b, 2), booted)).toMatchObject({ granted: true });
		expect(voteOn(emptyBallot, question(b, 2), { ...booted, isForgetful: true })).toMatchObject({ granted: false });
	});

	it("says no while the container may run on its own machine", () => {
		expect(voteOn(emptyBallot, question(b, 2), { ...facts, holdsItself: true })).toMatchObject({ why: "leased" });
	});

	it("need not wait when the owner gave the lease up, but heeds no word that is older than the last question", () => {
		const first = granted(emptyBallot, a, 1);
		const free = releasedBy(first, a, { session: 1, question: 1 });
		expect(voteOn(free, question(b, 2), facts)).toMatchObject({ granted: true });
		for (const said of [
			{ session: 1, question: 0 },
			{ session: 2, question: 9 },
		])
			expect(releasedBy(first, a, said)).toBe(first);
		expect(releasedBy(first, b, { session: 1, question: 1 })).toBe(first);
	});
});

describe("an owner", () => {
	it("may run for a lease after the sending of what the majority's last said yes to", () => {
		const sent = (entries: readonly (readonly [NodeId, number])[]) => leasedUntilMs(new Map(entries), [a, b, c]);
		expect(sent([[a, 5_000]])).toBe(Number.NEGATIVE_INFINITY);
		expect(
			sent([
				[a, 5_000],
				[b, 4_000],
			]),
		).toBe(4_000 + LEASE_OWN_MS);
		expect(
			sent([
				[a, 5_000],
				[b, 4_000],
				[c, 4_500],
			]),
		).toBe(4_500 + LEASE_OWN_MS);
	});

	it("does not count who is no voter", () => {
		expect(leasedUntilMs(new Map([[c, 1]]), [a])).toBe(Number.NEGATIVE_INFINITY);
		expect(majorityOf(2)).toBe(2);
	});
});

/** One thing that happens: somebody asks, gives up, boots, or time goes on. */
const happening = fc.oneof(
	{
		weight: 6,
		arbitrary: fc.record({
			kind: fc.constant("ask" as const),
			owner: fc.nat(4),
			rise: fc.nat(2),
			reach: fc.nat(31),
			answers: fc.nat(31),
		}),
	},
	{ weight: 1, arbitrary: fc.record({ kind: fc.constant("release" as const), owner: fc.nat(4), reach: fc.nat(31) }) },
	{ weight: 1, arbitrary: fc.record({ kind: fc.constant("boot" as const), voter: fc.nat(4) }) },
	{ weight: 4, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(4_000) }) },
);

it("no two owners may ever run at once, whoever hears of whom, whatever boots", () => {
	fc.assert(
		fc.property(fc.array(happening, { maxLength: 120 }), (happenings) => {
			const nodes = [0, 1, 2, 3, 4].map((index) => `n${index}` as NodeId);
			const voters = nodes.map(() => ({ ballot: emptyBallot, quietUntilMs: 0 }));
			const yes = nodes.map(() => new Map<NodeId, number>());
			const until = nodes.map(() => Number.NEGATIVE_INFINITY);
			let [nowMs, epoch, asked] = [100_000, 1, 0];
			for (const one of happenings) {
				if (one.kind === "wait") nowMs += one.ms;
				else if (one.kind === "boot") {
					const voter = voters[one.voter] as (typeof voters)[number];
					voter.ballot = { ...voter.ballot, yes: null };
					voter.quietUntilMs = nowMs + LEASE_FOREIGN_MS;
				} else if (one.kind === "release") {
					until[one.owner] = Number.NEGATIVE_INFINITY;
					yes[one.owner]?.clear();
					for (const [index, voter] of voters.entries())
						if (one.reach & (1 << index))
							voter.ballot = releasedBy(voter.ballot, nodes[one.owner] as NodeId, {
								session: one.owner,
								question: asked,
							});
				} else {
					epoch += one.rise;
					asked += 1;
					for (const [index, voter] of voters.entries()) {
						if (!(one.reach & (1 << index))) continue;
						const owner = nodes[one.owner] as NodeId;
						const mayRun = (until[index] as number) > nowMs && index !== one.owner;
						const about = { nowMs, quietUntilMs: voter.quietUntilMs, isForgetful: false, holdsItself: mayRun };
						const vote = voteOn(voter.ballot, { owner, epoch, session: one.owner, question: asked }, about);
						if (!vote.granted) continue;
						voter.ballot = vote.ballot;
						if (one.answers & (1 << index)) yes[one.owner]?.set(nodes[index] as NodeId, nowMs);
					}
					until[one.owner] = leasedUntilMs(yes[one.owner] as Map<NodeId, number>, nodes);
				}
				expect(until.filter((untilMs) => untilMs > nowMs).length).toBeLessThanOrEqual(1);
			}
		}),
		{ numRuns: 2_000 },
	);
});
