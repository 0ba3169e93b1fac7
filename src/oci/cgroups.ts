// Makes, limits, freezes and removes the cgroups of one container. Synchronous file calls, each some microseconds of kernel work.
// Must never touch a cgroup that is not on the way to the container's own.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SwarmError } from "../errors.js";
import { type CgroupTrees, type ContainerCgroups, DEFAULT_PARENT } from "./cgroup-trees.js";
import type { ResourceWrite, VersionOf } from "./config/resources.js";

/** A cgroup is busy until its dead processes are reaped and the kernel has let go of them. */
export const REMOVE_MS_MAX = 10_000;
const PAUSE_MS_MAX = 50;
const FREEZE_MS_MAX = 10_000;

export function versionOf(trees: CgroupTrees): VersionOf {
	return (controller) => (legacyIndex(trees, controller) === null ? 2 : 1);
}

/** Makes them in every tree; what it made is gone again when it throws. */
export function makeCgroups(trees: CgroupTrees, cgroups: ContainerCgroups): void {
	const made: string[] = [];
	try {
		for (const { path, controllers } of cgroups.legacy) {
			const first = mkdirSync(path, { recursive: true });
			if (first !== undefined) made.push(path);
			if (controllers.includes("cpuset")) inheritCpuset(path);
		}
		if (mkdirSync(cgroups.unified, { recursive: true }) !== undefined) made.push(cgroups.unified);
		enableControllers(trees, cgroups.unified);
	} catch (thrown) {
		for (const path of made) rmdirSync(path);
		throw new SwarmError("failed", `Cannot make the container's cgroups: ${String(thrown)}`, { cause: thrown });
	}
}

/** The v1 cpuset begins empty, and no process may enter it so. */
function inheritCpuset(path: string): void {
	for (const file of ["cpuset.cpus", "cpuset.mems"]) {
		const own = join(path, file);
		if (!existsSync(own) || readFileSync(own, "utf8").trim() !== "") continue;
		const parent = dirname(path);
		if (readFileSync(join(parent, file), "utf8").trim() === "") inheritCpuset(parent);
		writeFileSync(own, readFileSync(join(parent, file), "utf8"));
	}
}

/** Each by itself: one that cannot be enabled is missed only by who limits it. */
function enableControllers({ unified, unifiedControllers }: CgroupTrees, path: string): void {
	const steps = relative(unified, path).split("/").slice(0, -1);
	for (const [index] of ["", ...steps].entries()) {
		const parent = join(unified, ...steps.slice(0, index));
		const enabled = readFileSync(join(parent, "cgroup.subtree_control"), "utf8").trim().split(/\s+/);
		for (const name of unifiedControllers.filter((controller) => !enabled.includes(controller)))
			tryWrite(join(parent, "cgroup.subtree_control"), `+${name}`);
	}
}

/**
 * Files depend on each other (v1 refuses memory above memory and swap): what the kernel refuses is tried again after the others. Throws
 * `unsupported` naming the field whose file this machine does not have, `failed` for a value that stays refused.
 */
export function applyResources(trees: CgroupTrees, cgroups: ContainerCgroups, writes: readonly ResourceWrite[]): void {
	const refused = writes.filter((write) => applyOne(trees, cgroups, write) !== null);
	for (const write of refused) {
		const reason = applyOne(trees, cgroups, write);
		if (reason === null) continue;
		throw new SwarmError(
			"failed",
			`Cannot apply the configuration: ${write.field}: ${write.file} does not take ${write.value} (${reason})`,
			{
				details: { field: write.field },
			},
		);
	}
}

/** The kernel's code when it refuses; null when it is written, or need not be. */
function applyOne(trees: CgroupTrees, cgroups: ContainerCgroups, write: ResourceWrite): string | null {
	const index = write.controller === null ? null : legacyIndex(trees, write.controller);
	const directory = index === null ? cgroups.unified : (cgroups.legacy[index]?.path ?? cgroups.unified);
	const path = join(directory, write.file);
	if (!existsSync(path)) {
		if (write.optional) return null;
		throw new SwarmError(
			"unsupported",
			`Cannot apply the configuration: ${write.field} is set, but this machine has no ${path}`,
			{
				details: { field: write.field },
			},
		);
	}
	try {
		writeFileSync(path, write.value);
		return null;
	} catch (thrown) {
		return (thrown as NodeJS.ErrnoException).code ?? String(thrown);
	}
}

