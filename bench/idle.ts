// What an idle daemon costs: resident memory and CPU of each of three nodes that watch each other and run nothing.

import { readFileSync } from "node:fs";
import { systemClock } from "../src/clock.js";
import type { LabStatus } from "../src/node/lab/lab.js";
import { withBenchLab } from "./lab.js";
import { type BenchReport, boundedRow } from "./report.js";

/** After the joins everything is written, and what was needed once is collected, before anything is counted. */
const QUIET_MS = 15_000;
const WATCHED_MS = 30_000;
/** USER_HZ of proc(5), the same on every Linux that Debian and Ubuntu ship. */
const TICKS_PER_SECOND = 100;
const RESIDENT_MB_MAX = 150;
const CPU_PERCENT_MAX = 1;

export async function idle(): Promise<BenchReport> {
	return withBenchLab(async (lab, signal) => {
		await systemClock.sleep(QUIET_MS, signal);
		const pids = pidsOf(lab);
		const before = pids.map(cpuSecondsOf);
		const beganMs = systemClock.monotonicMs();
		await systemClock.sleep(WATCHED_MS, signal);
		const seconds = (systemClock.monotonicMs() - beganMs) / 1_000;
		const percents = pids.map((pid, at) => (100 * (cpuSecondsOf(pid) - (before[at] ?? 0))) / seconds);
		const rows = [
			boundedRow("resident memory of an idle daemon of three", "MB", pids.map(residentMbOf), RESIDENT_MB_MAX),
			boundedRow("CPU of an idle daemon of three", "% of a core", percents, CPU_PERCENT_MAX),
		];
		return { bench: "idle", rows };
	});
}

function pidsOf(lab: LabStatus): readonly number[] {
	return lab.nodes.flatMap((node) => (node.pid === null ? [] : [node.pid]));
}

/** utime and stime of proc_pid_stat(5), fields 14 and 15. */
function cpuSecondsOf(pid: number): number {
	const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
	const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
	return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function residentMbOf(pid: number): number {
	const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
	return (Number(kib) * 1024) / 1e6;
}
