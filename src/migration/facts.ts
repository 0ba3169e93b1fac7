// What this machine is, for the verdict: hardware as the scheduler read it, and what a restore needs of the kernel, under a
// given root.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { HardwareProfile } from "../model.js";
import type { MachineFacts } from "./verdict.js";

export async function readMachineFacts(
	root: string,
	hardware: HardwareProfile,
	criuVersion: string | null,
): Promise<MachineFacts> {
	return {
		architecture: hardware.architecture,
		cpuFlags: hardware.cpuFlags,
		kernel: hardware.kernel,
		criuVersion,
		kernelFeatures: await readKernelFeatures(root),
	};
}

/** MemAvailable of proc(5) meminfo. */
export async function readMemoryBytesFree(root: string): Promise<number> {
	const found = /^MemAvailable:\s+(\d+) kB$/m.exec(await readFile(join(root, "proc/meminfo"), "utf8"));
	return found === null ? 0 : Number(found[1]) * 1024;
}

/** Namespaces, overlay and seccomp: a process that has them cannot be restored without. */
async function readKernelFeatures(root: string): Promise<readonly string[]> {
	const namespaces = await readdir(join(root, "proc/self/ns"));
	const fileSystems = await readFile(join(root, "proc/filesystems"), "utf8");
	const seccomp = await readFile(join(root, "proc/sys/kernel/seccomp/actions_avail"), "utf8").catch(() => "");
	return [
		...namespaces.filter((name) => !name.endsWith("_for_children")).map((name) => `namespace ${name}`),
		...(/\toverlay$/m.test(fileSystems) ? ["overlay"] : []),
		...(seccomp === "" ? [] : ["seccomp"]),
	].sort();
}
