import { expect, test } from "vitest";
import { TOMBSTONES_KEPT } from "../../src/crdt/housekeeping.js";
import type { NodeId } from "../../src/model.js";
import { createSimProcess } from "../cluster/sim/sim-process.js";
import { createStoreWorld, type StoreWorld, viewText } from "../cluster/sim/store-world.js";
import { aClaim, aContainer, aNode, aSpecRecord } from "./records.js";
import { chainOf } from "./writing.js";

const [N1, N2, N3] = ["N1", "N2", "N3"] as [NodeId, NodeId, NodeId];

function expectSameViews(world: StoreWorld): void {
	const texts = new Set(world.nodes.filter((one) => one.state !== null).map((one) => viewText(one.state as never)));
	expect(texts.size).toBe(1);
}

test("what one node commits is seen by all within a few milliseconds", async () => {
	const world = await createStoreWorld("spread", 3);
	await world.timeline.run(100);
	const committed = world.state(0).commit([aSpecRecord(N1, "web"), aClaim(N1, "web.0")]);
	await world.timeline.run(60);
	await committed;
	expect(world.state(1).view().specs.get("web")?.writer).toBe(N1);
	expect(
		world
			.state(2)
			.view()
			.claims.get("web.0" as never)?.owner,
	).toBe(N1);
	expectSameViews(world);
});

test("a commit is on disk before a peer hears of it", async () => {
	const world = await createStoreWorld("durable", 2);
	const syncsBefore = world.nodes[0]?.disk.syncs() ?? 0;
	let syncsWhenHeard = -1;
	world.state(1).subscribe((view) => {
		if (view.claims.size > 0) syncsWhenHeard = world.nodes[0]?.disk.syncs() ?? 0;
	});
	void world.state(0).commit([aClaim(N1, "web.0")]);
	await world.timeline.run(100);
	expect(syncsWhenHeard).toBeGreaterThan(syncsBefore);
});

test("commits made at once share one sync of the disk", async () => {
	const world = await createStoreWorld("group", 1);
	const before = world.nodes[0]?.disk.syncs() ?? 0;
	const commits = Promise.all(
		Array.from({ length: 50 }, (_, index) => world.state(0).commit([aClaim(N1, `w.${index}`)])),
	);
	await world.timeline.run(100);
	await commits;
	expect((world.nodes[0]?.disk.syncs() ?? 0) - before).toBe(1);
	expect(world.state(0).view().claims.size).toBe(50);
});

test("a node that was down catches up, also on documents of nodes that are down by then", async () => {
	const world = await createStoreWorld("catch up", 3);
	const [n1, , n3] = world.nodes as [never, never, never];
	world.kill(n3);
	await world.timeline.run(1000);
	void world.state(0).commit([aSpecRecord(N1, "web")]);
	await world.timeline.run(1000);
	world.kill(n1);
	world.start(n3);
	await world.timeline.run(6000);
	expect(world.state(2).view().specs.get("web")?.writer).toBe(N1);
	expect(viewText(world.state(1))).toBe(viewText(world.state(2)));
});

test("a document that is more than half full is tidied every second", async () => {
	const world = await createStoreWorld("crowded", 1);
	await world.timeline.run(6_000);
	const { spec } = aSpecRecord(N1, "web");
	const large = { ...spec, env: { TEXT: "x".repeat(4_500) } };
	const { ms } = world.state(0).time();
	const removed = Array.from({ length: 600 }, (_, index) =>
		aSpecRecord(N1, `w${index}`, { spec: large, removed: true, time: { ms, logical: index } }),
	);
	void world.state(0).commit(removed);
	await world.timeline.run(4_500);
	expect(world.state(0).view().specs.size).toBe(600);
	await world.timeline.run(1_500);
	expect(world.state(0).view().specs.size).toBe(TOMBSTONES_KEPT);
});

test("a removed workload leaves no record when every member has heard of it, and one while a member is away", async () => {
	const world = await createStoreWorld("removed", 3);
	const third = world.nodes[2] as never;
	for (const [index, node] of [N1, N2, N3].entries()) void world.state(index).commit([aNode(node)]);
	await world.timeline.run(1000);
	const remove = async (name: string) => {
		const time = world.state(0).time();
		void world.state(1).commit([aClaim(N2, `${name}.0`)]);
		void world.state(0).commit([aSpecRecord(N1, name, { revision: 2, removed: true, time })]);
		await world.timeline.run(3 * 60_000);
	};
	const left = () => [0, 1].map((index) => [...world.state(index).view().specs.keys()].sort());
	await remove("web");
	expect(left()).toEqual([[], []]);
	expect(world.state(0).view().claims.size).toBe(0);
	world.kill(third);
	await remove("db");
	expect(left()).toEqual([["db"], ["db"]]);
	world.start(third);
	await world.timeline.run(3 * 60_000);
	expect(left()).toEqual([[], []]);
	expectSameViews(world);
});

