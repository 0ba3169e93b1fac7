// Changes the limits of a running container: all of them, or none with the reason. Must never leave a container with some of the
// new limits, and must never let a lowered memory limit kill what would only have been refused.

import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { SwarmError } from "../../errors.js";
import type { ContainerId } from "../../model.js";
import type { Controller } from "./layout.js";
import type { Write } from "./limits.js";
import { changeSetting } from "./write-setting.js";

export interface LimitChange {
	readonly container: ContainerId;
	readonly changes: { readonly apply: readonly Write[]; readonly undo: readonly Write[] };
	readonly directoryOf: (controller: Controller) => string;
	readonly memory: { readonly directory: string | null; readonly version: 1 | 2 };
	/** v1 directories that its processes are to enter: a limit of a controller that it had none of. */
	readonly entered: readonly string[];
	/** Everything that runs inside, at the moment of the call. */
	readonly processes: () => readonly number[];
}

/** A process that forks while it is moved leaves its child behind for the next round. */
const MOVE_ROUNDS_MAX = 100;
const MIB = 2 ** 20;

/** Gives the directories of `entered` that were made for it. */
export async function changeLimits(change: LimitChange): Promise<readonly string[]> {
	const { container, changes, directoryOf } = change;
	const made = change.entered.filter((path) => !existsSync(path));
	for (const path of made) mkdirSync(path);
	try {
		await refuseMemoryInUse(change);
		for (const write of changes.apply) await changeSetting(container, directoryOf(write.controller), write);
		for (const path of change.entered) await moveInto(change, path);
		return made;
	} catch (thrown) {
		// The kernel took these values before; what it does not take now has not been changed.
		for (const write of changes.undo)
			await changeSetting(container, directoryOf(write.controller), write).catch(() => {});
		for (const path of made) await leave(path);
		throw explained(change, thrown);
	}
}

/** v2 kills at once for a memory.max below what is used; v1 refuses by itself. memory.high reclaims without a kill. */
async function refuseMemoryInUse({ container, changes, memory }: LimitChange): Promise<void> {
	const write = changes.apply.find(({ file }) => file === "memory.max");
	if (memory.directory === null || memory.version === 1 || write === undefined || write.value === "max") return;
	const high = join(memory.directory, "memory.high");
	const used = () => Number(readFileSync(join(memory.directory as string, "memory.current"), "utf8"));
	if (used() <= Number(write.value)) return;
	const before = readFileSync(high, "utf8");
	await writeFile(high, write.value as string);
	writeFileSync(high, before);
	if (used() > Number(write.value)) throw memoryInUse(container, Number(write.value), used());
}

/** The kernel's "busy" with the numbers. */
function explained({ container, memory }: LimitChange, thrown: unknown): unknown {
	if (!(thrown instanceof SwarmError) || memory.directory === null || memory.version === 2) return thrown;
	const { code } = (thrown.cause ?? {}) as NodeJS.ErrnoException;
	const wanted = Number(thrown.details.value);
	if (code !== "EBUSY" || !String(thrown.details.file).startsWith("memory.")) return thrown;
	return memoryInUse(container, wanted, Number(readFileSync(join(memory.directory, "memory.usage_in_bytes"), "utf8")));
}

function memoryInUse(container: ContainerId, wantedBytes: number, usedBytes: number): SwarmError {
	const [wanted, used] = [wantedBytes, usedBytes].map((bytes) => `${(bytes / MIB).toFixed(1)} MiB`);
	const message = `Cannot limit ${container} to ${wanted} of memory: it uses ${used} and gives no more back, wanted a higher limit`;
	return new SwarmError("refused", message, { details: { container, wantedBytes, usedBytes } });
}

/** From outside each write waits for RCU (8 ms): a change of limits is rare. */
async function moveInto({ container, processes }: LimitChange, directory: string): Promise<void> {
	for (let round = 0; round < MOVE_ROUNDS_MAX; round++) {
		const inside = new Set(processesOf(directory));
		const outside = processes().filter((pid) => !inside.has(pid));
		if (outside.length === 0) return;
		for (const pid of outside) await moveProcess(container, directory, pid);
	}
	throw new SwarmError("timeout", `Cannot limit ${container}: it makes processes faster than they can be moved`, {
		retryable: true,
	});
}

async function moveProcess(container: ContainerId, directory: string, pid: number): Promise<void> {
	try {
		await writeFile(join(directory, "cgroup.procs"), String(pid));
	} catch (cause) {
		if ((cause as NodeJS.ErrnoException).code === "ESRCH") return;
		throw new SwarmError(
			"refused",
			`Cannot limit ${container}: a process cannot enter ${directory}: ${String(cause)}`,
			{
				cause,
			},
		);
	}
}

/** Back to where nothing limits it but what limits all of this daemon's containers. */
async function leave(directory: string): Promise<void> {
	for (const pid of processesOf(directory))
		await writeFile(join(dirname(directory), "cgroup.procs"), String(pid)).catch(() => {});
	rmdirSync(directory);
}

function processesOf(directory: string): readonly number[] {
	return readFileSync(join(directory, "cgroup.procs"), "utf8").split("\n").filter(Boolean).map(Number);
}
