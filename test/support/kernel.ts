// What kernel tests need of the machine, and what they must have left as they found it.

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { linksPresent } from "../../src/runtime/network/links.js";

export const isRoot = process.getuid?.() === 0;

/** Output of a program; throws with its standard error. */
export function runProgram(program: string, ...args: string[]): string {
	return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** Where a program is installed; null when it is not. */
export function pathOf(program: string): string | null {
	const paths = (process.env.PATH ?? "").split(":").map((directory) => `${directory}/${program}`);
	return paths.find((path) => existsSync(path)) ?? null;
}

/** Whether program and kernel have nftables; asked in a network namespace of its own. */
export function hasNftables(): boolean {
	if (!isRoot || pathOf("nft") === null) return false;
	try {
		runProgram("unshare", "--net", "nft", "add table ip probe");
		return true;
	} catch {
		return false;
	}
}

export interface MachineTraces {
	readonly mounts: readonly string[];
	readonly cgroups: readonly string[];
	readonly links: readonly string[];
	readonly processes: readonly string[];
}

/**
 * Mounts, cgroups and processes that have to do with `word` (a scope or a path of the test), and the links among `links`: other
 * daemons may be at work beside the test.
 */
export function tracesOf(word: string, links: readonly string[] = []): MachineTraces {
	const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
	const present = linksPresent();
	return {
		mounts: mounts.filter((line) => line.includes(word)),
		cgroups: cgroupsBelow("/sys/fs/cgroup", 5).filter((path) => path.includes(`/swarm/${word}`)),
		links: links.filter((name) => present.has(name)),
		processes: processesWith(word),
	};
}

export const noTraces: MachineTraces = { mounts: [], cgroups: [], links: [], processes: [] };

function cgroupsBelow(path: string, depth: number): readonly string[] {
	if (depth === 0) return [];
	return directoriesIn(path).flatMap((name) => [`${path}/${name}`, ...cgroupsBelow(`${path}/${name}`, depth - 1)]);
}

/** None for a directory that went meanwhile: others make and remove cgroups beside the test. */
function directoriesIn(path: string): readonly string[] {
	try {
		const entries = readdirSync(path, { withFileTypes: true });
		return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
	} catch {
		return [];
	}
}

function processesWith(word: string): readonly string[] {
	return readdirSync("/proc").flatMap((name) => {
		if (!/^\d+$/.test(name) || Number(name) === process.pid) return [];
		try {
			const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").trim();
			return command.includes(word) ? [command] : [];
		} catch {
			return [];
		}
	});
}
