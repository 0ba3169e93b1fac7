// Memory of the machine and its NUMA nodes with their distances (ACPI SLIT through /sys/devices/system/node).
// A machine whose kernel tells of no nodes has an empty list, not one made-up node.

import type { NumaNode } from "../../model.js";
import { CPUS_MAX } from "./cpu.js";
import { listNames, memoryField, parseCpuList, readLine, readText } from "./read.js";

const NUMA_NODES_MAX = 256;
const NODE_DIRECTORY = "sys/devices/system/node";

export async function readMemoryBytes(root: string): Promise<number> {
	return memoryField((await readText(root, "proc/meminfo")) ?? "", "MemTotal") ?? 0;
}

export async function readNuma(root: string): Promise<readonly NumaNode[]> {
	const names = await listNames(root, NODE_DIRECTORY, /^node\d+$/, NUMA_NODES_MAX);
	const nodes: NumaNode[] = [];
	for (const name of names) {
		const path = `${NODE_DIRECTORY}/${name}`;
		nodes.push({
			id: Number(name.slice("node".length)),
			cpus: parseCpuList((await readLine(root, `${path}/cpulist`)) ?? "", CPUS_MAX) ?? [],
			memoryBytes: memoryField((await readText(root, `${path}/meminfo`)) ?? "", "MemTotal") ?? 0,
			distances: distancesOf(await readLine(root, `${path}/distance`)),
		});
	}
	return nodes;
}

function distancesOf(line: string | null): readonly number[] {
	const distances = (line ?? "").split(/\s+/).filter((word) => word !== "");
	return distances.every((word) => /^\d+$/.test(word)) ? distances.map(Number) : [];
}
