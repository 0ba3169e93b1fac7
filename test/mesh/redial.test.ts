import { expect, test } from "vitest";
import { silentLogger } from "../../src/log.js";
import { Redialer } from "../../src/mesh/redial.js";
import type { NodeId } from "../../src/model.js";
import { createSimChance } from "../cluster/sim/sim-chance.js";
import { createSimProcess } from "../cluster/sim/sim-process.js";
import { createTimeline } from "../cluster/sim/timeline.js";

const others = Array.from({ length: 6 }, (_, index) => `N${index + 1}` as NodeId);

/** A node with a lower id than all others, and the dials that it makes. */
function dialler(hangs: boolean) {
	const timeline = createTimeline();
	const { clock } = createSimProcess(timeline, { offsetMs: 0, rate: 1 });
	const connected = new Set<NodeId>();
	const away = new Set(others);
	const hanging = new Set<() => void>();
	const dials: { readonly node: NodeId; readonly atMs: number }[] = [];
	let underWay = 0;
	let underWayMax = 0;
	const redialer: Redialer = new Redialer({
		self: "N0" as NodeId,
		clock,
		chance: createSimChance("redial"),
		logger: silentLogger,
		isConnected: (node) => connected.has(node),
		async dial({ node }) {
			dials.push({ node, atMs: timeline.nowMs() });
			underWay += 1;
			underWayMax = Math.max(underWayMax, underWay);
			try {
				if (away.has(node)) await (hangs ? new Promise((_, reject) => hanging.add(reject)) : refused());
				else connect(node);
			} finally {
				underWay -= 1;
			}
		},
	});
	const connect = (node: NodeId) => {
		connected.add(node);
		redialer.found(node);
	};
	redialer.want(others.map((node) => ({ node, addresses: [`/memory/${node}`] })));
	/** What hangs runs out of time. */
	const fail = () => {
		for (const reject of hanging) reject();
		hanging.clear();
	};
	const since = (atMs: number) => dials.filter((dial) => dial.atMs > atMs);
	return { timeline, redialer, away, connected, connect, fail, since, underWayMax: () => underWayMax };
}

function refused(): Promise<never> {
	return Promise.reject(new Error("refused"));
}

test("when one that was away is back, the others are tried at once and not after their back-off", async () => {
	const { timeline, away, connected, connect } = dialler(false);
	await timeline.run(30_000);
	away.clear();
	connect("N3" as NodeId);
	await timeline.run(400);
	expect([...connected].sort()).toEqual(others);
});

test("an attempt that went into the split is followed by the next at once", async () => {
	const { timeline, away, connected, connect, fail } = dialler(true);
	await timeline.run(1_000);
	fail();
	await timeline.run(20_000);
	away.clear();
	connect("N5" as NodeId);
	fail();
	await timeline.run(500);
	expect([...connected].sort()).toEqual(others);
});

test("however many come back, one that stays away is not tried more than once in two seconds for it", async () => {
	const { timeline, redialer, away, connected, connect, since, underWayMax } = dialler(false);
	await timeline.run(60_000);
	const atMs = timeline.nowMs();
	for (let turn = 0; turn < 20; turn++) {
		for (const node of others.slice(1)) {
			connect(node);
			connected.delete(node);
			redialer.lost(node);
		}
		await timeline.run(100);
	}
	expect(away.has("N1" as NodeId)).toBe(true);
	// Its own back-off is 2 to 4 s; being hurried adds one.
	expect(since(atMs).filter(({ node }) => node === "N1").length).toBeLessThanOrEqual(3);
	expect(underWayMax()).toBeLessThanOrEqual(4);
});
