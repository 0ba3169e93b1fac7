// How well a node suits a workload, factor by factor, each from 0 (worst) to 1 (best) with the reading it came from.
// Pure. What is not known scores NEUTRAL at most: an absent sensor must never beat a node that is known to be cool.

import type { NodeSample } from "../model.js";
import { allocatableMemoryBytes } from "./filters.js";
import type { Factor, NodeSnapshot, ScheduleRequest } from "./schedule.js";
import { bytesInWords, cpusInWords, rounded } from "./words.js";

/** For what nobody measured. */
export const NEUTRAL = 0.5;

/** Margin to the sensor's limit from which a node counts as cool; below 0 it throttles. */
const HEADROOM_CELSIUS_COOL = 40;
/** An image of this size to be fetched scores half. */
const IMAGE_BYTES_HALF = 256 * 1024 ** 2;

interface Reading {
	readonly raw: string;
	readonly score: number;
}

type Score = (node: NodeSnapshot, request: ScheduleRequest) => Reading;

/** In the order in which `swarm explain` shows them. Heat and pressure say what is wrong now, so they weigh most. */
const scores: Readonly<Record<string, { readonly weight: number; readonly score: Score }>> = {
	thermal: { weight: 3, score: (node) => thermal(node.sample) },
	load: { weight: 2, score: load },
	"cpu pressure": { weight: 2, score: (node) => pressure(node.sample?.cpuPressure) },
	"memory pressure": { weight: 2, score: (node) => pressure(node.sample?.memoryPressure) },
	"io pressure": { weight: 1, score: (node) => pressure(node.sample?.ioPressure) },
	cpus: { weight: 2, score: freeCpus },
	memory: { weight: 2, score: freeMemory },
	numa: { weight: 1, score: numaFit },
	spread: { weight: 3, score: (node) => spread(node.siblings) },
	image: { weight: 2, score: (node) => image(node.image) },
};

/** Only of a workload that has some. */
const volumeScore = { volumes: { weight: 3, score: (node: NodeSnapshot) => volumes(node.volumes) } };

export function factorsOf(node: NodeSnapshot, request: ScheduleRequest): readonly Factor[] {
	const all = node.volumes.length === 0 ? scores : { ...scores, ...volumeScore };
	return Object.entries(all).map(([name, { weight, score }]) => {
		const reading = score(node, request);
		return { name, raw: reading.raw, score: Math.min(1, Math.max(0, reading.score)), weight };
	});
}

/** Weighted mean, 0 to 1. */
export function totalOf(factors: readonly Factor[]): number {
	const weight = factors.reduce((sum, factor) => sum + factor.weight, 0);
	return factors.reduce((sum, factor) => sum + factor.score * factor.weight, 0) / weight;
}

function unknown(why: string): Reading {
	return { raw: `unknown (${why})`, score: NEUTRAL };
}

function thermal(sample: NodeSample | null): Reading {
	if (sample === null) return unknown("no heartbeat yet");
	const { temperatureCelsius, thermalHeadroomCelsius } = sample;
	if (temperatureCelsius === null) return unknown("no sensor");
	if (thermalHeadroomCelsius === null) return unknown(`${rounded(temperatureCelsius)} °C, sensor without a limit`);
	const limit = temperatureCelsius + thermalHeadroomCelsius;
	return {
		raw: `${rounded(temperatureCelsius)} °C of ${rounded(limit)}`,
		score: thermalHeadroomCelsius / HEADROOM_CELSIUS_COOL,
	};
}

/** Runnable tasks for each CPU: 0 is idle, 1 busy, 2 or more is worst. */
function load(node: NodeSnapshot): Reading {
	if (node.sample === null) return unknown("no heartbeat yet");
	const perCpu = node.sample.load1 / Math.max(1, node.hardware.cpus);
	return { raw: `${node.sample.load1.toFixed(2)} on ${cpusInWords(node.hardware.cpus)}`, score: 1 - perCpu / 2 };
}

function pressure(percent: number | null | undefined): Reading {
	if (percent === undefined) return unknown("no heartbeat yet");
	if (percent === null) return unknown("no PSI");
	return { raw: `${rounded(percent)} % of the last 10 s`, score: 1 - percent / 100 };
}

/** Share of the CPUs that stays unpromised with this workload on it. */
function freeCpus(node: NodeSnapshot, request: ScheduleRequest): Reading {
	const left = node.hardware.cpus - node.requested.cpus - (request.resources.cpus ?? 0);
	return {
		raw: `${cpusInWords(Math.max(0, left))} left of ${node.hardware.cpus}`,
		score: left / Math.max(1, node.hardware.cpus),
	};
}

/** Share of the memory that stays with this workload on it: by promises and by what is really available, the lesser. */
function freeMemory(node: NodeSnapshot, request: ScheduleRequest): Reading {
	const wanted = request.resources.memoryBytes ?? 0;
	const allocatable = allocatableMemoryBytes(node);
	const unpromised = allocatable - node.requested.memoryBytes - wanted;
	const available = node.sample === null ? unpromised : node.sample.memoryBytesAvailable - wanted;
	const left = Math.max(0, Math.min(unpromised, available));
	return { raw: `${bytesInWords(left)} left of ${bytesInWords(allocatable)}`, score: left / Math.max(1, allocatable) };
}

/** Whether the request fits one NUMA node: reaching for another one's memory costs its distance. */
function numaFit(node: NodeSnapshot, request: ScheduleRequest): Reading {
	const { numa } = node.hardware;
	const wantedCpus = request.resources.cpus ?? 0;
	const wantedBytes = request.resources.memoryBytes ?? 0;
	if (numa.length === 0) return unknown("the kernel tells no NUMA nodes");
	if (numa.length === 1) return { raw: "1 NUMA node", score: 1 };
	const fitting = numa.filter((each) => each.cpus.length >= wantedCpus && each.memoryBytes >= wantedBytes);
	if (fitting.length > 0) return { raw: `fits ${fitting.length} of ${numa.length} NUMA nodes`, score: 1 };
	const nearest = Math.min(...numa.flatMap((each) => each.distances.filter((distance) => distance > 10)));
	const raw = `fits none of ${numa.length} NUMA nodes, the next is at distance ${Number.isFinite(nearest) ? nearest : "unknown"}`;
	return { raw, score: Number.isFinite(nearest) ? 10 / nearest : NEUTRAL };
}

function spread(siblings: number): Reading {
	const raw = siblings === 0 ? "no other replica here" : `${siblings} other replica${siblings === 1 ? "" : "s"} here`;
	return { raw, score: 1 / (1 + siblings) };
}

function image(state: NodeSnapshot["image"]): Reading {
	if (state.present) return { raw: "present", score: 1 };
	const bytes = state.missingBytes ?? Number.POSITIVE_INFINITY;
	return { raw: `${bytesInWords(bytes)} to fetch`, score: IMAGE_BYTES_HALF / (IMAGE_BYTES_HALF + bytes) };
}

function volumes(places: NodeSnapshot["volumes"]): Reading {
	const held = places.filter(({ here }) => here).length;
	const raw = places.map(({ name, here }) => `${name} ${here ? "is here" : "is made here"}`).join(", ");
	return { raw, score: held / places.length };
}
