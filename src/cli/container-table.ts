// Containers as `swarm ps` shows them: used by every command whose answer is containers.

import type { ContainerRow } from "../node/api/contract.js";
import { agoInWords, durationInWords, oneLine, table } from "./print.js";

const columns = ["CONTAINER", "NODE", "PHASE", "RESTARTS", "EPOCH", "IMAGE", "ADDRESS", "PORTS", "STARTED"];

/** The answer of `swarm ps`; `workload` null: all. */
export function containersInWords(
	all: readonly ContainerRow[],
	{ workload, json }: { readonly workload: string | null; readonly json: boolean },
): string {
	const rows = workload === null ? all : all.filter((row) => row.workload === workload);
	return json ? `${JSON.stringify(rows, null, 2)}\n` : containerTable(rows, Date.now());
}

/** With a last column of errors when there are any. */
export function containerTable(rows: readonly ContainerRow[], nowMs: number): string {
	const withErrors = rows.some((row) => row.error !== null);
	return table(
		withErrors ? [...columns, "ERROR"] : columns,
		rows.map((row) => [
			row.container,
			row.node,
			phaseInWords(row),
			restartsInWords(row, nowMs),
			row.epoch === null ? null : String(row.epoch),
			row.image,
			row.address,
			row.ports.join(" "),
			startedInWords(row, nowMs),
			...(withErrors ? [row.error === null ? null : oneLine(row.error)] : []),
		]),
	);
}

function startedInWords(row: ContainerRow, nowMs: number): string | null {
	const ago = agoInWords(row.startedAtMs, nowMs);
	return ago === null ? null : `${ago} ago`;
}

/** `3`, `3, next in 4.0 s`: restarts without being asked. */
export function restartsInWords({ restarts, nextRestartAtMs }: ContainerRow, nowMs: number): string {
	if (nextRestartAtMs === null) return String(restarts);
	return `${restarts}, next in ${durationInWords(Math.max(0, nextRestartAtMs - nowMs))}`;
}

/** `running`, `running (healthy)`, `stopped (0)`: the health or the exit code where there is one. */
export function phaseInWords(row: ContainerRow): string {
	if (row.exitCode !== null) return `${row.phase} (${row.exitCode})`;
	return row.health === null || row.phase !== "running" ? row.phase : `${row.phase} (${row.health.status})`;
}
