import { expect, it } from "vitest";
import type { Chance } from "../../../src/clock.js";
import { betterElectorate, type Consent, type Electorate, nodeOfVoter } from "../../../src/crdt/electorates.js";
import { LEASE_FOREIGN_MS } from "../../../src/crdt/leases.js";
import { silentLogger } from "../../../src/log.js";
import type { ElectorateRecord, NodeId, VoterId } from "../../../src/model.js";
import { createElectorate, type ElectorateKeeper, votersOf } from "../../../src/node/lease/electorate.js";

const ids = (names: string) => [...names] as unknown as readonly NodeId[];
const voterIds = (names: string, at = 0) => [...names].map((name) => `${name}@${at}`) as unknown as readonly VoterId[];

/** Nodes with disks of their own, one network between those of a side, records that spread when they are told to. */
function cluster(founders: string, members: () => string) {
	let nowMs = 0;
	let sides = ["abcdefgh"];
	const records = new Map<NodeId, ElectorateRecord>();
	const disks = new Map<NodeId, { electorate: Electorate | null; consent: Consent | null }>();
	const keepers = new Map<NodeId, ElectorateKeeper>();
	const lastYesMs = new Map<NodeId, number>();
	const mute = new Set<NodeId>();
	const reaches = (from: NodeId, to: NodeId) => sides.some((side) => side.includes(from) && side.includes(to));

	function start(self: NodeId): void {
		const first = founders.includes(self)
			? { number: 0, voters: voterIds(founders), before: [] as readonly VoterId[] }
			: null;
		const disk = disks.get(self) ?? { electorate: first, consent: null };
		disks.set(self, disk);
		const keeper = createElectorate({
			self,
			clock: { monotonicMs: () => nowMs } as Parameters<typeof createElectorate>[0]["clock"],
			chance: { fraction: () => 0.5 } as Chance,
			logger: silentLogger,
			promises: {
				...disk,
				async keepElectorate(electorate) {
					disk.electorate = electorate;
				},
				async keepConsent(consent) {
					disk.consent = consent;
				},
			},
			isForgetful: false,
			state: {
				told: () => records.get(self) ?? null,
				tell: (record) => void records.set(self, record),
				members: () => voterIds(members()).filter((voter) => reaches(self, nodeOfVoter(voter))),
				isUnknown: (voter) => !reaches(self, nodeOfVoter(voter)),
				hasLeft: () => false,
			},
			lastYesMs: () => lastYesMs.get(self) ?? Number.NEGATIVE_INFINITY,
			send: (to, frame) => {
				if (reaches(self, to) && !mute.has(self)) queueMicrotask(() => keepers.get(to)?.take(self, frame));
			},
			onChange: () => {},
		});
		keepers.set(self, keeper);
	}

	function spread(): void {
		for (const [from, record] of [...records])
			for (const to of keepers.keys()) {
				const known = records.get(to);
				if (reaches(from, to)) records.set(to, known === undefined ? record : betterElectorate(known, record));
			}
	}
	return {
		mute,
		lastYesMs,
		start,
		/** Cuts what is not within one of these. */
		split: (...next: readonly string[]) => {
			sides = [...next];
		},
		keeper: (node: string) => keepers.get(node as NodeId) as ElectorateKeeper,
		voters: (node: string) =>
			keepers
				.get(node as NodeId)
				?.current()
				?.voters.join(""),
		async run(ms: number) {
			for (const endMs = nowMs + ms; nowMs < endMs; nowMs += 250) {
				for (const keeper of keepers.values()) keeper.refresh();
				for (let turn = 0; turn < 200; turn++) await Promise.resolve();
				spread();
			}
		},
	};
}

it("grows with the cluster, node by node and at once where no lease was given", async () => {
	let members = "a";
	const { run, start, voters } = cluster("a", () => members);
	for (const node of ids("abc")) start(node);
	await run(500);
	expect([voters("a"), voters("b")]).toEqual(["a", "a"]);
	for (members of ["ab", "abc"]) {
		const cutOff = members;
		await run(2_000);
		expect([...cutOff].map(voters)).toEqual([...cutOff].map(() => cutOff));
	}
});

it("nodes that join a minority do not vote, however many they are, until the majority is back", async () => {
	let members = "abc";
	const all = "abcdefg";
	const { run, split, start, voters } = cluster("abc", () => members);
	for (const node of ids(all)) start(node);
	await run(1_000);
	split("ab", "cdefg");
	members = all;
	await run(60_000);
	expect([voters("a"), voters("c"), voters("g")]).toEqual(["abc", "abc", "abc"]);
	split(all);
	await run(3_000);
	expect([...all].map(voters)).toEqual([...all].map(() => all));
});

