import { execFile } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import type { NodeId } from "../../src/model.js";
import {
	type LabStatus,
	labCommand,
	labDown,
	labHeal,
	labPartition,
	labStart,
	labStatus,
	labUp,
} from "../../src/node/lab/lab.js";
import { scopeOf } from "../../src/node/scope.js";
import { until } from "../support/until.js";

const run = promisify(execFile);
const name = "lab-test";
const missing =
	process.getuid?.() !== 0
		? "root"
		: (["dist/node/main.js", "build/native/swarm-monitor"].find((file) => !existsSync(file)) ?? null);

function up(nodes: number): Promise<LabStatus> {
	return labUp({ name, nodes, onProgress: () => {}, signal: AbortSignal.timeout(60_000) });
}

async function swarm(node: string, ...args: readonly string[]): Promise<string> {
	const { file, args: argv, env } = await labCommand(name, node, ["swarm", ...args]);
	return (await run(file, argv, { env })).stdout;
}

async function seen(by: string, node: string): Promise<string | undefined> {
	return (await labStatus(name)).nodes.find((status) => status.name === by)?.sees[node];
}

/** What is there of this lab; its nodes' daemons make things under their scopes. */
function traces(scopes: readonly string[]): readonly string[] {
	const entries = (pattern: string) => globSync(pattern);
	const processes = entries("/proc/[0-9]*/cmdline").filter((file) => readOrEmpty(file).includes(`/lab/${name}/`));
	const ours = (text: string) => [`lab-${name}`, `/lab/${name}`, ...scopes].some((word) => text.includes(word));
	return [
		...processes,
		...entries("/run/netns/*").filter(ours),
		...entries("/run/stratoswarm/{*,lab/*}").filter((file) => ours(file) || file.endsWith(`/lab/${name}.json`)),
		...entries("/sys/fs/cgroup/{,*/}swarm/*/").filter(ours),
		...entries("/var/lib/stratoswarm/lab/*").filter(ours),
		...readFileSync("/proc/self/mountinfo", "utf8").split("\n").filter(ours),
	];
}

async function scopesOf(node: string): Promise<readonly string[]> {
	const rows = JSON.parse(await swarm(node, "node", "ls", "--json")) as { node: NodeId }[];
	return rows.map((row) => scopeOf(row.node));
}

function readOrEmpty(file: string): string {
	try {
		return readFileSync(file, "utf8");
	} catch {
		return "";
	}
}

describe.skipIf(missing !== null)(`a lab (needs ${missing ?? "what is here"})`, () => {
	afterEach(async () => {
		await labDown({ name });
	});

	it("comes up, runs a container, is cut and healed, and leaves nothing behind", async () => {
		const status = await up(3);
		const scopes = await scopesOf("n1");
		expect(status.nodes.map((node) => node.sees)).toEqual(Array(3).fill({ n1: "alive", n2: "alive", n3: "alive" }));
		await expect(up(3)).rejects.toMatchObject({ code: "conflict" });
		expect(JSON.parse(await swarm("n2", "node", "ls", "--json"))).toHaveLength(3);

		await swarm("n1", "deploy", "ticker", "--image", "host", "--", "sleep", "1000");
		for (const node of ["n1", "n2", "n3"]) {
			const rows = await until(`${node} to see it run`, async () => {
				const all = JSON.parse(await swarm(node, "ps", "--json")) as { phase: string }[];
				return all.every((row) => row.phase === "running") && all;
			});
			expect(rows).toHaveLength(1);
		}

		const cuts = await labPartition({ lab: name, from: ["n1"], to: ["n2", "n3"], oneWay: false });
		expect(cuts).toHaveLength(4);
		await until("n2 to miss n1", async () => (await seen("n2", "n1")) === "down", 30_000);
		await until("n1 to miss n3", async () => (await seen("n1", "n3")) === "down", 30_000);
		expect(await seen("n2", "n3")).toBe("alive");
		expect(await labHeal({ lab: name, node: null })).toEqual([]);
		await until("n2 to see n1 again", async () => (await seen("n2", "n1")) === "alive", 30_000);

		expect(traces(scopes).length).toBeGreaterThan(10);
		expect(await labDown({ name })).toBe(true);
		expect(await labDown({ name })).toBe(false);
		expect(traces(scopes)).toEqual([]);
	});

	it("starts a killed daemon again, and takes down what killed daemons left running", async () => {
		const status = await up(2);
		const scopes = await scopesOf("n1");
		await swarm("n1", "deploy", "ticker", "--image", "host", "--replicas", "2", "--", "sleep", "1000");
		await until("both to run", async () => {
			const all = JSON.parse(await swarm("n1", "ps", "--json")) as { phase: string }[];
			return all.length === 2 && all.every((row) => row.phase === "running");
		});
		for (const { pid } of status.nodes) process.kill(pid ?? 0, "SIGKILL");
		await until("both to be gone", async () => (await labStatus(name)).nodes.every((node) => node.pid === null));
		const pid = await labStart(name, "n2", AbortSignal.timeout(30_000));
		expect((await labStatus(name)).nodes[1]?.pid).toBe(pid);
		expect(await labDown({ name })).toBe(true);
		expect(traces(scopes)).toEqual([]);
	});

	it("takes a lab down again that does not come up", async () => {
		const abort = new AbortController();
		const options = { name, nodes: 2, onProgress: () => abort.abort(), signal: abort.signal };
		await expect(labUp(options)).rejects.toMatchObject({ code: "aborted" });
		expect(traces([])).toEqual([]);
	});

	it("says which lab or node is not there", async () => {
		await expect(labCommand(name, "n1", ["true"])).rejects.toMatchObject({ code: "not-found" });
		await up(1);
		await expect(labCommand(name, "n2", ["true"])).rejects.toMatchObject({ code: "not-found" });
		await expect(labPartition({ lab: name, from: ["n1"], to: ["n1"], oneWay: false })).rejects.toMatchObject({
			code: "usage",
		});
	});
});
