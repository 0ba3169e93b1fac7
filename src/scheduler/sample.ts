// What changes from second to second on this machine: load, free memory, pressure, heat, free disk. For heartbeats.
// Must never reject for something that this machine lacks: it is null.

import { statfs } from "node:fs/promises";
import type { Clock } from "../clock.js";
import type { NodeSample } from "../model.js";
import { memoryField, readTextNow } from "./hardware/read.js";
import { findSensors, readTemperature, type SensorPath } from "./hardware/sensors.js";

/**
 * One sample. `root` as for readHardware; `dataDirectory` is on the file system whose free space counts (0 when it
 * cannot be asked). `sensors` and `diskBytesFree` save asking again.
 */
export async function readSample(
	root: string,
	dataDirectory: string,
	options: {
		readonly nowMs: number;
		readonly sensors?: readonly SensorPath[];
		readonly diskBytesFree?: number | null;
	},
): Promise<NodeSample> {
	const sensors = options.sensors ?? (await findSensors(root));
	const temperature = sensors.length === 0 ? null : await readTemperature(root, sensors);
	const diskBytesFree = options.diskBytesFree ?? (await readDiskFree(dataDirectory));
	const [load1 = 0, load5 = 0] = (readTextNow(root, "proc/loadavg")?.split("\n", 1)[0] ?? "").split(" ").map(Number);
	return {
		takenAtMs: options.nowMs,
		load1,
		load5,
		memoryBytesAvailable: availableBytes(readTextNow(root, "proc/meminfo") ?? ""),
		cpuPressure: readPressure(root, "cpu"),
		memoryPressure: readPressure(root, "memory"),
		ioPressure: readPressure(root, "io"),
		temperatureCelsius: temperature?.temperatureCelsius ?? null,
		thermalHeadroomCelsius: temperature?.thermalHeadroomCelsius ?? null,
		diskBytesFree,
	};
}

/** Sensors come and go with hardware and modules, free space changes slowly: asked this often, whatever the pace of samples. */
const SENSORS_KEPT_MS = 60_000;
const DISK_KEPT_MS = 10_000;

/** Gives samples of one machine, each as cheap as it can be: a daemon takes one a second for as long as it lives. */
export function createSampler(root: string, dataDirectory: string, clock: Clock): () => Promise<NodeSample> {
	const sensors = keptFor(SENSORS_KEPT_MS, clock, () => findSensors(root));
	const disk = keptFor(DISK_KEPT_MS, clock, () => readDiskFree(dataDirectory));
	return async () =>
		readSample(root, dataDirectory, { nowMs: clock.nowMs(), sensors: await sensors(), diskBytesFree: await disk() });
}

function keptFor<T>(keptMs: number, clock: Clock, ask: () => Promise<T>): () => Promise<T> {
	let last: { readonly value: T; readonly atMs: number } | null = null;
	return async () => {
		if (last === null || clock.monotonicMs() - last.atMs > keptMs)
			last = { value: await ask(), atMs: clock.monotonicMs() };
		return last.value;
	};
}

/** MemAvailable exists since Linux 3.14; a machine recorded before that gives what is free. */
function availableBytes(meminfo: string): number {
	return memoryField(meminfo, "MemAvailable") ?? memoryField(meminfo, "MemFree") ?? 0;
}

/** `some avg10` of /proc/pressure (Documentation/accounting/psi.rst); null without PSI. */
function readPressure(root: string, resource: "cpu" | "memory" | "io"): number | null {
	const match = /^some avg10=(\d+(?:\.\d+)?)/m.exec(readTextNow(root, `proc/pressure/${resource}`) ?? "");
	return match ? Number(match[1]) : null;
}

async function readDiskFree(directory: string): Promise<number> {
	try {
		const { bavail, bsize } = await statfs(directory);
		return bavail * bsize;
	} catch {
		return 0;
	}
}