it("there is one next electorate, when both halves saw other nodes join and the proposers know of different ones", async () => {
	let members = "abcd";
	const all = "abcdefgh";
	const { run, split, start, voters, keeper } = cluster("abcd", () => members);
	for (const node of ids(all)) start(node);
	await run(1_000);
	members = all;
	// Whoever reaches three of the four decides: first abc for e and f, without forgetting d, later all of them.
	split("abcef", "dgh");
	await run(1_000);
	expect([voters("a"), voters("d")]).toEqual(["abcdef", "abcd"]);
	expect(keeper("d").votesUnder()).not.toBe(keeper("a").votesUnder());
	split(all);
	await run(20_000);
	expect([...all].map(voters)).toEqual([...all].map(() => all));
	expect(new Set([...all].map((node) => keeper(node).votesUnder())).size).toBe(1);
});

it("waits for leases of the electorate before last, and a lease needs both majorities as long as an earlier one can hold", async () => {
	let members = "ab";
	const { run, start, voters, keeper, lastYesMs } = cluster("ab", () => members);
	for (const node of ids("abcde")) start(node);
	await run(1_000);
	members = "abc";
	for (const node of ids("ab")) lastYesMs.set(node, 1_000);
	await run(1_000);
	expect(voters("a")).toBe("abc");
	expect(keeper("a").current()?.before).toEqual(["a", "b"]);
	members = "abcde";
	await run(LEASE_FOREIGN_MS - 2_500);
	expect(voters("a")).toBe("abc");
	await run(5_000);
	expect(voters("a")).toBe("abcde");
	await run(LEASE_FOREIGN_MS);
	expect(keeper("a").current()?.before).toBeNull();
});

it("what a majority accepted is what becomes of it, also when its proposer is gone before it told anybody", async () => {
	let members = "abc";
	const { run, split, start, voters, mute } = cluster("abc", () => members);
	for (const node of ids("abcde")) start(node);
	await run(1_000);
	members = "abcd";
	// The proposer hears nobody's consent: what it asks for arrives, the answers do not.
	for (const node of ids("abc")) mute.add(node);
	split("abcd");
	mute.delete("a" as NodeId);
	mute.delete("b" as NodeId);
	await run(500);
	split("bcd");
	mute.clear();
	members = "bcde";
	await run(4_000);
	split("bcde", "a");
	await run(20_000);
	expect([voters("b"), voters("c")]).toEqual([voters("e"), voters("e")]);
	expect(voters("b")).toContain("a");
});

it("a disk that is full leaves the voters as they were, and who was started again goes by what it holds", async () => {
	const kept: Electorate[] = [];
	let isFull = true;
	let told: ElectorateRecord | null = null;
	const options = (electorate: Electorate | null): Parameters<typeof createElectorate>[0] => ({
		self: "a" as NodeId,
		clock: { monotonicMs: () => 0 } as Parameters<typeof createElectorate>[0]["clock"],
		chance: { fraction: () => 0.5 } as Chance,
		logger: silentLogger,
		promises: {
			...{ electorate, consent: null },
			async keepElectorate(next) {
				if (isFull) throw new Error("ENOSPC");
				kept.push(next);
			},
			keepConsent: async () => {},
		},
		isForgetful: false,
		state: {
			...{ told: () => told, tell: () => {}, members: () => voterIds("abc") },
			...{ isUnknown: () => false, hasLeft: (voter: VoterId) => nodeOfVoter(voter) === "c" },
		},
		...{ lastYesMs: () => Number.NEGATIVE_INFINITY, send: () => {}, onChange: () => {} },
	});
	const keeper = createElectorate(options({ number: 3, voters: voterIds("ab"), before: [] }));
	told = { kind: "electorate", number: 4, voters: voterIds("abc"), before: voterIds("ab"), writer: "b" as NodeId };
	keeper.refresh();
	await Promise.resolve();
	expect(keeper.current()?.voters).toEqual(["a", "b"]);
	isFull = false;
	keeper.refresh();
	await expect.poll(() => kept.length).toBe(1);
	// Who left is none of them at once.
	expect(keeper.current()?.voters).toEqual(["a", "b"]);
	expect(keeper.votesUnder()).toBe(votersOf(4, voterIds("ab")).digest);
	expect(createElectorate(options(kept[0] ?? null)).votesUnder()).toBe(keeper.votesUnder());
	expect(createElectorate(options(null)).current()).toBeNull();
});

it("two nodes name the same voters alike, and others otherwise", () => {
	expect(votersOf(2, voterIds("cab")).digest).toBe(votersOf(2, voterIds("abc")).digest);
	expect(votersOf(2, voterIds("ab")).digest).not.toBe(votersOf(2, voterIds("abc")).digest);
	expect(votersOf(2, voterIds("ab", 7)).digest).not.toBe(votersOf(2, voterIds("ab")).digest);
	expect(votersOf(3, voterIds("ab")).digest).not.toBe(votersOf(2, voterIds("ab")).digest);
});
