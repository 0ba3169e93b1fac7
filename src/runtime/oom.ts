// What the kernel's out-of-memory killer did in a container: noticed at its end, and by looking now and then while it runs on (v1 has
// no notice that Node could wait for). Must never cost a daemon anything that has no container with a memory limit.

import { closeSync, constants, openSync, readSync } from "node:fs";
import type { Clock } from "../clock.js";
import type { ContainerId, OomReport } from "../model.js";
import type { Cgroups } from "./cgroup/cgroups.js";
import type { ContainerState } from "./runtime.js";

/** A kill that does not end the container is told after this long at most: one short read for each limited container. */
export const OOM_LOOK_MS = 2_000;
/** Of more than these, some at a time in turn: a node with a thousand limited containers spends no more on it. */
const LOOKED_AT_ONCE_MAX = 100;
/** More than the kernel's log holds. */
const KERNEL_LINES_MAX = 50_000;
/** A line of /dev/kmsg (CONSOLE_EXT_LOG_MAX of the kernel). */
const KERNEL_LINE_BYTES_MAX = 8_192;

/** null when nothing was killed in it. */
export function oomReportOf(cgroups: Cgroups, container: ContainerId, nowMs: number): OomReport | null {
	const oom = cgroups.oom(container);
	if (oom === null || oom.kills === 0) return null;
	const { cgroup, ...numbers } = oom;
	return { ...numbers, process: lastVictim(kernelLines(), cgroup), timeMs: nowMs };
}

/** The last line about a cgroup (or one below it) that says whom the killer chose. Pure. */
export function lastVictim(lines: readonly string[], cgroup: string): OomReport["process"] {
	for (const line of [...lines].reverse()) {
		const found = /oom-kill:constraint=.*,oom_memcg=([^,]*),.*task=(.*),pid=(\d+),/.exec(line);
		const path = found?.[1];
		if (path === undefined) continue;
		if (path.endsWith(cgroup) || path.includes(`${cgroup}/`))
			return { name: found?.[2] ?? "", pid: Number(found?.[3]) };
	}
	return null;
}

/** What the kernel's log holds; empty where it cannot be read. */
function kernelLines(): readonly string[] {
	const lines: string[] = [];
	let descriptor: number;
	try {
		descriptor = openSync("/dev/kmsg", constants.O_RDONLY | constants.O_NONBLOCK);
	} catch {
		return lines;
	}
	const buffer = Buffer.alloc(KERNEL_LINE_BYTES_MAX);
	try {
		while (lines.length < KERNEL_LINES_MAX) {
			const line = readLine(descriptor, buffer);
			if (line === null) break;
			if (line.includes("oom-kill:")) lines.push(line);
		}
	} finally {
		closeSync(descriptor);
	}
	return lines;
}

/** One record; empty for one that was overwritten before it was read, null at the end. */
function readLine(descriptor: number, buffer: Buffer): string | null {
	try {
		return buffer.toString("utf8", 0, readSync(descriptor, buffer));
	} catch (thrown) {
		return (thrown as NodeJS.ErrnoException).code === "EPIPE" ? "" : null;
	}
}

/** What the watch needs of a container. */
export interface Watched {
	readonly id: ContainerId;
	readonly state: ContainerState;
	noteOom(oom: OomReport): void;
}

/** Looks at limited containers that run, as long as there are any. */
export class OomWatch {
	readonly #clock: Clock;
	readonly #cgroups: Cgroups;
	readonly #containers: () => readonly Watched[];
	#cancel: (() => void) | null = null;
	/** The first of the next look. */
	#at = 0;

	constructor(clock: Clock, cgroups: Cgroups, containers: () => readonly Watched[]) {
		this.#clock = clock;
		this.#cgroups = cgroups;
		this.#containers = containers;
	}

	/** Call when a container may have begun to run or got another limit. */
	ask(): void {
		if (this.#cancel !== null || this.#watched().length === 0) return;
		this.#cancel = this.#clock.after(OOM_LOOK_MS, () => {
			this.#cancel = null;
			for (const container of this.#nextOf(this.#watched())) this.#look(container);
			this.ask();
		});
	}

	stop(): void {
		this.#cancel?.();
		this.#cancel = null;
	}

	#watched(): readonly Watched[] {
		return this.#containers().filter(
			({ state }) => state.phase === "running" && state.spec.resources.memoryBytes !== null,
		);
	}

	#nextOf(watched: readonly Watched[]): readonly Watched[] {
		if (this.#at >= watched.length) this.#at = 0;
		const next = watched.slice(this.#at, this.#at + LOOKED_AT_ONCE_MAX);
		this.#at += LOOKED_AT_ONCE_MAX;
		return next;
	}

	#look(container: Watched): void {
		const kills = this.#cgroups.oomKills(container.id);
		if (kills <= (container.state.oom?.kills ?? 0)) return;
		const oom = oomReportOf(this.#cgroups, container.id, this.#clock.nowMs());
		if (oom !== null) container.noteOom(oom);
	}
}
