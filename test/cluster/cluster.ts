// A lab for one test file, driven as a person would: `swarm …` typed on a node, daemons killed and started again, links
// cut. The commands are the real ones; only polling goes through the client, because a process for every look costs more than
// what is looked at.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { NodeId } from "../../src/model.js";
import { type Client, connectLocal } from "../../src/node/api/client.js";
import type { ContainerRow, DeployResult, NodeRow } from "../../src/node/api/contract.js";
import {
	type LabNodeStatus,
	labCommand,
	labDown,
	labHeal,
	labPartition,
	labStart,
	labUp,
} from "../../src/node/lab/lab.js";
import { scopeOf } from "../../src/node/scope.js";
import { daemonPidOf } from "../../src/node/state-lock.js";
import { findCriu } from "../../src/runtime/checkpoint/criu-installation.js";
import { isRoot } from "../support/kernel.js";
import { root } from "../support/source-tree.js";
import { until } from "../support/until.js";
import { isProcessOf, processTable } from "./traces.js";

/** A loaded machine with two cores starts a daemon in seconds, not in the 0.3 s that it takes alone. */
const START_MS_MAX = 60_000;
const COMMAND_MS_MAX = 90_000;

/** Why a cluster cannot run here; null when it can. */
export const missingForCluster: string | null = isRoot
	? (["dist/node/main.js", "build/native/swarm-monitor"].find((file) => !existsSync(join(root, file))) ?? null)
	: "root";

/** Why a container cannot move here; null when it can. */
export const missingForMoves: string | null =
	missingForCluster ?? (findCriu() === null ? "a CRIU that works here" : null);

export interface Ran {
	readonly stdout: string;
	readonly stderr: string;
	/** -1: it did not end in time. */
	readonly exitCode: number;
}

export interface ClusterNode extends LabNodeStatus {
	readonly id: NodeId;
	/** What the machine calls everything of this node: cgroups, links, directories. */
	readonly scope: string;
	readonly client: Client;
}

export class Cluster {
	readonly name: string;
	readonly nodes: readonly ClusterNode[];

	private constructor(name: string, nodes: readonly ClusterNode[]) {
		this.name = name;
		this.nodes = nodes;
	}

	/** `nodes` of them, named n1, n2, …; all alive. */
	static async up(name: string, nodes: number): Promise<Cluster> {
		// What a run that was killed left behind.
		await labDown({ name });
		const status = await labUp({ name, nodes, onProgress: () => {}, signal: AbortSignal.timeout(2 * START_MS_MAX) });
		const known = status.nodes.map(async (node): Promise<ClusterNode> => {
			const client = connectLocal(node.stateDirectory);
			const id = (await client.ping()).node;
			return { ...node, id, scope: scopeOf(id), client };
		});
		return new Cluster(name, await Promise.all(known));
	}

	/** With one more, that the lab knows nothing of. */
	with(node: ClusterNode): Cluster {
		return new Cluster(this.name, [...this.nodes, node]);
	}

	async down(): Promise<void> {
		await labDown({ name: this.name });
	}

	node(name: string): ClusterNode {
		const found = this.nodes.find((node) => node.name === name || node.id === name);
		if (found === undefined) throw new Error(`the test has no node ${name}`);
		return found;
	}

	/** `swarm ARGS` as typed on that node. Never throws: wrong input is what some tests are about. */
	swarm(node: string, ...args: readonly string[]): Promise<Ran> {
		return this.type(node, ["swarm", ...args]);
	}

	async type(node: string, argv: readonly string[], input: Uint8Array | string = ""): Promise<Ran> {
		const { file, args, env } = await labCommand(this.name, node, argv);
		return run(file, args, { env, input });
	}

	/** Standard output; fails the test with the command's own words. */
	async done(node: string, ...args: readonly string[]): Promise<string> {
		const { stdout, stderr, exitCode } = await this.swarm(node, ...args);
		if (exitCode !== 0)
			throw new Error(`swarm ${args.join(" ")} on ${node} ended with ${exitCode}: ${stderr}${stdout}`);
		return stdout;
	}

