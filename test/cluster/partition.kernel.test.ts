// A split during which people go on working on both sides. After healing every node prints the same `swarm ps --json`, byte for
// byte, and what it says is what runs. The split lasts until both sides have noticed it and have finished their changes;
// SWARM_LONG=1 (npm run test:partition) makes it 30 s of changes, so that lost replicas are placed anew on both sides.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ContainerRow } from "../../src/node/api/contract.js";
import { until } from "../support/until.js";
import { Cluster, missingForCluster } from "./cluster.js";
import { liveCopies } from "./traces.js";

const name = "ct-split";
const long = process.env.SWARM_LONG === "1";
const SPLIT_MS = 30_000;
const NOTICED_MS_MAX = 30_000;
/** From `swarm lab heal` on; copies that lose are checkpointed and removed in that time. */
const HEALED_MS_MAX = 40_000;
const twins = ["twin-a", "twin-b", "twin-c", "twin-d"];
const sleeper = ["--stop-grace", "100ms", "--", "sleep", "1000"];

describe.skipIf(missingForCluster !== null)(`a partition (needs ${missingForCluster ?? "what is here"})`, () => {
	let cluster: Cluster;
	const left = "n1";
	const right = ["n2", "n3"] as const;

	beforeAll(async () => {
		cluster = await Cluster.up(name, 3);
	}, 120_000);

	afterAll(() => cluster?.down(), 60_000);

	async function untilSplit(): Promise<void> {
		for (const by of cluster.nodes)
			for (const of of cluster.nodes)
				if ((by.name === left) !== (of.name === left))
					await until(
						`${by.name} to miss ${of.name}`,
						async () => (await cluster.liveness(by.name, of.name)) === "down",
						NOTICED_MS_MAX,
					);
	}

	/** As printed, by each node. */
	function printed(): Promise<string[]> {
		return Promise.all(cluster.nodes.map((node) => cluster.done(node.name, "ps", "--json")));
	}

	/** Every row is at rest: what is wanted runs, what is not does not. */
	function isQuiet(rows: readonly ContainerRow[]): boolean {
		return rows.every((row) => (row.desired === "running" ? row.phase === "running" : row.phase === "stopped"));
	}

	it(`of ${long ? "30 s" : "some seconds"} with changes on both sides`, { timeout: 240_000 }, async () => {
		await cluster.deploy("n1", "wide", "--replicas", "3", ...sleeper);
		await Promise.all(["stops", "goes", "both", "later"].map((name) => cluster.deploy("n2", name, ...sleeper)));
		await cluster.partition([left], right);
		const splitMs = performance.now();
		await untilSplit();

		await Promise.all([cluster.deploy(left, "mine", ...sleeper), cluster.deploy(right[0], "yours", ...sleeper)]);
		// The same names on both sides, for different things: who holds the winning claim need not hold the winning spec.
		await Promise.all(
			twins.flatMap((twin) => [
				cluster.deploy(left, twin, "--label", "side=left", ...sleeper),
				cluster.deploy(right[1], twin, "--label", "side=right", "--replicas", "2", ...sleeper),
			]),
		);
		await Promise.all([cluster.done(left, "stop", "stops"), cluster.done(right[0], "rm", "goes")]);
		// Two wishes for one workload: the later one wins, everywhere.
		await cluster.done(left, "stop", "both");
		await cluster.done(right[1], "rm", "both");
		await cluster.done(right[1], "stop", "later");
		await cluster.done(left, "stop", "later");
		await cluster.done(left, "start", "later");

		for (let i = 0; long && performance.now() - splitMs < SPLIT_MS; i++) {
			await cluster.deploy(left, `left-${i}`, ...sleeper);
			await cluster.deploy(right[0], `right-${i}`, ...sleeper);
			if (i % 2 === 1) await cluster.done(right[1], "rm", `right-${i}`);
		}
		if (long) {
			// Six seconds after a node is down its replicas are placed anew: each side has all three.
			const placed = async (by: string) => (await cluster.row(by, "wide.0"))?.phase === "running";
			for (const by of [left, right[0]]) await until(`${by} to have all of wide`, () => placed(by), NOTICED_MS_MAX);
		}

		const healedMs = performance.now();
		await cluster.heal();
		let outputs: readonly string[] = [];
		await until(
			"all nodes to print the same",
			async () => {
				outputs = await printed();
				const rows = JSON.parse(outputs[0] ?? "[]") as ContainerRow[];
				return new Set(outputs).size === 1 && isQuiet(rows);
			},
			HEALED_MS_MAX,
		).catch((thrown: Error) => {
			throw new Error(`${thrown.message}\n${outputs.join("\n")}`);
		});
		console.log(`  all alike ${Math.round(performance.now() - healedMs)} ms after healing`);

		const rows = JSON.parse(outputs[0] ?? "") as ContainerRow[];
		const phases = Object.fromEntries(rows.map((row) => [row.container, row.phase]));
		expect(phases).toMatchObject({
			"mine.0": "running",
			"yours.0": "running",
			"stops.0": "stopped",
			"later.0": "running",
		});
		expect(rows.filter((row) => row.workload === "wide")).toHaveLength(3);
		for (const gone of ["goes", "both"]) expect(rows.filter((row) => row.workload === gone)).toEqual([]);
		for (const workload of ["left-0", "right-0"])
			if (long) expect(rows.filter((row) => row.workload === workload)).toHaveLength(1);

		// One of each pair won, whole: spec, number of replicas and what runs belong together.
		for (const name of twins) {
			const twin = await cluster.node("n1").client.inspect(`${name}.0`);
			const { labels, replicas } = twin.spec.spec;
			expect([labels.side, replicas]).toEqual(labels.side === "left" ? ["left", 1] : ["right", 2]);
			expect(rows.filter((row) => row.workload === name)).toHaveLength(replicas);
			expect(twin.state?.spec.labels).toEqual(labels);
		}

		// What is printed is what is: one live copy each, nothing of what was removed.
		for (const row of rows) {
			const holders = row.phase === "running" ? [row.node] : [];
			await until(`${row.container} to be on ${holders.join()} only`, () => {
				return JSON.stringify(liveCopies(cluster.nodes, row.container)) === JSON.stringify(holders);
			});
		}
		for (const gone of ["goes.0", "both.0"]) expect(liveCopies(cluster.nodes, gone)).toEqual([]);
	});
});