function legacyIndex(trees: CgroupTrees, controller: NonNullable<ResourceWrite["controller"]>): number | null {
	if (trees.unifiedControllers.includes(controller)) return null;
	const index = trees.legacy.findIndex(({ controllers }) =>
		controllers.includes(controller === "io" ? "blkio" : controller),
	);
	return index < 0 ? null : index;
}

/** Of the cgroup and all below it. */
export function processesIn(path: string): readonly number[] {
	try {
		const own = readFileSync(join(path, "cgroup.procs"), "utf8").split("\n").filter(Boolean).map(Number);
		return [...own.filter((pid) => pid > 0), ...childrenOf(path).flatMap((child) => processesIn(child))];
	} catch {
		return [];
	}
}

export function signalAll(path: string, signal: number): void {
	// Linux before 5.14 has no such file.
	if (signal === 9 && tryWrite(join(path, "cgroup.kill"), "1")) return;
	for (const pid of processesIn(path))
		try {
			process.kill(pid, signal);
		} catch {
			// It has ended meanwhile.
		}
}

export function isFrozen(path: string): boolean {
	return /^frozen 1$/m.test(eventsOf(path));
}

/** Waits until it is so; `timeout` after FREEZE_MS_MAX. */
export async function setFrozen(path: string, frozen: boolean): Promise<void> {
	writeFileSync(join(path, "cgroup.freeze"), frozen ? "1" : "0");
	const endMs = performance.now() + FREEZE_MS_MAX;
	for (let pauseMs = 0; isFrozen(path) !== frozen; pauseMs = Math.min(PAUSE_MS_MAX, pauseMs * 2 + 1)) {
		if (performance.now() > endMs)
			throw new SwarmError(
				"timeout",
				`Cannot ${frozen ? "pause" : "resume"}: ${path} does not follow within ${FREEZE_MS_MAX} ms`,
			);
		await sleep(pauseMs);
	}
}

/** Kills what is inside and removes them; `timeout` after REMOVE_MS_MAX. Absent is fine. */
export async function removeCgroups(cgroups: ContainerCgroups): Promise<void> {
	const endMs = performance.now() + REMOVE_MS_MAX;
	const paths = [...cgroups.legacy.map(({ path }) => path), cgroups.unified];
	for (let pauseMs = 1; ; pauseMs = Math.min(PAUSE_MS_MAX, pauseMs * 2)) {
		try {
			for (const path of paths) removeTree(path);
			break;
		} catch (thrown) {
			if (performance.now() > endMs)
				throw new SwarmError("timeout", `Cannot remove the container's cgroups: still busy after ${REMOVE_MS_MAX} ms`, {
					retryable: true,
					cause: thrown,
				});
			signalAll(cgroups.unified, 9);
		}
		await sleep(pauseMs);
	}
	for (const path of paths) removeDefaultParent(dirname(path));
}

/** Ours, when this was the last container in it. */
function removeDefaultParent(path: string): void {
	if (basename(path) !== DEFAULT_PARENT) return;
	try {
		rmdirSync(path);
	} catch {
		// Another container is in it.
	}
}

function removeTree(path: string): void {
	try {
		rmdirSync(path);
	} catch (thrown) {
		if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return;
		// The container may have made cgroups of its own below.
		for (const child of childrenOf(path)) removeTree(child);
		rmdirSync(path);
	}
}

function childrenOf(path: string): readonly string[] {
	const entries = readdirSync(path, { withFileTypes: true });
	return entries.filter((entry) => entry.isDirectory()).map((entry) => join(path, entry.name));
}

function eventsOf(path: string): string {
	try {
		return readFileSync(join(path, "cgroup.events"), "utf8");
	} catch {
		return "";
	}
}

function tryWrite(path: string, value: string): boolean {
	try {
		writeFileSync(path, value, { flag: "r+" });
		return true;
	} catch {
		return false;
	}
}