	async deploy(node: string, ...args: readonly string[]): Promise<readonly ContainerRow[]> {
		return (JSON.parse(await this.done(node, "deploy", "--json", ...args)) as DeployResult).containers;
	}

	/** As `by` sees it now; null when it does not, or does not answer. */
	async row(by: string, container: string): Promise<ContainerRow | null> {
		const rows = await this.node(by)
			.client.containers()
			.catch(() => []);
		return rows.find((row) => row.container === container) ?? null;
	}

	async liveness(by: string, of: string): Promise<NodeRow["liveness"] | null> {
		const rows = await this.node(by)
			.client.nodes()
			.catch(() => []);
		return rows.find((row) => row.name === of)?.liveness ?? null;
	}

	/** Until each of `among` sees each of them alive. */
	async untilAlive(among: readonly string[] = this.nodes.map((node) => node.name)): Promise<void> {
		for (const by of among)
			for (const of of among)
				await until(
					`${by} to see ${of} alive`,
					async () => (await this.liveness(by, of)) === "alive",
					START_MS_MAX,
				).catch(async (thrown: Error) => {
					throw new Error(`${thrown.message}; ${by} says: ${await this.#saidBy(by)}`);
				});
	}

	/** What a node sees, or why it does not say. */
	#saidBy(node: string): Promise<string> {
		const inWords = (rows: readonly NodeRow[]) => rows.map(({ name, liveness }) => `${name} ${liveness}`).join(", ");
		return this.node(node).client.nodes().then(inWords, String);
	}

	daemonPid(node: string): Promise<number | null> {
		return daemonPidOf(this.node(node).stateDirectory);
	}

	/** SIGKILL, and gone. */
	async killDaemon(node: string): Promise<void> {
		const pid = await this.daemonPid(node);
		if (pid === null) return;
		process.kill(pid, "SIGKILL");
		await until(`the daemon of ${node} to be gone`, async () => (await this.daemonPid(node)) === null);
	}

	/** Daemon and containers end at once, as when the machine loses its power; files and namespaces stay. */
	async killNode(node: string): Promise<void> {
		await this.killDaemon(node);
		await until(`the processes of ${node} to be gone`, () => {
			const left = processTable().filter((each) => isProcessOf(each, this.node(node)));
			for (const { pid } of left) end(pid);
			return left.length === 0;
		});
	}

	/** Starts the node's daemon again; resolves when it is usable. `env`: for it alone. */
	async startDaemon(node: string, env: Readonly<Record<string, string>> = {}): Promise<number> {
		const before = { ...process.env };
		Object.assign(process.env, env);
		try {
			return await labStart(this.name, node, AbortSignal.timeout(START_MS_MAX));
		} finally {
			for (const key of Object.keys(env)) {
				if (before[key] === undefined) delete process.env[key];
				else process.env[key] = before[key];
			}
		}
	}

	async partition(from: readonly string[], to: readonly string[], { oneWay } = { oneWay: false }): Promise<void> {
		await labPartition({ lab: this.name, from, to, oneWay });
	}

	async heal(): Promise<void> {
		await labHeal({ lab: this.name, node: null });
	}
}

function end(pid: number): void {
	try {
		process.kill(pid, "SIGKILL");
	} catch (thrown) {
		if ((thrown as NodeJS.ErrnoException).code !== "ESRCH") throw thrown;
	}
}

interface RunOptions {
	readonly env: Readonly<Record<string, string | undefined>>;
	readonly input: Uint8Array | string;
}

async function run(file: string, args: readonly string[], options: RunOptions): Promise<Ran> {
	const child = spawn(file, args, { env: options.env, stdio: ["pipe", "pipe", "pipe"], timeout: COMMAND_MS_MAX });
	const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
	child.stdout.on("data", (part: Buffer) => stdout.push(part));
	child.stderr.on("data", (part: Buffer) => stderr.push(part));
	child.stdin.on("error", () => {});
	child.stdin.end(options.input);
	const exitCode = await new Promise<number>((resolve, reject) => {
		child.once("error", reject);
		child.once("close", (code) => resolve(code ?? -1));
	});
	return { stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString(), exitCode };
}
