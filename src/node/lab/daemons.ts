// The daemons of a lab: started inside their nodes' namespaces, ended politely or by force, and what their containers
// leave on the machine removed. Signals only a process whose pid and start time stand in the state directory's lock.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import type { Clock } from "../../clock.js";
import { asSwarmError, SwarmError } from "../../errors.js";
import { connectLocal } from "../api/client.js";
import type { NodeRow } from "../api/contract.js";
import type { DaemonConfig } from "../config.js";
import { launchDaemon, type StartReport } from "../launch-daemon.js";
import { daemonPidOf } from "../state-lock.js";
import { LAB_PORT, type Lab, type LabNode, namespacePath } from "./plan.js";

const LOOK_MS = 50;
/** A daemon that is asked to end closes its mesh and its journal. */
const END_MS_MAX = 20_000;
const KILL_MS_MAX = 5_000;
/** What a node sees is shown beside the others': nobody waits long for one that is stopped. */
const VIEW_LIMITS = { silenceMs: 500, pingMs: 2_000 };

export async function startNode(
	node: LabNode,
	join: DaemonConfig["join"],
	program: string,
	signal: AbortSignal,
): Promise<StartReport> {
	const config: DaemonConfig = {
		stateDirectory: node.stateDirectory,
		name: node.name,
		listenHost: node.address,
		listenPort: LAB_PORT,
		labels: {},
		witness: false,
		join,
	};
	return launchDaemon(config, program, signal, ["nsenter", `--net=${namespacePath(node.namespace)}`, "--"]);
}

/** Resolves when every node of the lab sees every node alive. Code `timeout` tells what was seen last. */
export async function untilAllAlive(lab: Lab, clock: Clock, timeoutMs: number, signal: AbortSignal): Promise<void> {
	const endMs = clock.monotonicMs() + timeoutMs;
	for (;;) {
		const views = await Promise.all(lab.nodes.map((node) => viewOf(node)));
		if (views.every((rows) => rows.filter((row) => row.liveness === "alive").length === lab.nodes.length)) return;
		if (clock.monotonicMs() > endMs) {
			const seen = lab.nodes.map((node, i) => {
				const rows = (views[i] ?? []).map((row) => `${row.name} ${row.liveness}`);
				return `${node.name} sees ${rows.join(", ") || "nothing"}`;
			});
			throw new SwarmError("timeout", `Cannot bring up the lab: after ${timeoutMs / 1000} s ${seen.join("; ")}`);
		}
		await clock.sleep(LOOK_MS, signal);
	}
}

/** Empty when its daemon does not answer. */
export async function viewOf(node: LabNode): Promise<readonly NodeRow[]> {
	return connectLocal(node.stateDirectory, { limits: VIEW_LIMITS })
		.nodes()
		.catch(() => []);
}

/** Asks, waits, then kills. Idempotent. */
export async function endDaemon(node: LabNode, clock: Clock): Promise<void> {
	const pid = await daemonPidOf(node.stateDirectory);
	if (pid === null) return;
	const asked = await connectLocal(node.stateDirectory)
		.stopDaemon()
		.then(
			() => true,
			() => false,
		);
	if (asked && (await hasEnded(node, clock, END_MS_MAX))) return;
	if ((await daemonPidOf(node.stateDirectory)) === pid) process.kill(pid, "SIGKILL");
	if (await hasEnded(node, clock, KILL_MS_MAX)) return;
	throw new SwarmError("timeout", `Cannot end ${node.name}: its daemon (pid ${pid}) does not die`);
}

async function hasEnded(node: LabNode, clock: Clock, timeoutMs: number): Promise<boolean> {
	const endMs = clock.monotonicMs() + timeoutMs;
	while ((await daemonPidOf(node.stateDirectory)) !== null) {
		if (clock.monotonicMs() > endMs) return false;
		await clock.sleep(LOOK_MS, new AbortController().signal);
	}
	return true;
}

/**
 * Removes the node's containers (processes, cgroups, mounts, links), which go on without a daemon, and then its state. Its
 * daemon has ended. Idempotent. `program`: clear.worker.js of the bundle.
 */
export async function clearNode(node: LabNode, program: string): Promise<void> {
	if (existsSync(node.stateDirectory)) {
		const inside = existsSync(namespacePath(node.namespace))
			? ["nsenter", `--net=${namespacePath(node.namespace)}`, "--"]
			: [];
		await runProgram(node, [...inside, process.execPath, program, node.stateDirectory]);
	}
	await refuseMounts(node.stateDirectory);
	await rm(node.stateDirectory, { recursive: true, force: true });
}

async function runProgram(node: LabNode, argv: readonly string[]): Promise<void> {
	const child = spawn(argv[0] ?? "", argv.slice(1), { stdio: ["ignore", "ignore", "pipe"] });
	let complaint = "";
	child.stderr.on("data", (bytes: Buffer) => {
		complaint = (complaint + bytes.toString()).slice(-4096);
	});
	const code = await new Promise<number | string>((resolve) => {
		child.once("error", (error) => resolve(error.message));
		child.once("close", (status, signal) => resolve(status ?? signal ?? 1));
	});
	if (code === 0) return;
	throw new SwarmError("failed", `Cannot remove the containers of ${node.name}: ${complaint.trim() || code}`);
}

/** Deleting a tree with something mounted in it would delete what is mounted. */
async function refuseMounts(directory: string): Promise<void> {
	const mounts = (await readFile("/proc/self/mountinfo", "utf8")).split("\n").map((line) => line.split(" ")[4] ?? "");
	const inside = mounts.find((mount) => mount.startsWith(`${directory}/`));
	if (inside !== undefined) {
		throw new SwarmError("conflict", `Cannot delete ${directory}: something is mounted at ${inside}, unmount it first`);
	}
}

export function firstFailure(results: readonly PromiseSettledResult<unknown>[], action: string): SwarmError | null {
	const failed = results.find((result) => result.status === "rejected");
	return failed === undefined ? null : asSwarmError(failed.reason, action);
}
