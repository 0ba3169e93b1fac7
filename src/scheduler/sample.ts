// What changes from second to second on this machine: load, free memory, pressure, heat, free disk. For heartbeats.
// Must never reject for something that this machine lacks: it is null.

import { statfs } from "node:fs/promises";
import type { NodeSample } from "../model.js";
import { memoryField, readLine, readText } from "./hardware/read.js";
import { findSensors, readTemperature, type SensorPath } from "./hardware/sensors.js";

/**
 * One sample. `root` as for readHardware; `dataDirectory` is on the file system whose free space counts (0 when it
 * cannot be asked). `sensors` saves looking for them again.
 */
export async function readSample(
	root: string,
	dataDirectory: string,
	options: { readonly nowMs: number; readonly sensors?: readonly SensorPath[] },
): Promise<NodeSample> {
	const [load, meminfo, cpuPressure, memoryPressure, ioPressure, diskBytesFree, temperature] = await Promise.all([
		readLine(root, "proc/loadavg"),
		readText(root, "proc/meminfo"),
		readPressure(root, "cpu"),
		readPressure(root, "memory"),
		readPressure(root, "io"),
		readDiskFree(dataDirectory),
		readTemperature(root, options.sensors ?? (await findSensors(root))),
	]);
	const [load1 = 0, load5 = 0] = (load ?? "").split(" ").map(Number);
	return {
		takenAtMs: options.nowMs,
		load1,
		load5,
		memoryBytesAvailable: availableBytes(meminfo ?? ""),
		cpuPressure,
		memoryPressure,
		ioPressure,
		temperatureCelsius: temperature?.temperatureCelsius ?? null,
		thermalHeadroomCelsius: temperature?.thermalHeadroomCelsius ?? null,
		diskBytesFree,
	};
}

/** MemAvailable exists since Linux 3.14; a machine recorded before that gives what is free. */
function availableBytes(meminfo: string): number {
	return memoryField(meminfo, "MemAvailable") ?? memoryField(meminfo, "MemFree") ?? 0;
}

/** `some avg10` of /proc/pressure (Documentation/accounting/psi.rst); null without PSI. */
async function readPressure(root: string, resource: "cpu" | "memory" | "io"): Promise<number | null> {
	const match = /^some avg10=(\d+(?:\.\d+)?)/m.exec((await readText(root, `proc/pressure/${resource}`)) ?? "");
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
