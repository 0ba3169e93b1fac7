// A cluster of several nodes on one machine, for trying things out, for the demo and for the cluster tests: up, exec,
// partition, heal, status, down. What the nodes run is the product itself; only their network is made up.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rm, rmdir } from "node:fs/promises";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../clock.js";
import { asSwarmError, SwarmError } from "../../errors.js";
import type { Liveness } from "../../model.js";
import { daemonPidOf } from "../state-lock.js";
import { clearNode, endDaemon, firstFailure, startNode, untilAllAlive, viewOf } from "./daemons.js";
import { LAB_DIRECTORY, type Lab, type LabNode, namespacePath, nodeOf } from "./plan.js";
import { findLab, forgetLab, readLab, recordLab } from "./record.js";
import { type Cut, layWires, readCuts, removeWires, setCuts } from "./wires.js";

const ALIVE_MS_MAX = 60_000;

export interface LabUpOptions {
	readonly name: string;
	/** 1 to 32. */
	readonly nodes: number;
	readonly onProgress: (message: string) => void;
	readonly signal: AbortSignal;
	/** Parent of the lab's directory; /var/lib/stratoswarm/lab unless told. */
	readonly directory?: string;
	/** dist/ of the bundle; that of this package unless told. */
	readonly bundle?: string;
}

export interface LabNodeStatus extends LabNode {
	/** null: its daemon does not run. */
	readonly pid: number | null;
	/** What this node sees of the others, by name; empty when its daemon does not answer. */
	readonly sees: Readonly<Record<string, Liveness>>;
}

export interface LabStatus {
	readonly name: string;
	readonly directory: string;
	readonly nodes: readonly LabNodeStatus[];
	readonly cuts: readonly Cut[];
}

/**
 * Makes the lab and returns when every node sees every node alive. Codes: `usage` (name, nodes), `conflict` (the name is
 * taken), those of a daemon's start, `timeout`. A lab that does not come up is taken down again.
 */
export async function labUp(options: LabUpOptions): Promise<LabStatus> {
	const { onProgress, signal } = options;
	const bundle = options.bundle ?? bundleDirectory();
	const lab = await recordLab(options.name, options.nodes, options.directory ?? LAB_DIRECTORY);
	try {
		await mkdir(lab.directory, { recursive: true, mode: 0o700 });
		await layWires(lab);
		await startNodes(lab, join(bundle, "node/main.js"), onProgress, signal);
		await untilAllAlive(lab, systemClock, ALIVE_MS_MAX, signal);
		return await labStatus(lab.name);
	} catch (thrown) {
		const error = asSwarmError(thrown, `bring up the lab ${lab.name}`);
		const left = await labDown({ name: lab.name, bundle }).then(
			() => null,
			(second: unknown) => asSwarmError(second, "clean up").message,
		);
		if (left === null) throw error;
		throw new SwarmError(error.code, `${error.message} (and cleaning up failed: ${left})`, { cause: error });
	}
}

async function startNodes(
	lab: Lab,
	program: string,
	onProgress: (message: string) => void,
	signal: AbortSignal,
): Promise<void> {
	const [first, ...others] = lab.nodes;
	if (first === undefined) return;
	const { join: line } = await startNode(first, null, program, signal);
	if (line === null)
		throw new SwarmError("conflict", `Cannot bring up the lab: ${first.name} was in a cluster already`);
	onProgress(`${first.name} started at ${first.address}`);
	const starts = others.map(async (node) => {
		await startNode(node, { addresses: [line.address], token: line.token }, program, signal);
		onProgress(`${node.name} joined at ${node.address}`);
	});
	const failure = firstFailure(await Promise.allSettled(starts), `start a node of the lab ${lab.name}`);
	if (failure !== null) throw failure;
}

/** Ends and removes everything of the lab. A lab that is not there is fine: gives false. */
export async function labDown(options: { readonly name: string; readonly bundle?: string }): Promise<boolean> {
	const lab = await findLab(options.name);
	if (lab === null) return false;
	const clear = join(options.bundle ?? bundleDirectory(), "node/lab/clear.worker.js");
	// First every daemon, so that none takes up what another lets go.
	const ends = await Promise.allSettled(lab.nodes.map((node) => endDaemon(node, systemClock)));
	const clears = await Promise.allSettled(lab.nodes.map((node) => clearNode(node, clear)));
	const failure = firstFailure([...ends, ...clears], `take down the lab ${lab.name}`);
	if (failure !== null) throw failure;
	await removeWires(lab);
	await rm(lab.directory, { recursive: true, force: true });
	await forgetLab(lab.name);
	await removeWhenEmpty(dirname(lab.directory));
	return true;
}

async function removeWhenEmpty(directory: string): Promise<void> {
	await rmdir(directory).catch((thrown: NodeJS.ErrnoException) => {
		if (thrown.code !== "ENOTEMPTY" && thrown.code !== "ENOENT" && thrown.code !== "EEXIST") throw thrown;
	});
}

export interface LabCommand {
	readonly file: string;
	readonly args: readonly string[];
	readonly env: Readonly<Record<string, string | undefined>>;
}

