// What people see: the view joined into the lines of `swarm ps`, `swarm node ls` and `swarm image ls`. Pure; the same view
// gives the same rows on every node.

import type { ClusterView } from "../crdt/state.js";
import {
	type ClaimRecord,
	type ContainerId,
	type ContainerRecord,
	containerIdOf,
	type Liveness,
	type NodeId,
	type PublishedPort,
	type SpecRecord,
} from "../model.js";
import type { ContainerRow, ImageRow, NodeRow } from "./api/contract.js";
import { votersOf } from "./lease/voters.js";
import type { MembershipPort } from "./ports.js";
import { restartAfter } from "./restart.js";

export function containerRows(view: ClusterView, liveness: (node: NodeId) => Liveness): readonly ContainerRow[] {
	const rows: ContainerRow[] = [];
	const specs = [...view.specs.values()].filter((spec) => !spec.removed).sort((a, b) => (a.name < b.name ? -1 : 1));
	for (const spec of specs)
		for (let index = 0; index < spec.spec.replicas; index++)
			rows.push(containerRow(view, liveness, spec, containerIdOf(spec.name, index)));
	return rows;
}

export function workloadRows(
	view: ClusterView,
	liveness: (node: NodeId) => Liveness,
	workload: string,
): readonly ContainerRow[] {
	const spec = view.specs.get(workload);
	if (spec === undefined || spec.removed) return [];
	return Array.from({ length: spec.spec.replicas }, (_, index) =>
		containerRow(view, liveness, spec, containerIdOf(workload, index)),
	);
}

export function containerRow(
	view: ClusterView,
	liveness: (node: NodeId) => Liveness,
	spec: SpecRecord,
	container: ContainerId,
): ContainerRow {
	const claim = view.claims.get(container) ?? null;
	const record = claim === null ? null : factOf(view, claim);
	return {
		container,
		workload: spec.name,
		image: spec.spec.image,
		owner: claim?.owner ?? null,
		node: claim === null ? null : (view.nodes.get(claim.owner)?.name ?? claim.owner),
		epoch: claim?.epoch ?? null,
		desired: spec.desired,
		phase: phaseOf(spec, claim, record, liveness),
		exitCode: record?.exitCode ?? null,
		address: record?.address ?? null,
		startedAtMs: record?.startedAtMs ?? null,
		ports: spec.spec.ports.map(portText),
		error: record?.error ?? null,
		health: record?.health ?? null,
		restarts: claim?.restarts ?? 0,
		nextRestartAtMs: nextRestartAtMs(spec, claim, record),
	};
}

/** What could not even be created has no image: its next attempt is the reconcile loop's own. */
function nextRestartAtMs(spec: SpecRecord, claim: ClaimRecord | null, record: ContainerRecord | null): number | null {
	if (claim === null || record === null || record.imageDigest === null || spec.desired !== "running") return null;
	return restartAfter(record, spec.spec.restart, claim)?.atMs ?? null;
}

/** What the owner says of the epoch that it owns. */
function factOf(view: ClusterView, claim: ClaimRecord): ContainerRecord | null {
	const records = view.containers.get(claim.container) ?? [];
	return records.find((record) => record.node === claim.owner && record.epoch === claim.epoch) ?? null;
}

function phaseOf(
	spec: SpecRecord,
	claim: ClaimRecord | null,
	record: ContainerRecord | null,
	liveness: (node: NodeId) => Liveness,
): ContainerRow["phase"] {
	// Stopped before its owner made it: nothing is going to happen.
	if (record === null && spec.desired === "stopped") return "stopped";
	if (claim === null) return "pending";
	const ended = record?.phase === "stopped" || record?.phase === "failed";
	const owner = liveness(claim.owner);
	if (!ended && (owner === "down" || owner === "left")) return "lost";
	return record?.phase ?? "pending";
}

function portText(port: PublishedPort): string {
	return `${port.host}->${port.container}/${port.protocol}`;
}

export function nodeRows(view: ClusterView, membership: MembershipPort, self: NodeId): readonly NodeRow[] {
	const owned = new Map<NodeId, number>();
	for (const { owner, workload } of view.claims.values())
		if (view.specs.get(workload)?.removed === false) owned.set(owner, (owned.get(owner) ?? 0) + 1);
	const voters = new Set(votersOf(view));
	return [...view.nodes.values()]
		.map((record): NodeRow => {
			const liveness = record.left ? "left" : record.node === self ? "alive" : membership.liveness(record.node);
			return {
				node: record.node,
				name: record.name,
				liveness,
				role: record.role ?? "member",
				votes: voters.has(record.node),
				self: record.node === self,
				addresses: record.addresses,
				cpus: record.hardware.cpus,
				memoryBytes: record.hardware.memoryBytes,
				containers: owned.get(record.node) ?? 0,
				rttMs: record.node === self ? 0 : membership.rttMs(record.node),
				version: record.version,
			};
		})
		.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.node < b.node ? -1 : 1));
}

export function imageRows(view: ClusterView): readonly ImageRow[] {
	const rows = new Map<string, ImageRow>();
	for (const image of view.images) {
		const key = `${image.name} ${image.digest}`;
		const node = view.nodes.get(image.node)?.name ?? image.node;
		const known = rows.get(key);
		rows.set(key, {
			name: image.name,
			digest: image.digest,
			sizeBytes: image.sizeBytes,
			nodes: known === undefined ? [node] : [...known.nodes, node].sort(),
		});
	}
	return [...rows.values()].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.digest < b.digest ? -1 : 1));
}

/** Container of a `:ref`: its id, or the name of a workload with one replica. */
export function resolveContainer(
	view: ClusterView,
	ref: string,
): { container: ContainerId; spec: SpecRecord } | string {
	const bySpec = view.specs.get(ref);
	if (bySpec !== undefined && !bySpec.removed) {
		if (bySpec.spec.replicas === 1) return { container: containerIdOf(ref, 0), spec: bySpec };
		return `${ref} has ${bySpec.spec.replicas} replicas, name one: ${ref}.0 to ${ref}.${bySpec.spec.replicas - 1}`;
	}
	const dot = ref.lastIndexOf(".");
	const spec = dot < 0 ? undefined : view.specs.get(ref.slice(0, dot));
	const index = Number(ref.slice(dot + 1));
	if (spec === undefined || spec.removed || !Number.isInteger(index) || index < 0 || index >= spec.spec.replicas)
		return "";
	return { container: containerIdOf(spec.name, index), spec };
}
