// Which nodes may not run a workload at all, each with a sentence that has the figures. Pure.
// Reservations count: what was promised to containers is gone, whether they use it or not.

import type { Constraint } from "../model.js";
import { limitsNeeded } from "../runtime/cgroup/limits.js";
import type { NodeSnapshot, ScheduleRequest } from "./schedule.js";
import { bytesInWords, cpusInWords } from "./words.js";

export interface Refusal {
	readonly filter: string;
	readonly reason: string;
}

/** The reason why not; null: it may. */
type Filter = (node: NodeSnapshot, request: ScheduleRequest) => string | null;

/** Memory that stays with the machine's own work: a twentieth, at most 1 GiB. */
const SYSTEM_MEMORY_SHARE = 0.05;
const SYSTEM_MEMORY_BYTES_MAX = 1024 ** 3;

/** In the order in which `swarm explain` shows them. */
const filters: Readonly<Record<string, Filter>> = {
	liveness: (node) => {
		if (node.liveness === "alive") return null;
		return node.liveness === "left" ? "it left the cluster" : `it is ${node.liveness}`;
	},
	role: (node) => {
		if (node.role === "member") return null;
		return node.role === "witness"
			? "it is a witness, which votes and runs nothing"
			: "it is a reader, which runs nothing";
	},
	excluded: (node, request) =>
		request.exclude.includes(node.node)
			? "it is excluded from this placement (the move's source or a failed target)"
			: null,
	constraints: (node, request) => {
		const labels = labelsOf(node);
		const broken = request.spec.constraints.filter((constraint) => !holds(constraint, labels));
		return broken.length === 0 ? null : broken.map((constraint) => brokenInWords(constraint, labels)).join("; ");
	},
	limits: (node, request) => {
		const missing = limitsNeeded(request.resources).filter((name) => node.limits?.includes(name) === false);
		return missing.length === 0 ? null : `its kernel cannot limit ${missing.join(", ")}, see \`swarm doctor\` there`;
	},
	cpus: (node, request) => {
		const wanted = request.resources.cpus ?? 0;
		const free = node.hardware.cpus - node.requested.cpus;
		if (wanted === 0 || wanted <= free) return null;
		return `it has ${cpusInWords(Math.max(0, free))} of ${node.hardware.cpus} not promised, ${cpusInWords(wanted)} wanted`;
	},
	memory: (node, request) => {
		const wanted = request.resources.memoryBytes ?? 0;
		const allocatable = allocatableMemoryBytes(node);
		const free = allocatable - node.requested.memoryBytes;
		if (wanted === 0 || wanted <= free) return null;
		const [freeWords, allWords] = [bytesInWords(Math.max(0, free)), bytesInWords(allocatable)];
		return `it has ${freeWords} of ${allWords} memory not promised, ${bytesInWords(wanted)} wanted`;
	},
	ports: (node, request) => {
		const taken = request.spec.ports
			.map((port) => `${port.protocol}/${port.host}`)
			.filter((port) => node.portsTaken.includes(port));
		if (taken.length === 0) return null;
		return `port ${taken.join(", ")} is already published there`;
	},
	image: (node, request) =>
		node.image.present || node.image.missingBytes !== null
			? null
			: `it lacks the image ${request.spec.image} and no node that is alive has it`,
	volumes: (node) => {
		const missing = node.volumes.filter(({ here, elsewhere }) => !here && elsewhere.length > 0);
		return missing.length === 0
			? null
			: missing.map(({ name, elsewhere }) => `the volume ${name} is on ${elsewhere.join(", ")}`).join("; ");
	},
};

export function refusalsOf(node: NodeSnapshot, request: ScheduleRequest): readonly Refusal[] {
	const refusals: Refusal[] = [];
	for (const [filter, explain] of Object.entries(filters)) {
		const reason = explain(node, request);
		if (reason !== null) refusals.push({ filter, reason });
	}
	return refusals;
}

/** What may be promised to containers. */
export function allocatableMemoryBytes(node: NodeSnapshot): number {
	const { memoryBytes } = node.hardware;
	return memoryBytes - Math.min(memoryBytes * SYSTEM_MEMORY_SHARE, SYSTEM_MEMORY_BYTES_MAX);
}

/** Names that people use for what `uname -m` prints. */
const architectureNames: Readonly<Record<string, string>> = { amd64: "x86_64", x64: "x86_64", arm64: "aarch64" };

/**
 * A node's own labels and the built-in ones, which win: `node` (its name), `arch` (as `uname -m`), `kernel`, and `gpu`
 * (maker of its first GPU; absent without one).
 */
export function labelsOf(node: NodeSnapshot): Readonly<Record<string, string>> {
	const [gpu] = node.hardware.gpus;
	return {
		...node.labels,
		node: node.name,
		arch: node.hardware.architecture,
		kernel: node.hardware.kernel,
		...(gpu === undefined ? {} : { gpu: gpu.vendor }),
	};
}

function holds(constraint: Constraint, labels: Readonly<Record<string, string>>): boolean {
	const actual = Object.hasOwn(labels, constraint.label) ? labels[constraint.label] : undefined;
	switch (constraint.operator) {
		case "exists":
			return actual !== undefined;
		case "=":
			return actual !== undefined && actual === wantedValue(constraint);
		case "!=":
			return actual !== wantedValue(constraint);
	}
}

function wantedValue(constraint: Constraint): string | null {
	const { label, value } = constraint;
	if (label !== "arch" || value === null) return value;
	return Object.hasOwn(architectureNames, value) ? (architectureNames[value] ?? value) : value;
}

function brokenInWords(constraint: Constraint, labels: Readonly<Record<string, string>>): string {
	const actual = Object.hasOwn(labels, constraint.label) ? labels[constraint.label] : undefined;
	const wanted =
		constraint.operator === "exists"
			? constraint.label
			: `${constraint.label}${constraint.operator}${constraint.value}`;
	return actual === undefined
		? `it has no label ${constraint.label}, ${wanted} wanted`
		: `its label ${constraint.label} is ${actual}, ${wanted} wanted`;
}
