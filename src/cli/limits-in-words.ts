// The limits of a container beside cpus, memory and pids, as `swarm inspect` prints them: one line for each that was asked for.

import type { IoLimit, OomReport, ResourceRequest } from "../model.js";
import { bytesInWords, timeInWords } from "./print.js";

export function limitsInWords(resources: ResourceRequest): readonly (readonly [string, string | null])[] {
	const { cpuWeight, cpuMode, cpusetCpus, cpusetMems, memoryHighBytes, swapBytes, io, hugepages } = resources;
	const { egressBytesPerSecond, ingressBytesPerSecond } = resources;
	const lines: readonly (readonly [string, string | null])[] = [
		["cpu weight", cpuWeight == null ? null : String(cpuWeight)],
		["cpu mode", cpuMode ?? null],
		["cpuset cpus", cpusetCpus ?? null],
		["cpuset mems", cpusetMems ?? null],
		["memory high", memoryHighBytes == null ? null : bytesInWords(memoryHighBytes)],
		["swap", swapBytes == null ? null : bytesInWords(swapBytes)],
		["io", io?.map(ioInWords).join("; ") ?? null],
		["hugepages", hugepages?.map(({ pageSize, bytes }) => `${bytesInWords(bytes)} of ${pageSize}`).join(", ") ?? null],
		["egress", egressBytesPerSecond == null ? null : `${bytesInWords(egressBytesPerSecond)}/s`],
		["ingress", ingressBytesPerSecond == null ? null : `${bytesInWords(ingressBytesPerSecond)}/s`],
	];
	return lines.filter(([, value]) => value !== null);
}

function ioInWords(limit: IoLimit): string {
	const rates = [
		limit.readBytesPerSecond === null ? null : `read ${bytesInWords(limit.readBytesPerSecond)}/s`,
		limit.writeBytesPerSecond === null ? null : `write ${bytesInWords(limit.writeBytesPerSecond)}/s`,
		limit.readOperationsPerSecond === null ? null : `${limit.readOperationsPerSecond} reads/s`,
		limit.writeOperationsPerSecond === null ? null : `${limit.writeOperationsPerSecond} writes/s`,
	];
	return `${limit.device} ${rates.filter((rate) => rate !== null).join(", ")}`;
}

export function oomInWords({ kills, limitBytes, usageBytes, peakBytes, process, timeMs }: OomReport): string {
	const victim = process === null ? "" : `, last ${process.name} (pid ${process.pid})`;
	const limit = limitBytes === null ? "no limit" : bytesInWords(limitBytes);
	return `${kills}${victim}, at most ${bytesInWords(peakBytes ?? usageBytes)} of ${limit}, ${timeInWords(timeMs)}`;
}
