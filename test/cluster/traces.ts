// What a cluster has made on this machine, so that a test can say "nothing left": mounts, cgroups, links, rules of the packet
// filter, kept namespaces, processes and files. Only of the given nodes: other daemons may be at work beside the test. Reads
// only. What differs from one look to the next by itself (pids, indexes, contents, growing logs) is left out.

import { execFile } from "node:child_process";
import { existsSync, globSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { basename } from "node:path";
import { promisify } from "node:util";
import { expect } from "vitest";
import { connectLocal } from "../../src/node/api/client.js";
import { namespacePath } from "../../src/node/lab/plan.js";
import { until } from "../support/until.js";

export interface TracedNode {
	readonly name: string;
	readonly scope: string;
	readonly namespace: string;
	readonly stateDirectory: string;
}

/** One sorted list of lines a node; each line begins with the kind of thing. */
export type Traces = Readonly<Record<string, readonly string[]>>;

/** Removed directories are deleted in the background, and the kernel takes its time for links. */
const SETTLE_MS_MAX = 30_000;
const run = promisify(execFile);

export async function tracesOf(nodes: readonly TracedNode[]): Promise<Traces> {
	// What a node keeps ready comes and goes by itself. A daemon that is gone keeps nothing.
	await Promise.allSettled(nodes.map(({ stateDirectory }) => connectLocal(stateDirectory).clearPool()));
	const processes = processTable();
	const mounts = await mountLines();
	const traces = nodes.map(async (node): Promise<[string, readonly string[]]> => {
		const standing = standingOn(node, processes);
		const hasStanding = (text: string) => standing.some((word) => new RegExp(`${word}(?![\\w-])`).test(text));
		const lines = [
			...mounts.filter((line) => line.includes(`${node.stateDirectory}/`) || line.includes(`/${node.scope}/`)),
			...cgroupsOf(node).filter((line) => !hasStanding(line)),
			...(await linksAndRulesOf(node)),
			...globSync(`/run/stratoswarm/${node.scope}/**`),
			...processes
				.filter((each) => isProcessOf(each, node) && ![each.command, each.cgroup].some(hasStanding))
				.map((each) => `process ${each.command}`),
			...filesOf(node),
		];
		return [node.name, lines.sort()];
	});
	return Object.fromEntries(await Promise.all(traces));
}

/** What stays when all is at rest: looks again until nothing that was removed waits for its deletion. */
export async function restingTracesOf(nodes: readonly TracedNode[]): Promise<Traces> {
	return until(
		"removed directories to be deleted",
		async () => {
			const traces = await tracesOf(nodes);
			return Object.values(traces).some((lines) => lines.some((line) => line.includes("/removed/"))) ? null : traces;
		},
		SETTLE_MS_MAX,
	);
}

/** Looks again until everything is as before; fails with the difference. */
export async function expectAlike(nodes: readonly TracedNode[], before: Traces): Promise<void> {
	let now: Traces = {};
	const alike = async () => {
		now = await tracesOf(nodes);
		return JSON.stringify(now) === JSON.stringify(before);
	};
	await until("nothing to be left", alike, SETTLE_MS_MAX).catch(() => {});
	expect(now).toEqual(before);
}

export interface Process {
	readonly pid: number;
	readonly command: string;
	/** All lines of proc_pid_cgroup(5). */
	readonly cgroup: string;
	/** Inode of its network namespace. */
	readonly network: number;
}

/** Every process that has not ended. */
export function processTable(): readonly Process[] {
	return readdirSync("/proc").flatMap((name) => {
		if (!/^\d+$/.test(name)) return [];
		try {
			const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").trim();
			const cgroup = readFileSync(`/proc/${name}/cgroup`, "utf8");
			const network = Number(/\d+/.exec(readlinkSync(`/proc/${name}/ns/net`))?.[0]);
			return [{ pid: Number(name), command, cgroup, network }];
		} catch {
			// Ended meanwhile, or a zombie, which has no namespaces any more.
			return [];
		}
	});
}

/** Containers and monitors stand in its cgroups; daemon and whatever it starts, in its network namespace. */
export function isProcessOf(process: Process, node: TracedNode): boolean {
	return (
		process.cgroup.includes(`/swarm/${node.scope}`) ||
		process.network === statSync(namespacePath(node.namespace)).ino ||
		process.command.includes(node.stateDirectory)
	);
}

/**
 * Directories and cgroups of containers that stand ready for the next start: how many there are changes by itself. What stood
 * ready and became a container has left `spares`.
 */
function standingOn(node: TracedNode, processes: readonly Process[]): readonly string[] {
	return processes.flatMap(({ command }) => {
		const [, directory = "", cgroup = ""] = / stand (\S+) (\S+)$/.exec(command) ?? [];
		return directory.startsWith(`${node.stateDirectory}/spares/`) && existsSync(directory)
			? [directory, `/${basename(cgroup)}`]
			: [];
	});
}

async function mountLines(): Promise<readonly string[]> {
	const { stdout } = await run("findmnt", ["--list", "--noheadings", "--output", "TARGET,FSTYPE"]);
	return stdout.split("\n").map((line) => `mount ${line.trim().replaceAll(/\s+/g, " ")}`);
}

function cgroupsOf(node: TracedNode): readonly string[] {
	return globSync(`/sys/fs/cgroup/{,*/}swarm/${node.scope}{,/**}/cgroup.procs`).map((path) => `cgroup ${path}`);
}

async function linksAndRulesOf(node: TracedNode): Promise<readonly string[]> {
	const enter = [`--net=${namespacePath(node.namespace)}`, "--"];
	const links = await run("nsenter", [...enter, "ip", "-oneline", "-brief", "address"]);
	const rules = await run("nsenter", [...enter, "nft", "list", "ruleset"]);
	// The bridge is down while it has no port: its state says no more than the ports do.
	const words = links.stdout.split("\n").map((line) => line.trim().split(/\s+/));
	return [
		...words.filter(([name]) => name).map(([name, , ...rest]) => `link ${name} ${rest.join(" ")}`),
		...rules.stdout.split("\n").map((line, i) => `rule ${String(i).padStart(4, "0")} ${line}`),
	];
}

/**
 * Names, not contents. Layers of images and the daemon's own files are there or not as a whole. `spares` holds empty
 * directories for the next containers, up to a fixed number.
 */
function filesOf(node: TracedNode): readonly string[] {
	return globSync(`${node.stateDirectory}/{,.}*{,/*{,/*}}`)
		.filter((path) => !/\/(swarm\.sock|lock|spares\/.*)$/.test(path))
		.map((path) => `file ${path}`);
}

/** The container's own name, or that of the one that stood ready and became it. */
export function cgroupNameOf(node: TracedNode, container: string): string {
	const record = readOrEmpty(`${node.stateDirectory}/containers/${container}/record.json`);
	return /"cgroupName":\s*"([^"]+)"/.exec(record)?.[1] ?? container;
}

/** Names of the nodes that have processes of that container which are not frozen. */
export function liveCopies(nodes: readonly TracedNode[], container: string): readonly string[] {
	return nodes
		.filter((node) =>
			globSync(`/sys/fs/cgroup/{,unified/}swarm/${node.scope}/${cgroupNameOf(node, container)}/cgroup.events`).some(
				(path) => {
					const events = readOrEmpty(path);
					return events.includes("populated 1") && events.includes("frozen 0");
				},
			),
		)
		.map((node) => node.name);
}

function readOrEmpty(path: string): string {
	try {
		return readFileSync(path, "utf8");
	} catch {
		return "";
	}
}
