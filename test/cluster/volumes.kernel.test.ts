// Volumes on a cluster of three, as typed: a workload goes where its data are, moves with them, waits for them; what the nodes say of them
// is the same everywhere.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { MoveResult, SwarmEvent } from "../../src/model.js";
import type { VolumeDetail, VolumeRow } from "../../src/node/api/contract.js";
import { until } from "../support/until.js";
import { Cluster, missingForMoves } from "./cluster.js";

const writer =
	"i=0; while :; do i=$((i+1)); echo $i >> /data/log; echo $i > /data/next; mv /data/next /data/now; sleep 0.05; done";

describe.skipIf(missingForMoves !== null)(`volumes of a cluster (needs ${missingForMoves ?? "what is here"})`, () => {
	let cluster: Cluster;
	beforeAll(async () => {
		cluster = await Cluster.up("ct-volumes", 3);
	}, 180_000);
	afterAll(() => cluster?.down(), 60_000);

	const volumes = async (by: string) =>
		JSON.parse(await cluster.done(by, "volume", "ls", "--json")) as readonly VolumeRow[];
	/** Until every node says the same of the volumes. */
	const held = (node: string | null) =>
		until(
			`the volume to be on ${node}`,
			async () => {
				const all = await Promise.all(cluster.nodes.map(({ client }) => client.volumes()));
				return all.every((rows) => rows.map((row) => row.node).join() === (node ?? ""));
			},
			60_000,
		);
	const logOn = (node: string) =>
		readFileSync(join(cluster.node(node).stateDirectory, "volumes/data/data/log"), "utf8")
			.trim()
			.split("\n")
			.map(Number);
	const unbroken = (node: string) => {
		const all = logOn(node);
		expect(all).toEqual(all.map((_, index) => index + 1));
		return all.length;
	};

	it("go with the container that writes to them, and stay when it is gone", async () => {
		await cluster.deploy("n1", "db", "-v", "data:/data", "--constraint", "node!=n3", "--", "sh", "-c", writer);
		const from = (await cluster.row("n1", "db.0"))?.node ?? "";
		const to = from === "n1" ? "n2" : "n1";
		await held(from);
		await until("it to write", () => unbroken(from) > 10, 60_000);
		expect(await volumes("n3")).toMatchObject([{ name: "data", node: from, workloads: ["db"] }]);
		const removal = await cluster.swarm("n3", "volume", "rm", "data");
		expect(removal).toMatchObject({ exitCode: expect.any(Number), stderr: expect.stringContaining("db.0") });
		expect(removal.exitCode).not.toBe(0);
		const verdict = await cluster.done("n3", "migrate", "db", "--to", to, "--dry-run");
		expect(verdict).toMatch(/volume data +yes +data 1 MiB +to be copied/);
		const moved = JSON.parse(await cluster.done("n3", "migrate", "db", "--to", to, "--json")) as MoveResult;
		expect(moved.volumeBytes).toBeGreaterThan(0);
		await held(to);
		const before = unbroken(to);
		await until("it to write on", () => unbroken(to) > before + 10, 60_000);
		// The target's daemon dies in the middle: one of them has all of it.
		const failing = cluster.swarm("n3", "migrate", "db", "--to", from);
		await cluster.killDaemon(from);
		await failing;
		await cluster.startDaemon(from);
		const row = await until(
			"it to run",
			async () => {
				const now = await cluster.row("n3", "db.0");
				return now?.phase === "running" ? now : null;
			},
			60_000,
		);
		const home = row.node ?? "";
		await held(home);
		const then = unbroken(home);
		await until("it to write on", () => unbroken(home) > then + 10, 60_000);

		await cluster.done("n2", "rm", "db");
		await held(home);
		expect(unbroken(home)).toBeGreaterThan(then);
		await cluster.deploy("n3", "reader", "-v", "data:/data:ro", "--", "sh", "-c", "tail -n 1 /data/log; sleep 1000");
		expect(await cluster.row("n1", "reader.0")).toMatchObject({ node: home });
		expect(await cluster.done("n3", "explain", "reader")).toContain(`the volume data is on ${home}`);
		const shown = JSON.parse(await cluster.done("n3", "volume", "show", "data", "--json")) as VolumeDetail;
		expect(shown).toMatchObject({ node: home, containers: ["reader.0"], workloads: ["reader"] });
		expect(shown.sizeBytes).toBeGreaterThan(0);

		await cluster.killDaemon(home);
		const by = cluster.nodes.find(({ name }) => name !== home)?.name ?? "";
		await until(
			"the event that it waits",
			async () => {
				const lines = (await cluster.done(by, "events", "--json")).trim().split("\n");
				return lines
					.map((line) => JSON.parse(line) as SwarmEvent)
					.some(({ kind, subject }) => kind === "container.waiting" && subject === "reader.0");
			},
			60_000,
		);
		await cluster.startDaemon(home);
		// A removal does not wait for containers of a node that is away.
		await cluster.untilAlive([by, home]);
		await cluster.done(by, "rm", "reader");
		await cluster.done(by, "volume", "rm", "data");
		await held(null);
	}, 180_000);
});
