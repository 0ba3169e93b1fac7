// What containers of this machine use: chooses the files, joins their numbers with the links of the network.

import { readFileSync } from "node:fs";
import type { Clock } from "../../clock.js";
import { SwarmError } from "../../errors.js";
import type { ContainerId, ContainerStats, Spec } from "../../model.js";
import type { Cgroups } from "../cgroup/cgroups.js";
import type { ContainerNetwork } from "../network/network.js";
import type { QuotaLoop } from "../quota/quota-loop.js";
import type { ContainerState } from "../runtime.js";
import { bytesIn, keyIn, linkBytesIn, numberOf, pressureIn, type Readings, throttlingIn } from "./readings.js";
import type { StatsReader } from "./stats-reader.js";

export interface StatsParts {
	readonly reader: StatsReader;
	readonly cgroups: Cgroups;
	readonly network: ContainerNetwork;
	readonly clock: Clock;
	readonly quotas: Pick<QuotaLoop, "percentOf">;
}

/** Without those that ended while they were read. */
export async function readStats(
	states: readonly ContainerState[],
	{ reader, cgroups, network, clock, quotas }: StatsParts,
): Promise<ReadonlyMap<ContainerId, ContainerStats>> {
	const files = states.map(({ container, spec }) => [container, cgroups.statFiles(container, spec.resources)] as const);
	const takenAtMonotonicMs = clock.monotonicMs();
	const readings = await reader.read(new Map(files));
	const links = linkBytesIn(readFileSync("/proc/self/net/dev", "utf8"));
	const stats = new Map<ContainerId, ContainerStats>();
	for (const state of states) {
		const link = links.get(network.attachmentOf(state.container)?.linkName ?? "") ?? null;
		const aside = { link, takenAtMonotonicMs, quotaPercent: quotas.percentOf(state.container) };
		const made = statsOf(state, readings.get(state.container) ?? {}, aside);
		if (made !== null) stats.set(state.container, made);
	}
	return stats;
}

export async function readStatsOf(state: ContainerState, parts: StatsParts): Promise<ContainerStats> {
	const stats = (await readStats([state], parts)).get(state.container);
	if (stats !== undefined) return stats;
	const { container, phase } = state;
	throw new SwarmError("conflict", `Cannot measure ${container}: it is ${phase} and has no process, wanted running`, {
		retryable: true,
	});
}

export interface StatsAside {
	readonly link: { readonly received: number; readonly sent: number } | null;
	readonly takenAtMonotonicMs: number;
	readonly quotaPercent: number | null;
}

/** Pure; null when its cgroups are gone. `link` is the host's end: what it sent, the container received. */
export function statsOf(
	{ spec }: { readonly spec: Pick<Spec, "resources"> },
	readings: Readings,
	{ link, takenAtMonotonicMs, quotaPercent }: StatsAside,
): ContainerStats | null {
	const cpuUsageUs = keyIn(readings.cpu, "usage_usec");
	if (cpuUsageUs === null) return null;
	const throttling = throttlingIn(readings.quota);
	const io = bytesIn(readings.io);
	const cpu = pressureIn(readings.cpuPressure);
	return {
		takenAtMonotonicMs,
		cpuUsageUs,
		throttledPeriods: throttling?.periods ?? null,
		throttledUs: throttling?.us ?? null,
		cpuQuotaPercent: quotaPercent,
		memoryBytes: numberOf(readings.memory) ?? 0,
		memoryBytesLimit: spec.resources.memoryBytes,
		pids: numberOf(readings.pids) ?? 0,
		pidsLimit: spec.resources.pids,
		ioReadBytes: io?.read ?? null,
		ioWrittenBytes: io?.written ?? null,
		networkReceivedBytes: link?.sent ?? null,
		networkSentBytes: link?.received ?? null,
		cpuPressure: cpu?.percent ?? null,
		cpuStallUs: cpu?.stallUs ?? null,
		memoryPressure: pressureIn(readings.memoryPressure)?.percent ?? null,
		ioPressure: pressureIn(readings.ioPressure)?.percent ?? null,
	};
}
