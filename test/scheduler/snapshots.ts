// Node snapshots for scheduler tests: one ordinary machine, changed where a test looks.

import type { HardwareProfile, NodeId, NodeSample } from "../../src/model.js";
import { validateSpec } from "../../src/node/spec/validate-spec.js";
import type { NodeSnapshot, ScheduleRequest } from "../../src/scheduler/schedule.js";

export const GIB = 1024 ** 3;

export const hardware: HardwareProfile = {
	architecture: "x86_64",
	kernel: "6.12.0",
	cpuModel: null,
	cpuFlags: [],
	cpus: 4,
	cores: 4,
	memoryBytes: 8 * GIB,
	numa: [{ id: 0, cpus: [0, 1, 2, 3], memoryBytes: 8 * GIB, distances: [10] }],
	pci: [],
	gpus: [],
	sensors: [],
};

export const sample: NodeSample = {
	takenAtMs: 0,
	load1: 0,
	load5: 0,
	memoryBytesAvailable: 7 * GIB,
	cpuPressure: 0,
	memoryPressure: 0,
	ioPressure: 0,
	temperatureCelsius: 40,
	thermalHeadroomCelsius: 60,
	diskBytesFree: 100 * GIB,
};

export function node(name: string, change: Partial<NodeSnapshot> = {}): NodeSnapshot {
	return {
		node: `id-${name}` as NodeId,
		name,
		labels: {},
		role: "member",
		liveness: "alive",
		hardware,
		limits: null,
		sample,
		requested: { cpus: 0, memoryBytes: 0 },
		siblings: 0,
		portsTaken: [],
		image: { present: true, missingBytes: 0 },
		volumes: [],
		...change,
	};
}

/** `given` as in a spec file; name web and image host unless it says otherwise. */
export function request(
	given: Readonly<Record<string, unknown>> = {},
	exclude: readonly NodeId[] = [],
): ScheduleRequest {
	const spec = validateSpec({ name: "web", image: "host", ...given });
	return { spec, resources: spec.resources, exclude };
}
