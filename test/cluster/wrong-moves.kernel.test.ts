// Moves that cannot be: refused before anything is touched, each with one clear line, the exit code of its kind, and the machine as
// it was.

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { until } from "../support/until.js";
import { Cluster, missingForMoves } from "./cluster.js";
import { expectRefusal } from "./refusal.js";
import { expectAlike, restingTracesOf } from "./traces.js";

const sleeper = ["--stop-grace", "100ms", "--", "sleep", "1000"];
const name = "ct-nomove";

describe.skipIf(missingForMoves !== null)(`moves that cannot be (need ${missingForMoves ?? "what is here"})`, () => {
	let cluster: Cluster;

	beforeAll(async () => {
		cluster = await Cluster.up(name, 3);
		// Bridge and rules of a node come with its first container.
		await cluster.deploy("n1", "first", "--replicas", "3", ...sleeper);
		await cluster.done("n1", "rm", "first");
	}, 120_000);

	afterAll(() => cluster?.down(), 60_000);

	afterEach(async () => {
		for (const workload of ["web", "filler"]) await cluster.swarm("n1", "rm", workload);
	});

	async function leavesNothing(ask: () => Promise<void>): Promise<void> {
		const before = await restingTracesOf(cluster.nodes);
		const rows = await cluster.done("n1", "ps", "--json");
		await ask();
		await expectAlike(cluster.nodes, before);
		expect(JSON.parse(await cluster.done("n1", "ps", "--json"))).toEqual(JSON.parse(rows));
	}

	it("to where it is, and to a node that is not there", async () => {
		const [row] = await cluster.deploy("n1", "web", ...sleeper);
		await leavesNothing(async () => {
			expectRefusal(await cluster.swarm("n2", "migrate", "web", "--to", row?.node ?? ""), 5, /already there/);
			expectRefusal(await cluster.swarm("n2", "migrate", "web", "--to", "n8"), 4, /node n8/);
			expectRefusal(await cluster.swarm("n2", "migrate", "wob", "--to", "n2"), 4, /container wob/);
		});
	});

	it("of a stopped container", async () => {
		const [row] = await cluster.deploy("n1", "web", ...sleeper);
		const to = row?.node === "n3" ? "n2" : "n3";
		await cluster.done("n1", "stop", "web");
		await leavesNothing(async () =>
			expectRefusal(await cluster.swarm("n1", "migrate", "web", "--to", to), 5, /stopped, wanted running/),
		);
	});

	it("to a node whose memory or CPUs are promised", async () => {
		const { record } = await cluster.node("n1").client.node("n2");
		const { cpus, memoryBytes } = record.hardware;
		const most = ["--cpus", String(cpus), "--memory", String(Math.floor(memoryBytes * 0.9))];
		await cluster.deploy("n1", "filler", ...most, "--constraint", "node=n2", ...sleeper);
		for (const [wish, reason] of [
			[["--cpus", "0.5"], /CPUs/],
			[["--memory", String(Math.floor(memoryBytes * 0.15))], /memory/],
		] as const) {
			await cluster.deploy("n1", "web", ...wish, ...sleeper);
			await leavesNothing(async () =>
				expectRefusal(await cluster.swarm("n1", "migrate", "web", "--to", "n2"), 5, reason),
			);
			await cluster.done("n1", "rm", "web");
		}
	});

	it("to a node that is down", async () => {
		// What n3 has removed must be deleted by then: a killed daemon deletes nothing.
		await restingTracesOf(cluster.nodes);
		await cluster.killDaemon("n3");
		await until("n1 to miss n3", async () => (await cluster.liveness("n1", "n3")) === "down", 30_000);
		await cluster.deploy("n1", "web", ...sleeper);
		await leavesNothing(async () =>
			expectRefusal(await cluster.swarm("n1", "migrate", "web", "--to", "n3"), 3, /\bn3\b/),
		);
		await cluster.startDaemon("n3");
	});
});