/** How to run `argv` as if on that node: in its network namespace, with `swarm` on the path and talking to its daemon. */
export async function labCommand(lab: string, node: string, argv: readonly string[]): Promise<LabCommand> {
	const { namespace, stateDirectory } = nodeOf(await readLab(lab), node);
	if (argv.length === 0) throw new SwarmError("usage", `Cannot run on ${node}: no command was given`);
	const path = `${join(packageDirectory(), "bin")}:${process.env.PATH ?? ""}`;
	return {
		file: "nsenter",
		args: [`--net=${namespacePath(namespace)}`, "--", ...argv],
		env: { ...process.env, PATH: path, SWARM_STATE: stateDirectory },
	};
}

/** Runs it with this process's own standard streams. Gives the exit code as a shell does: 127 not found, 128 + signal. */
export async function labExec(lab: string, node: string, argv: readonly string[]): Promise<number> {
	const { file, args, env } = await labCommand(lab, node, argv);
	const child = spawn(file, args, { stdio: "inherit", env });
	// The terminal sends its signals to the whole group: the child decides what they mean.
	const ignore = () => {};
	for (const signal of ["SIGINT", "SIGQUIT"] as const) process.on(signal, ignore);
	try {
		return await new Promise<number>((resolve, reject) => {
			child.once("error", reject);
			child.once("close", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
		});
	} finally {
		for (const signal of ["SIGINT", "SIGQUIT"] as const) process.off(signal, ignore);
	}
}

export interface LabPartitionOptions {
	readonly lab: string;
	/** Names of nodes on each side, no node on both. */
	readonly from: readonly string[];
	readonly to: readonly string[];
	/** Only what `from` sends is lost on its way to `to`. */
	readonly oneWay: boolean;
}

/** Cuts every node of one side from every node of the other, besides what is cut already. Gives all cuts. */
export async function labPartition(options: LabPartitionOptions): Promise<readonly Cut[]> {
	const lab = await readLab(options.lab);
	const pairs = options.from.flatMap((from) =>
		options.to.map((to) => ({ from: nodeOf(lab, from), to: nodeOf(lab, to) })),
	);
	const same = pairs.find((pair) => pair.from === pair.to);
	if (same !== undefined || pairs.length === 0) {
		throw new SwarmError(
			"usage",
			`Cannot partition the lab ${lab.name}: ${same?.from.name ?? "no node"} is on both sides, wanted different nodes`,
		);
	}
	const cuts = pairs.flatMap(({ from, to }) => {
		const there = { from: from.name, to: to.name };
		return options.oneWay ? [there] : [there, { from: to.name, to: from.name }];
	});
	return changeCuts(lab, (old) => {
		const all = new Map([...old, ...cuts].map((cut) => [`${cut.from} ${cut.to}`, cut]));
		return [...all.values()];
	});
}

/** Undoes all cuts, or those that a given node is part of. Gives what stays cut. */
export async function labHeal(options: {
	readonly lab: string;
	readonly node: string | null;
}): Promise<readonly Cut[]> {
	const lab = await readLab(options.lab);
	const healed = options.node === null ? null : nodeOf(lab, options.node).name;
	return changeCuts(lab, (old) => old.filter((cut) => healed !== null && cut.from !== healed && cut.to !== healed));
}

async function changeCuts(lab: Lab, change: (old: readonly Cut[]) => readonly Cut[]): Promise<readonly Cut[]> {
	const cuts = change(await readCuts(lab));
	await setCuts(lab, cuts);
	return cuts;
}

/** Code `not-found` without such a lab. */
export async function labStatus(name: string): Promise<LabStatus> {
	const lab = await readLab(name);
	const nodes = lab.nodes.map(async (node): Promise<LabNodeStatus> => {
		const [pid, rows] = await Promise.all([daemonPidOf(node.stateDirectory), viewOf(node)]);
		return { ...node, pid, sees: Object.fromEntries(rows.map((row) => [row.name, row.liveness])) };
	});
	return { name, directory: lab.directory, nodes: await Promise.all(nodes), cuts: await readCuts(lab) };
}

/**
 * Starts the daemon of one node again, after it was stopped or killed; containers that ran on are adopted. Resolves when
 * it is usable, with its pid. Code `conflict` when it runs.
 */
export async function labStart(lab: string, node: string, signal: AbortSignal, bundle?: string): Promise<number> {
	const program = join(bundle ?? bundleDirectory(), "node/main.js");
	return (await startNode(nodeOf(await readLab(lab), node), null, program, signal)).ping.pid;
}

function bundleDirectory(): string {
	const directory = join(packageDirectory(), "dist");
	if (existsSync(join(directory, "node/main.js"))) return directory;
	throw new SwarmError("unsupported", `Cannot start a lab: ${directory} is not built, run bash scripts/setup.sh`, {
		details: { feature: "bundle" },
	});
}

/** The sources and the bundle both lie below the directory that holds bin/swarm. */
function packageDirectory(): string {
	let directory = dirname(fileURLToPath(import.meta.url));
	while (!existsSync(join(directory, "bin", "swarm"))) {
		const parent = dirname(directory);
		if (parent === directory) throw new SwarmError("failed", `Cannot find bin/swarm above ${import.meta.url}`);
		directory = parent;
	}
	return directory;
}
