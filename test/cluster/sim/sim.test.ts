// The simulator itself: runs that repeat, and checkers that would see a broken promise.

import { expect, test } from "vitest";
import { nothingLost } from "./checkers/nothing-lost.js";
import { oneExclusiveRunner } from "./checkers/one-exclusive-runner.js";
import { oneLiveCopy } from "./checkers/one-live-copy.js";
import { runScenario } from "./scenario.js";
import { createUser, type User } from "./user.js";
import { createWorld, type World } from "./world.js";

test("a seed is the same run every time, line for line", async () => {
	const traces = await Promise.all(
		[0, 1].map(async () => {
			const lines: string[] = [];
			await runScenario("replay", { trace: (line) => void lines.push(line) });
			return lines;
		}),
	);
	expect(traces[0]?.length).toBeGreaterThan(100);
	expect(traces[0]).toEqual(traces[1]);
});

/** Two nodes with a workload that runs, no faults. */
async function quietWorld(): Promise<{ world: World; user: User }> {
	const user: { it: User | null } = { it: null };
	const checkers = [oneLiveCopy, nothingLost].map((make) => (world: World) => make(world, () => user.it as User));
	const world = createWorld({ seed: "quiet", nodeCount: 2, checkers, broken: null, trace: null });
	user.it = createUser(world, "everything");
	for (const one of world.nodes) world.start(one);
	await world.run(8_000);
	while (world.nodes.every(({ machine }) => machine.running().length === 0)) {
		user.it.act();
		await world.run(500);
	}
	return { world, user: user.it };
}

test("the checkers see a second copy", async () => {
	const { world } = await quietWorld();
	const [holder, other] = [0, 1].map((index) => world.nodes[index]?.machine);
	const [from, to] = (holder?.running().length ?? 0) > 0 ? [holder, other] : [other, holder];
	const container = from?.running()[0];
	if (container === undefined || to === undefined) throw new Error("nothing runs");
	to.containers.set(container.state.container, { ...container });
	await expect(world.run(100)).rejects.toThrow("at once");
});

test("the checkers see memory that went back", async () => {
	const { world } = await quietWorld();
	const container = world.nodes.flatMap(({ machine }) => machine.running())[0];
	if (container === undefined) throw new Error("nothing runs");
	container.runsSinceMs = world.timeline.nowMs();
	await expect(world.run(100)).rejects.toThrow("went back");
});

test("the checkers see a container that is gone", async () => {
	const { world } = await quietWorld();
	for (const { machine } of world.nodes) machine.containers.clear();
	expect(() => world.conclude()).toThrow("runs on 0 nodes");
});

test("the checkers see a second runner of an exclusive container at the moment it begins", async () => {
	const checkers = [oneExclusiveRunner];
	const world = createWorld({ seed: "owners", nodeCount: 3, checkers, broken: "no-guard", trace: null });
	const user = createUser(world, "owner");
	for (const one of world.nodes) world.start(one);
	await world.run(8_000);
	while (world.nodes.every(({ machine }) => machine.running().length === 0)) {
		user.act();
		await world.run(2_000);
	}
	const owner = world.nodes.find(({ machine }) => machine.running().length > 0);
	for (const other of world.nodes) {
		if (owner === undefined || other === owner) continue;
		world.network.cut(owner.node, other.node);
		world.network.cut(other.node, owner.node);
	}
	await expect(world.run(60_000)).rejects.toThrow("while it runs on");
});
