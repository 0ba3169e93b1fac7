// Records with every field filled in, for tests that look at a few of them.

import type { ClusterView } from "../../src/crdt/state.js";
import {
	type ClaimRecord,
	type ContainerId,
	type ContainerRecord,
	type HardwareProfile,
	type ImageRecord,
	type NodeId,
	type NodeRecord,
	type Spec,
	type SpecRecord,
	type VolumeRecord,
	wholeSpec,
} from "../../src/model.js";

export const nodeA = "node-a" as NodeId;
export const nodeB = "node-b" as NodeId;
export const nodeC = "node-c" as NodeId;

const time = { ms: 1_000, logical: 0 };

export const hardware: HardwareProfile = {
	architecture: "x64",
	kernel: "6.12.0",
	cpuModel: "Test CPU",
	cpuFlags: ["sse4_2"],
	cpus: 4,
	cores: 2,
	memoryBytes: 8 * 1024 ** 3,
	numa: [],
	pci: [],
	gpus: [],
	sensors: [],
};

export function specOf(name: string, change: Partial<Spec> = {}): Spec {
	return wholeSpec({
		name,
		image: "host",
		command: ["sleep", "1"],
		env: {},
		workdir: null,
		user: null,
		resources: { cpus: null, memoryBytes: null, pids: null },
		labels: {},
		constraints: [],
		ports: [],
		replicas: 1,
		network: "bridge",
		stopGraceMs: 5_000,
		...change,
	});
}

export function specRecord(name: string, change: Partial<SpecRecord> = {}): SpecRecord {
	const spec = specOf(name);
	const revision = change.revision ?? 1;
	const wish = { desired: "running", removed: false } as const;
	return { kind: "spec", name, revision, startRevision: revision, time, writer: nodeA, spec, ...wish, ...change };
}

export function claimRecord(
	container: string,
	owner: NodeId,
	epoch: number,
	change: Partial<ClaimRecord> = {},
): ClaimRecord {
	return {
		kind: "claim",
		container: container as ContainerId,
		epoch,
		owner,
		writer: owner,
		workload: container.slice(0, container.lastIndexOf(".")),
		revision: 1,
		reason: "placed",
		move: null,
		restarts: 0,
		restartsInRow: 0,
		time,
		...change,
	};
}

export function containerRecord(
	container: string,
	node: NodeId,
	epoch: number,
	change: Partial<ContainerRecord> = {},
): ContainerRecord {
	return {
		kind: "container",
		container: container as ContainerId,
		node,
		epoch,
		revision: 1,
		phase: "running",
		exitCode: null,
		address: null,
		imageDigest: null,
		createdAtMs: 1,
		startedAtMs: 2,
		finishedAtMs: null,
		error: null,
		health: null,
		...change,
	};
}

export function nodeRecord(node: NodeId, change: Partial<NodeRecord> = {}): NodeRecord {
	return {
		kind: "node",
		node,
		name: node,
		addresses: [`/ip4/10.0.0.1/tcp/7749/p2p/${node}`],
		labels: {},
		hardware,
		version: "0.1.0",
		incarnation: 1,
		joinedAtMs: 1,
		left: false,
		...change,
	};
}

export interface ViewParts {
	readonly nodes?: readonly NodeRecord[];
	readonly specs?: readonly SpecRecord[];
	readonly claims?: readonly ClaimRecord[];
	readonly containers?: readonly ContainerRecord[];
	readonly images?: readonly ImageRecord[];
	readonly volumes?: readonly VolumeRecord[];
}

export function viewOfParts(parts: ViewParts): ClusterView {
	const containers = new Map<ContainerId, ContainerRecord[]>();
	for (const record of parts.containers ?? [])
		containers.set(record.container, [...(containers.get(record.container) ?? []), record]);
	return {
		nodes: new Map((parts.nodes ?? [nodeA, nodeB, nodeC].map((node) => nodeRecord(node))).map((n) => [n.node, n])),
		specs: new Map((parts.specs ?? []).map((spec) => [spec.name, spec])),
		claims: new Map((parts.claims ?? []).map((claim) => [claim.container, claim])),
		containers,
		images: parts.images ?? [],
		volumes: parts.volumes ?? [],
		tokens: new Map(),
		admissions: new Map(),
		electorates: new Map(),
		revocations: new Map(),
		capabilities: new Map(),
		audits: [],
	};
}
