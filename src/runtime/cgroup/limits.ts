// Resource requests as the files that a cgroup wants written. Pure. cgroup-v2.rst and cgroup-v1/*.rst of the kernel
// documentation are the source of names and ranges.

import type { ResourceRequest } from "../../model.js";
import type { Controller } from "./layout.js";

export interface LimitWrite {
	readonly controller: Controller;
	readonly file: string;
	readonly value: string;
	/** The file may be absent: kernels without swap accounting have no swap files. */
	readonly optional: boolean;
}

const CPU_PERIOD_US = 100_000;
/** The kernel refuses a quota below 1 ms. */
const CPU_QUOTA_US_MIN = 1_000;

/** A memory limit includes swap: what does not fit in memory is not swapped out but fails. Order matters in v1. */
export function limitWrites(
	request: ResourceRequest,
	versionOf: (controller: Controller) => 1 | 2,
): readonly LimitWrite[] {
	const writes: LimitWrite[] = [];
	const add = (controller: Controller, file: string, value: string, optional = false) =>
		writes.push({ controller, file, value, optional });
	if (request.memoryBytes !== null) {
		const bytes = String(request.memoryBytes);
		if (versionOf("memory") === 2) {
			add("memory", "memory.max", bytes);
			add("memory", "memory.swap.max", "0", true);
		} else {
			add("memory", "memory.limit_in_bytes", bytes);
			add("memory", "memory.memsw.limit_in_bytes", bytes, true);
		}
	}
	if (request.cpus !== null) {
		const quotaUs = Math.max(CPU_QUOTA_US_MIN, Math.round(request.cpus * CPU_PERIOD_US));
		if (versionOf("cpu") === 2) {
			add("cpu", "cpu.max", `${quotaUs} ${CPU_PERIOD_US}`);
			add("cpu", "cpu.weight", String(between(1, Math.round(100 * request.cpus), 10_000)));
		} else {
			add("cpu", "cpu.cfs_period_us", String(CPU_PERIOD_US));
			add("cpu", "cpu.cfs_quota_us", String(quotaUs));
			add("cpu", "cpu.shares", String(between(2, Math.round(1_024 * request.cpus), 262_144)));
		}
	}
	if (request.pids !== null) add("pids", "pids.max", String(request.pids));
	return writes;
}

/** Controllers that a request cannot do without. */
export function controllersNeeded(request: ResourceRequest): readonly Controller[] {
	const needed: Controller[] = [];
	if (request.cpus !== null) needed.push("cpu");
	if (request.memoryBytes !== null) needed.push("memory");
	if (request.pids !== null) needed.push("pids");
	return needed;
}

function between(low: number, value: number, high: number): number {
	return Math.min(high, Math.max(low, value));
}
