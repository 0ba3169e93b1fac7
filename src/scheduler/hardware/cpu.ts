// Processors: architecture, model, feature flags, counts of logical CPUs and cores.
// A core is a set of thread siblings as the kernel groups them (sysfs-devices-system-cpu, `thread_siblings_list`).

import { machine } from "node:os";
import { listNames, parseCpuList, readLine, readText } from "./read.js";

export const CPUS_MAX = 4096;
const CPU_DIRECTORY = "sys/devices/system/cpu";

export interface CpuFacts {
	/** As `uname -m` says it: `x86_64`, `aarch64`. */
	readonly architecture: string;
	readonly cpuModel: string | null;
	readonly cpuFlags: readonly string[];
	readonly cpus: number;
	readonly cores: number;
}

export async function readCpu(root: string): Promise<CpuFacts> {
	const cpuinfo = (await readText(root, "proc/cpuinfo")) ?? "";
	const online = await onlineCpus(root);
	return {
		architecture: await architectureOf(root, cpuinfo),
		cpuModel: cpuinfoField(cpuinfo, "model name") ?? cpuinfoField(cpuinfo, "Model"),
		cpuFlags: flagsOf(cpuinfo),
		cpus: online.length,
		cores: await countCores(root, online),
	};
}

function cpuinfoField(cpuinfo: string, name: string): string | null {
	return new RegExp(`^${name}\\s*:\\s*(.+)$`, "m").exec(cpuinfo)?.[1]?.trim() ?? null;
}

function flagsOf(cpuinfo: string): readonly string[] {
	const line = cpuinfoField(cpuinfo, "flags") ?? cpuinfoField(cpuinfo, "Features") ?? "";
	return [...new Set(line.split(/\s+/).filter((flag) => flag !== ""))].sort();
}

/** /proc/sys/kernel/arch exists since Linux 6.1; a recorded machine tells it by the fields of its cpuinfo. */
async function architectureOf(root: string, cpuinfo: string): Promise<string> {
	const told = await readLine(root, "proc/sys/kernel/arch");
	if (told !== null) return told;
	if (root === "/") return machine();
	if (cpuinfoField(cpuinfo, "CPU architecture") === "8") return "aarch64";
	const flags = cpuinfoField(cpuinfo, "flags");
	if (flags !== null) return /\blm\b/.test(flags) ? "x86_64" : "i686";
	return "unknown";
}

async function onlineCpus(root: string): Promise<readonly number[]> {
	const listed = await readLine(root, `${CPU_DIRECTORY}/online`);
	const cpus = listed === null ? null : parseCpuList(listed, CPUS_MAX);
	if (cpus !== null && cpus.length > 0) return cpus;
	const stat = (await readText(root, "proc/stat")) ?? "";
	return [...stat.matchAll(/^cpu(\d+) /gm)].slice(0, CPUS_MAX).map((match) => Number(match[1]));
}

async function countCores(root: string, online: readonly number[]): Promise<number> {
	const directories = await listNames(root, CPU_DIRECTORY, /^cpu\d+$/, CPUS_MAX);
	const groups = new Set<string>();
	for (const directory of directories) {
		if (!online.includes(Number(directory.slice("cpu".length)))) continue;
		const siblings = await readLine(root, `${CPU_DIRECTORY}/${directory}/topology/thread_siblings_list`);
		groups.add(siblings ?? directory);
	}
	return groups.size === 0 ? online.length : groups.size;
}