test("of forty members none waits for minutes until all are known to have heard of a removed workload", async () => {
	const world = await createStoreWorld("many", 40);
	for (const [index, { node }] of world.nodes.entries()) void world.state(index).commit([aNode(node)]);
	await world.timeline.run(10_000);
	void world.state(0).commit([aSpecRecord(N1, "web", { revision: 2, removed: true, time: world.state(0).time() })]);
	await world.timeline.run(120_000);
	for (const index of world.nodes.keys()) expect(world.state(index).view().specs.size).toBe(0);
});

test("a restarted node knows its own records and those of others before it meets a peer", async () => {
	const world = await createStoreWorld("restart", 2);
	void world.state(0).commit([aSpecRecord(N1, "web")]);
	void world.state(1).commit([aClaim(N2, "web.0")]);
	await world.timeline.run(500);
	for (const one of world.nodes) world.kill(one);
	world.start(world.nodes[0] as never);
	await world.timeline.run(50);
	expect(world.state(0).own("spec/web")).not.toBeNull();
	expect(
		world
			.state(0)
			.view()
			.claims.get("web.0" as never)?.owner,
	).toBe(N2);
});

test("a node restored from an old backup takes back what its peers hold of it, also a hand-over it no longer knew", async () => {
	const world = await createStoreWorld("backup", 3);
	const n1 = world.nodes[0] as (typeof world.nodes)[number];
	void world.state(0).commit([aClaim(N1, "web.0")]);
	await world.timeline.run(200);
	const backup = n1.disk.backup();
	void world.state(0).commit([aClaim(N1, "web.0", { epoch: 2, owner: N2, reason: "handover" })]);
	await world.timeline.run(200);
	world.kill(n1);
	n1.disk.restore(backup);
	// Its clock is an hour behind on top of it.
	n1.clockOffsetMs = -3_600_000;
	world.start(n1);
	await world.timeline.run(10_000);
	for (const index of [0, 1, 2])
		expect(
			world
				.state(index)
				.view()
				.claims.get("web.0" as never)?.owner,
		).toBe(N2);
	expect(world.state(0).own("claim/web.0")).toMatchObject({ epoch: 2, owner: N2 });
	expectSameViews(world);
	void world.state(0).commit([aSpecRecord(N1, "after")]);
	await world.timeline.run(200);
	expect(world.state(2).view().specs.has("after")).toBe(true);
});

test("a full disk refuses commits, shows none of them to anybody, and the node goes on when there is space", async () => {
	const world = await createStoreWorld("full", 2);
	const n1 = world.nodes[0] as (typeof world.nodes)[number];
	n1.disk.setFull(true);
	const refused = world.state(0).commit([aClaim(N1, "web.0")]);
	refused.catch(() => {});
	world.state(0).put([aContainer(N1, "web.0")]);
	await world.timeline.run(500);
	await expect(refused).rejects.toMatchObject({ retryable: true });
	expect(world.state(1).view().claims.size).toBe(0);
	n1.disk.setFull(false);
	await world.timeline.run(3000);
	const accepted = world.state(0).commit([aClaim(N1, "db.0")]);
	await world.timeline.run(100);
	await accepted;
	expect([...world.state(1).view().claims.keys()]).toEqual(["db.0"]);
	expect(
		world
			.state(1)
			.view()
			.containers.has("web.0" as never),
	).toBe(true);
	expectSameViews(world);
});

test("a record changed ten thousand times leaves a small document on every node", async () => {
	const world = await createStoreWorld("growth", 2);
	for (let round = 0; round < 2500; round++) {
		world.state(0).put([aContainer(N1, "web.0", { epoch: round + 1 }), aContainer(N1, "web.1", { epoch: round + 1 })]);
		world.state(0).put([aContainer(N1, "web.2", { epoch: round + 1 }), aContainer(N1, "web.3", { epoch: round + 1 })]);
		await world.timeline.run(30);
	}
	await world.timeline.run(6000);
	expect(
		world
			.state(1)
			.view()
			.containers.get("web.3" as never)?.[0]?.epoch,
	).toBe(2500);
	for (const one of world.nodes) expect(one.disk.backup().length).toBeLessThan(4 * 1024 * 1024);
	expectSameViews(world);
}, 30_000);

