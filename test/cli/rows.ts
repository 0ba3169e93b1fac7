// Records as a daemon gives them, for command tests.

import type { ContainerId, ContainerStats, Digest, NodeId } from "../../src/model.js";
import type { ContainerDetail, ContainerRow, NodeDetail, NodeRow, Ping } from "../../src/node/api/contract.js";
import { validateSpec } from "../../src/node/spec/validate-spec.js";
import { GIB, hardware, sample } from "../scheduler/snapshots.js";

export const n1 = "12D3KooWn1" as NodeId;
export const n2 = "12D3KooWn2" as NodeId;

export const ping: Ping = {
	node: n1,
	name: "n1",
	cluster: "lab",
	version: "0.1.0",
	pid: 2 ** 30,
	stateDirectory: "/state",
};

export function nodeRow(name: string, change: Partial<NodeRow> = {}): NodeRow {
	return {
		node: name === "n1" ? n1 : n2,
		name,
		liveness: "alive",
		role: "member",
		votes: true,
		self: name === "n1",
		addresses: [`/ip4/10.0.0.1/tcp/7749/p2p/${name}`],
		cpus: 4,
		memoryBytes: 8 * GIB,
		containers: 1,
		rttMs: null,
		version: "0.1.0",
		...change,
	};
}

export function nodeDetail(name: string): NodeDetail {
	const row = nodeRow(name);
	return {
		...row,
		record: {
			kind: "node",
			node: row.node,
			name,
			addresses: row.addresses,
			labels: { disk: "ssd" },
			hardware,
			version: "0.1.0",
			incarnation: 1,
			joinedAtMs: 0,
			left: false,
		},
		sample,
		requested: { cpus: 1, memoryBytes: GIB },
	};
}

export function containerRow(change: Partial<ContainerRow> = {}): ContainerRow {
	return {
		container: "web.0" as ContainerId,
		workload: "web",
		image: "host",
		owner: n1,
		node: "n1",
		epoch: 1,
		desired: "running",
		phase: "running",
		exitCode: null,
		address: "10.99.0.2",
		startedAtMs: 0,
		ports: ["tcp/8080→80"],
		error: null,
		health: null,
		restarts: 0,
		nextRestartAtMs: null,
		...change,
	};
}

export function containerDetail(): ContainerDetail {
	const spec = validateSpec({ name: "web", image: "host", command: ["sleep", "60"], resources: { memory: "64M" } });
	const time = { ms: 0, logical: 0 };
	return {
		...containerRow(),
		spec: {
			kind: "spec",
			name: "web",
			revision: 1,
			startRevision: 1,
			time,
			writer: n1,
			spec,
			desired: "running",
			removed: false,
		},
		claim: null,
		records: [],
		lease: null,
		state: {
			container: "web.0" as ContainerId,
			epoch: 1,
			revision: 1,
			phase: "running",
			spec,
			imageName: "host",
			imageDigest: `sha256:${"a".repeat(64)}` as Digest,
			pid: 4242,
			address: "10.99.0.2",
			exitCode: null,
			firstId: null,
			oomKilled: false,
			oom: null,
			createdAtMs: 0,
			startedAtMs: 0,
			finishedAtMs: null,
			error: null,
			move: null,
		},
		stats: containerStats({ cpuUsageUs: 1_500_000, memoryBytes: 8 * 1024 ** 2, pids: 3 }),
	};
}

export function containerStats(change: Partial<ContainerStats> = {}): ContainerStats {
	return {
		takenAtMonotonicMs: 0,
		cpuUsageUs: 0,
		throttledPeriods: null,
		throttledUs: null,
		cpuQuotaPercent: null,
		memoryBytes: 1024 ** 2,
		memoryBytesLimit: 64 * 1024 ** 2,
		pids: 1,
		pidsLimit: null,
		ioReadBytes: null,
		ioWrittenBytes: null,
		networkReceivedBytes: 0,
		networkSentBytes: 0,
		cpuPressure: 0,
		memoryPressure: 0,
		ioPressure: null,
		cpuStallUs: 0,
		...change,
	};
}
