// Containers that move round a ring of three nodes while they work: everything they hold comes along.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { MoveResult } from "../../src/model.js";
import { redisImage } from "../support/oci-image.js";
import { Cluster, missingForMoves } from "./cluster.js";
import { startCounter } from "./counter.js";
import { expectAlike, restingTracesOf } from "./traces.js";

const name = "ct-moves";
const KEYS = 10_000;

describe.skipIf(missingForMoves !== null)(`moves between nodes (need ${missingForMoves ?? "what is here"})`, () => {
	let cluster: Cluster;
	let redis: string | null;

	beforeAll(async () => {
		redis = await redisImage();
		cluster = await Cluster.up(name, 3);
	}, 180_000);

	afterAll(() => cluster?.down(), 60_000);

	async function move(container: string, to: string): Promise<MoveResult> {
		const result = JSON.parse(await cluster.done("n1", "migrate", container, "--to", to, "--json")) as MoveResult;
		expect((await cluster.row("n1", `${container}.0`))?.node).toBe(to);
		return result;
	}

	/** The next two nodes after where it is, and home again. */
	async function ringFrom(container: string): Promise<readonly string[]> {
		const home = (await cluster.row("n1", `${container}.0`))?.node ?? "";
		const names = cluster.nodes.map((node) => node.name);
		return [1, 2, 3].map((step) => names[(names.indexOf(home) + step) % names.length] ?? "");
	}

	it("redis keeps 10,000 keys through three moves, under its port", async (context) => {
		if (redis === null) return context.skip("missing: redis from this machine's apt sources");
		await cluster.done("n1", "image", "import", redis);
		const placing = ["--image", "redis:test", "--publish", "6379:6379", "--memory", "256M"];
		const [row] = await cluster.deploy("n2", "redis", ...placing);
		const pairs = Array.from({ length: KEYS }, (_, i) => `SET key:${i} value-${i}-${"x".repeat(i % 50)}\r\n`);
		const at = row?.node ?? "";
		const exec = ["swarm", "exec", "-i", "redis", "--", "redis-cli"];
		const written = await cluster.type(at, [...exec, "--pipe"], pairs.join(""));
		expect(written).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`replies: ${KEYS}`) });
		const digest = await cluster.done("n1", "exec", "redis", "--", "redis-cli", "debug", "digest");
		for (const to of await ringFrom("redis")) {
			await move("redis", to);
			expect((await cluster.done("n1", "exec", "redis", "--", "redis-cli", "dbsize")).trim()).toBe(String(KEYS));
			expect(await cluster.done("n2", "exec", "redis", "--", "redis-cli", "debug", "digest")).toBe(digest);
			// From another node, through the port that it publishes where it is now.
			const { address } = cluster.node(to);
			const script = `exec 3<>/dev/tcp/${address}/6379; printf 'GET key:9999\\r\\nQUIT\\r\\n' >&3; cat <&3`;
			const asked = await cluster.type(to === "n3" ? "n1" : "n3", ["bash", "-c", script]);
			expect(asked.stdout).toContain("value-9999-");
		}
		await cluster.done("n1", "rm", "redis");
	}, 120_000);

	it("a counter counts on: not one number twice, none missing in its log, nothing left on the way", async () => {
		const counter = await startCounter(cluster, { witness: "n3", memoryMib: 8 });
		try {
			const [one, two] = (await counter.counts()) === "n1" ? ["n1", "n2"] : ["n2", "n1"];
			await move("counter", two);
			expect(await counter.counts()).toBe(two);
			await move("counter", one);
			const before = await restingTracesOf(cluster.nodes);
			for (const to of [two, one]) {
				const { downtimeMs, durationMs } = await move("counter", to);
				expect(downtimeMs).toBeGreaterThan(0);
				expect(downtimeMs).toBeLessThan(durationMs);
				expect(await counter.counts()).toBe(to);
			}
			await counter.expectWholeLog();
			await expectAlike(cluster.nodes, before);
		} finally {
			await counter.end();
		}
	}, 120_000);
});
