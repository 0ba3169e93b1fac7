// Two readings of what containers use become rates, sorted, as a table. Pure.

import type { ContainerId, ContainerStats } from "../model.js";
import type { StatsRow } from "../node/api/contract.js";
import { bytesInWords, table } from "./print.js";

/** A line of `swarm stats` and `swarm top`. Rates are null where the kernel does not count. */
export interface UseRow {
	readonly container: ContainerId;
	readonly workload: string;
	readonly node: string;
	/** Of one CPU: two busy ones are 200. */
	readonly cpuPercent: number;
	/** Share of the time in which its own quota held it back. */
	readonly throttledPercent: number | null;
	readonly ioReadBytesPerSecond: number | null;
	readonly ioWrittenBytesPerSecond: number | null;
	readonly networkReceivedBytesPerSecond: number | null;
	readonly networkSentBytesPerSecond: number | null;
	readonly stats: ContainerStats;
}

export const sortKeys = ["cpu", "memory", "pids", "io", "net", "name"] as const;
export type SortKey = (typeof sortKeys)[number];

/** Of the containers that are in both readings. One that was started again in between has none. */
export function useRows(before: readonly StatsRow[], after: readonly StatsRow[]): readonly UseRow[] {
	const known = new Map(before.map((row) => [`${row.node}/${row.container}`, row.stats]));
	return after.flatMap((row) => {
		const then = known.get(`${row.node}/${row.container}`);
		return then === undefined || then.cpuUsageUs > row.stats.cpuUsageUs ? [] : [useRow(row, then)];
	});
}

function useRow({ container, workload, node, stats }: StatsRow, then: ContainerStats): UseRow {
	const seconds = Math.max(0.001, (stats.takenAtMonotonicMs - then.takenAtMonotonicMs) / 1_000);
	const perSecond = (now: number | null, before: number | null) =>
		now === null || before === null ? null : Math.max(0, now - before) / seconds;
	const throttledUs = perSecond(stats.throttledUs, then.throttledUs);
	return {
		...{ container, workload, node },
		cpuPercent: (stats.cpuUsageUs - then.cpuUsageUs) / seconds / 10_000,
		throttledPercent: throttledUs === null ? null : throttledUs / 10_000,
		ioReadBytesPerSecond: perSecond(stats.ioReadBytes, then.ioReadBytes),
		ioWrittenBytesPerSecond: perSecond(stats.ioWrittenBytes, then.ioWrittenBytes),
		networkReceivedBytesPerSecond: perSecond(stats.networkReceivedBytes, then.networkReceivedBytes),
		networkSentBytesPerSecond: perSecond(stats.networkSentBytes, then.networkSentBytes),
		stats,
	};
}

/** Largest first; `name` from a to z. Equal ones by name. */
export function sortedBy(rows: readonly UseRow[], key: SortKey): readonly UseRow[] {
	const weight = (row: UseRow) => weightOf(row, key);
	const byName = (a: UseRow, b: UseRow) => (a.container < b.container ? -1 : a.container > b.container ? 1 : 0);
	return [...rows].sort((a, b) => weight(b) - weight(a) || byName(a, b));
}

function weightOf(row: UseRow, key: SortKey): number {
	switch (key) {
		case "cpu":
			return row.cpuPercent;
		case "memory":
			return row.stats.memoryBytes;
		case "pids":
			return row.stats.pids;
		case "io":
			return (row.ioReadBytesPerSecond ?? 0) + (row.ioWrittenBytesPerSecond ?? 0);
		case "net":
			return (row.networkReceivedBytesPerSecond ?? 0) + (row.networkSentBytesPerSecond ?? 0);
		case "name":
			return 0;
	}
}

const columns = [
	"CONTAINER",
	"NODE",
	"CPU",
	"THROTTLED",
	"MEMORY",
	"PIDS",
	"READ",
	"WRITTEN",
	"RECEIVED",
	"SENT",
	"WAITS cpu/mem/io",
];

export function useTable(rows: readonly UseRow[]): string {
	return table(
		columns,
		rows.map((row) => [
			row.container,
			row.node,
			percent(row.cpuPercent),
			row.throttledPercent === null ? null : percent(row.throttledPercent),
			`${bytesInWords(row.stats.memoryBytes)}${of(row.stats.memoryBytesLimit, bytesInWords)}`,
			`${row.stats.pids}${of(row.stats.pidsLimit, String)}`,
			rate(row.ioReadBytesPerSecond),
			rate(row.ioWrittenBytesPerSecond),
			rate(row.networkReceivedBytesPerSecond),
			rate(row.networkSentBytesPerSecond),
			[row.stats.cpuPressure, row.stats.memoryPressure, row.stats.ioPressure].map(pressure).join(" "),
		]),
	);
}

function of(limit: number | null, words: (limit: number) => string): string {
	return limit === null ? "" : ` of ${words(limit)}`;
}

function percent(value: number): string {
	return `${value.toFixed(1)} %`;
}

function rate(bytesPerSecond: number | null): string | null {
	return bytesPerSecond === null ? null : `${bytesInWords(Math.round(bytesPerSecond))}/s`;
}

function pressure(value: number | null): string {
	return value === null ? "-" : value.toFixed(1);
}
