// Records for tests, complete and valid; `overrides` change what a test is about.

import {
	type AdmissionRecord,
	type ClaimRecord,
	type ContainerId,
	type ContainerRecord,
	type ImageRecord,
	type NodeId,
	type NodeRecord,
	type RevocationRecord,
	type Spec,
	type SpecRecord,
	type TokenRecord,
	wholeSpec,
} from "../../src/model.js";

export function aSpec(name: string): Spec {
	return wholeSpec({
		name,
		image: "host",
		command: ["/bin/sleep", "1000"],
		env: {},
		workdir: null,
		user: null,
		resources: { cpus: 0.5, memoryBytes: 64 * 1024 * 1024, pids: null },
		labels: {},
		constraints: [],
		ports: [],
		replicas: 1,
		network: "none",
		stopGraceMs: 1000,
	});
}

export function aSpecRecord(writer: NodeId, name: string, overrides: Partial<SpecRecord> = {}): SpecRecord {
	const time = { ms: 1000, logical: 0 };
	const spec = aSpec(name);
	const revision = overrides.revision ?? 1;
	const wish = { desired: "running", removed: false } as const;
	return { kind: "spec", name, revision, startRevision: revision, time, writer, spec, ...wish, ...overrides };
}

export function aClaim(writer: NodeId, container: string, overrides: Partial<ClaimRecord> = {}): ClaimRecord {
	return {
		kind: "claim",
		container: container as ContainerId,
		epoch: 1,
		owner: writer,
		writer,
		workload: container.slice(0, container.lastIndexOf(".")),
		revision: 1,
		reason: "placed",
		move: null,
		restarts: 0,
		restartsInRow: 0,
		time: { ms: 1000, logical: 0 },
		...overrides,
	};
}

export function aContainer(node: NodeId, container: string, overrides: Partial<ContainerRecord> = {}): ContainerRecord {
	return {
		kind: "container",
		container: container as ContainerId,
		node,
		epoch: 1,
		revision: 1,
		phase: "running",
		exitCode: null,
		address: null,
		imageDigest: null,
		createdAtMs: 1000,
		startedAtMs: 1001,
		finishedAtMs: null,
		error: null,
		health: null,
		...overrides,
	};
}

export function aNode(node: NodeId, overrides: Partial<NodeRecord> = {}): NodeRecord {
	return {
		kind: "node",
		node,
		name: node.toLowerCase(),
		addresses: [],
		labels: {},
		hardware: {
			architecture: "x64",
			kernel: "6.12.0",
			cpuModel: null,
			cpuFlags: ["sse2"],
			cpus: 4,
			cores: 4,
			memoryBytes: 8 * 1024 ** 3,
			numa: [{ id: 0, cpus: [0, 1, 2, 3], memoryBytes: 8 * 1024 ** 3, distances: [10] }],
			pci: [],
			gpus: [],
			sensors: [],
		},
		version: "0.1.0",
		incarnation: 1,
		joinedAtMs: 1000,
		left: false,
		...overrides,
	};
}

export function anImage(node: NodeId, name: string): ImageRecord {
	return { kind: "image", name, digest: `sha256:${"0".repeat(64)}` as ImageRecord["digest"], node, sizeBytes: 1 };
}

export const tokenId = "00112233445566ff";

export function aToken(writer: NodeId, overrides: Partial<TokenRecord> = {}): TokenRecord {
	const times = { createdAtMs: 1000, expiresAtMs: 61_000 };
	const secretHash = "ab".repeat(32);
	return { kind: "token", id: tokenId, writer, secretHash, role: "member", uses: 1, ...times, ...overrides };
}

export function anAdmission(writer: NodeId, node: NodeId, overrides: Partial<AdmissionRecord> = {}): AdmissionRecord {
	const times = { admittedAtMs: 2000, expiresAtMs: 61_000 };
	return { kind: "admission", token: tokenId, node, name: "n", writer, ...times, ...overrides };
}

export function aRevocation(writer: NodeId, overrides: Partial<RevocationRecord> = {}): RevocationRecord {
	const about = { of: "token", id: tokenId, name: null, statement: null, expiresAtMs: 61_000 } as const;
	return { kind: "revocation", writer, revokedAtMs: 3000, ...about, ...overrides };
}
