// Daemons and nodes that die without a word: what runs goes on, what is lost is placed anew, and of two copies one stays and the
// other is kept.

import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { until } from "../support/until.js";
import { Cluster, missingForCluster, missingForMoves } from "./cluster.js";
import { liveCopies } from "./traces.js";

const name = "ct-deaths";
/** Noticed, six seconds of patience, placed, settled. */
const PLACED_MS_MAX = 60_000;
const tick = "i=0; while :; do i=$((i+1)); echo tick $i; echo $i >> /tmp/tick; sleep 0.05; done";

describe.skipIf(missingForCluster !== null)(`deaths (need ${missingForCluster ?? "what is here"})`, () => {
	let cluster: Cluster;
	/** Another workload for each test: what was kept of one stays. */
	let web = "web";
	let tests = 0;

	beforeAll(async () => {
		cluster = await Cluster.up(name, 3);
	}, 120_000);

	afterAll(() => cluster?.down(), 60_000);

	beforeEach(() => {
		tests += 1;
		web = `web-${tests}`;
	});

	afterEach(async () => {
		await cluster.swarm("n1", "rm", web);
	});

	/** Not n1, from which the tests look. */
	async function deployWeb(): Promise<string> {
		const [row] = await cluster.deploy("n1", web, "--constraint", "node!=n1", "--", "sh", "-c", tick);
		return row?.node ?? "";
	}

	async function untilElsewhere(than: string): Promise<string> {
		return until(
			"it to be placed elsewhere",
			async () => {
				const row = await cluster.row("n1", `${web}.0`);
				return row?.phase === "running" && row.node !== than ? row.node : null;
			},
			PLACED_MS_MAX,
		);
	}

	async function supersededOn(node: string): Promise<string> {
		const parent = join(cluster.node(node).stateDirectory, "superseded");
		const kept = await until(
			`the losing copy to be kept on ${node}`,
			() => (existsSync(parent) ? readdirSync(parent).find((entry) => entry.includes(`${web}.0`)) : null),
			PLACED_MS_MAX,
		);
		const held = join(cluster.node(node).stateDirectory, "containers", `${web}.0`);
		await until("the losing copy to be gone", () => !existsSync(held), PLACED_MS_MAX);
		return join(parent, kept);
	}

	it("a node that is gone: its replica runs elsewhere; when it is back exactly one runs, and its files are kept", async () => {
		const dead = await deployWeb();
		await cluster.killNode(dead);
		const heir = await untilElsewhere(dead);
		expect(liveCopies(cluster.nodes, `${web}.0`)).toEqual([heir]);
		await cluster.startDaemon(dead);
		await cluster.untilAlive();
		const kept = await supersededOn(dead);
		expect(JSON.parse(readFileSync(join(kept, "state.json"), "utf8"))).toMatchObject({
			container: `${web}.0`,
			epoch: 1,
		});
		expect(lastTick(kept)).toBeGreaterThan(0);
		expect(readFileSync(join(kept, "log/stdout"), "utf8")).toContain("tick 1\n");
		for (const node of cluster.nodes) {
			const row = await cluster.row(node.name, `${web}.0`);
			expect(row).toMatchObject({ node: heir, phase: "running", epoch: 2 });
		}
	}, 120_000);

	it.skipIf(missingForMoves !== null)(
		"a daemon that is gone while its container runs on: the loser is checkpointed and kept",
		async () => {
			const dead = await deployWeb();
			await cluster.killDaemon(dead);
			const heir = await untilElsewhere(dead);
			expect([...liveCopies(cluster.nodes, `${web}.0`)].sort()).toEqual([dead, heir].sort());
			await cluster.startDaemon(dead);
			const kept = await supersededOn(dead);
			expect(liveCopies(cluster.nodes, `${web}.0`)).toEqual([heir]);
			expect(globSync(join(kept, "memory/pages-*.img"))).not.toEqual([]);
			const logged = readFileSync(join(kept, "log/stdout"), "utf8").trim().split("\n");
			const written = lastTick(kept);
			expect(logged.length).toBeGreaterThanOrEqual(written);
			expect(logged.length - written).toBeLessThanOrEqual(1);
		},
		120_000,
	);

	it("a daemon that is replaced: containers are not touched, logs and exit codes are whole", async () => {
		const node = await deployWeb();
		// It ends while nobody looks: told by a signal, so that it is after the kill.
		const ends = "trap 'echo ended; exit 7' USR1; echo begun; while :; do sleep 0.02; done";
		await cluster.deploy("n1", "ends", "--constraint", `node=${node}`, "--", "sh", "-c", ends);
		const { state } = await cluster.node("n1").client.inspect(`${web}.0`);
		await until("it to have begun", async () => (await cluster.done("n1", "logs", "ends")) === "begun\n");
		const { state: ending } = await cluster.node("n1").client.inspect("ends.0");
		await cluster.killDaemon(node);
		process.kill(ending?.pid as number, "SIGUSR1");
		await until("it to have ended", () => !liveCopies(cluster.nodes, "ends.0").includes(node));
		await cluster.startDaemon(node);
		const after = await until("n1 to see its end", async () => {
			const row = await cluster.row("n1", "ends.0");
			return row?.phase === "stopped" ? row : null;
		});
		expect(after).toMatchObject({ exitCode: 7, node });
		expect(await cluster.done("n1", "logs", "ends")).toBe("begun\nended\n");
		await cluster.untilAlive();
		expect((await cluster.node("n1").client.inspect(`${web}.0`)).state).toMatchObject({
			pid: state?.pid,
			epoch: state?.epoch,
			startedAtMs: state?.startedAtMs,
		});
		const lines = (await cluster.done("n1", "logs", web)).trim().split("\n");
		expect(lines.findIndex((line, i) => line !== `tick ${i + 1}`)).toBe(-1);
		await cluster.done("n1", "rm", "ends");
	}, 120_000);
});

/** The last that the container wrote into its file, whole. */
function lastTick(kept: string): number {
	return Number(/(\d+)\n$/.exec(readFileSync(join(kept, "files/tmp/tick"), "utf8"))?.[1]);
}