test("the same fact put again is not written again", async () => {
	const world = await createStoreWorld("same", 2);
	world.state(0).put([aContainer(N1, "web.0")]);
	await world.timeline.run(100);
	const size = world.nodes[0]?.disk.backup().length;
	world.state(0).put([aContainer(N1, "web.0")]);
	await world.timeline.run(100);
	expect(world.nodes[0]?.disk.backup().length).toBe(size);
});

test("put shows in own at once, commit only when it is on disk", async () => {
	const world = await createStoreWorld("own", 1);
	world.state(0).put([aContainer(N1, "web.0")]);
	expect(world.state(0).own("container/web.0")).not.toBeNull();
	void world.state(0).commit([aClaim(N1, "web.0")]);
	expect(world.state(0).own("claim/web.0")).toBeNull();
	await world.timeline.run(100);
	expect(world.state(0).own("claim/web.0")).not.toBeNull();
});

test("refuses a record of another node, a bad field, and a record that is too large", async () => {
	const world = await createStoreWorld("refuse", 1);
	const state = world.state(0);
	await expect(state.commit([aClaim(N2, "web.0")])).rejects.toThrow("claim/web.0 is of N2, not of N1");
	await expect(state.commit([aClaim(N1, "web.0", { epoch: 0 })])).rejects.toThrow("epoch is 0");
	const env = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`V${index}`, "x".repeat(20_000)]));
	const large = aSpecRecord(N1, "web");
	await expect(state.commit([{ ...large, spec: { ...large.spec, env } }])).rejects.toMatchObject({ code: "too-large" });
	expect(() => state.put([aNode(N3)])).toThrow("node is of N3");
});

test("the loser of two concurrent revisions is reported by the node that wrote it", async () => {
	const world = await createStoreWorld("lost", 2);
	void world.state(0).commit([aSpecRecord(N1, "web", { revision: 2, time: { ms: 1, logical: 0 } })]);
	void world.state(1).commit([aSpecRecord(N2, "web", { revision: 2, time: { ms: 2, logical: 0 } })]);
	await world.timeline.run(40_000);
	expect(world.nodes[0]?.events).toEqual([expect.objectContaining({ kind: "spec.lost", subject: "web" })]);
	expect(world.nodes[1]?.events).toEqual([]);
	expect(world.state(0).own("spec/web")).toBeNull();
	expect(world.state(0).view().specs.get("web")?.writer).toBe(N2);
});

test("a claim that is being committed while its writer tidies up stays", async () => {
	const world = await createStoreWorld("tidy", 2);
	const names = Array.from({ length: 120 }, (_, at) => `web.${at}`);
	void world.state(0).commit(names.map((name) => aClaim(N1, name, { epoch: 1 })));
	await world.timeline.run(100);
	// What N1 says of them is of no use from here on: ten seconds after its start it tidies up.
	void world.state(1).commit(names.map((name) => aClaim(N2, name, { epoch: 2 })));
	await world.timeline.run(6_840);
	for (const name of names) {
		void world.state(0).commit([aClaim(N1, name, { epoch: 3 })]);
		await world.timeline.run(1);
	}
	await world.timeline.run(1_000);
	const epochs = names.map(
		(name) =>
			world
				.state(1)
				.view()
				.claims.get(name as never)?.epoch,
	);
	expect(new Set(epochs)).toEqual(new Set([3]));
	expectSameViews(world);
});

test("what a member tells without having signed it is shown to nobody for long and kept on no disk", async () => {
	const world = await createStoreWorld("unsigned", 2);
	const hostile = "N9" as NodeId;
	const mesh = world.network.join(hostile, createSimProcess(world.timeline, { offsetMs: 0, rate: 1 }));
	world.network.connectEverybody();
	await world.timeline.run(5000);
	const [opening, signed, told] = chainOf(hostile, [[aSpecRecord(hostile, "web")], [aSpecRecord(hostile, "lie")]]) as [
		Uint8Array,
		Uint8Array,
		Uint8Array,
	];
	const unsigned = Uint8Array.from(told, (byte, at) => (at >= told.length - 64 ? 0 : byte));
	for (const frame of [opening, signed, unsigned]) {
		mesh.broadcast("state", frame);
		await world.timeline.run(1000);
	}
	const names = () => [0, 1].map((index) => [...world.state(index).view().specs.keys()]);
	expect(names()).toEqual([["web"], ["web"]]);
	await mesh.stop();
	for (const one of world.nodes) {
		world.kill(one);
		world.start(one);
	}
	await world.timeline.run(10_000);
	expect(names()).toEqual([["web"], ["web"]]);
	expectSameViews(world);
});
