import { expect, test } from "vitest";
import { SwarmError } from "../../src/errors.js";
import { validateSpec } from "../../src/node/spec/validate-spec.js";
import type { SimDaemon } from "../cluster/sim/sim-node.js";
import { createWorld } from "../cluster/sim/world.js";

const patience = new AbortController().signal;

/** One node with two workloads that run. */
async function aNode(seed: string) {
	const world = createWorld({ seed, nodeCount: 1, checkers: [], broken: null, trace: null });
	const [node] = world.nodes;
	if (node === undefined) throw new Error("no node");
	world.start(node);
	await world.run(8_000);
	const daemon = node.daemon as SimDaemon;
	for (const name of ["web", "db"])
		void daemon.core.operations.deploy(
			validateSpec({ name, image: "host", command: ["count"], restart: "always" }),
			patience,
		);
	await world.run(5_000);
	const running = () =>
		node.machine
			.running()
			.map(({ state }) => state.container)
			.sort();
	expect(running()).toEqual(["db.0", "web.0"]);
	return { world, daemon, running, phaseOf: (name: string) => node.machine.containers.get(name as never)?.state.phase };
}

test("a node that finds another process running as itself freezes what it runs, memory kept", async () => {
	const { world, daemon, running, phaseOf } = await aNode("twin");
	daemon.state.readOnly = () => new SwarmError("conflict", "another process runs as this node");
	await world.run(3_000);
	expect(running()).toEqual([]);
	expect([phaseOf("web.0"), phaseOf("db.0")]).toEqual(["paused", "paused"]);
	daemon.state.readOnly = () => null;
	await world.run(3_000);
	expect(running()).toEqual(["db.0", "web.0"]);
});

test("a node that must not change the state lets what runs go on and begins nothing", async () => {
	const { world, daemon, running, phaseOf } = await aNode("newer");
	daemon.state.readOnly = () => new SwarmError("refused", "a member writes a newer schema");
	void daemon.ports.runtime.stop("web.0" as never, 1, 0, patience);
	await world.run(10_000);
	expect(running()).toEqual(["db.0"]);
	expect(phaseOf("web.0")).toBe("stopped");
});

test("a container whose workload was removed while it was being made goes, also when the tombstone has gone meanwhile", async () => {
	const { world, daemon, running } = await aNode("late");
	const { ensure } = daemon.ports.images;
	const { promise: fetched, resolve: fetch } = Promise.withResolvers<void>();
	daemon.ports.images.ensure = async (...image) => {
		await fetched;
		return ensure(...image);
	};
	const spec = validateSpec({ name: "late", image: "host", command: ["count"] });
	void daemon.core.operations.deploy(spec, patience).catch(() => {});
	await world.run(1_000);
	void daemon.core.operations.remove("late", patience).catch(() => {});
	await world.run(60_000);
	expect(daemon.state.view().specs.has("late")).toBe(false);
	fetch();
	await world.run(5_000);
	expect(running()).toEqual(["db.0", "web.0"]);
});
