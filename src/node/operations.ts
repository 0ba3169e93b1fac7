// What a user can ask of a node, whichever transport brings it (api/router.ts): decide on the view, write records, wait for
// what follows. Must never touch a container of another node: those calls are forwarded by the router.

import type { ClusterView } from "../crdt/state.js";
import { SwarmError } from "../errors.js";
import {
	type ClaimRecord,
	type ContainerId,
	containerIdOf,
	type Liveness,
	type NodeId,
	type ResourceRequest,
	type Spec,
	type SpecRecord,
} from "../model.js";
import { normalizedName } from "../runtime/image/name.js";
import type { ContainerRow, DeployResult, Explanation } from "./api/contract.js";
import { leaseNotes } from "./lease/notes.js";
import { decide, refusalsOf } from "./placement.js";
import type { NodePorts } from "./ports.js";
import { containerRow, containerRows, resolveContainer, workloadRows } from "./rows.js";

const SETTLE_WAIT_MS = 60_000;

export interface Operations {
	view(): ClusterView;
	rows(): readonly ContainerRow[];
	row(container: ContainerId): ContainerRow;
	rowsOf(workload: string): readonly ContainerRow[];
	/** The record of a workload; code `not-found`. */
	workload(name: string): SpecRecord;
	/** Code `not-found`, or `usage` when the name stands for several. */
	resolve(ref: string): { readonly container: ContainerId; readonly spec: SpecRecord };
	/** Node by name or id; code `not-found`. */
	nodeOf(name: string): NodeId;
	/** Writes spec and claims, waits until every replica runs, ended or failed. */
	deploy(spec: Spec, signal: AbortSignal): Promise<DeployResult>;
	explain(workload: string): Explanation;
	stop(workload: string, signal: AbortSignal): Promise<readonly ContainerRow[]>;
	start(workload: string, signal: AbortSignal): Promise<readonly ContainerRow[]>;
	/** Freezes what runs; `conflict` for a workload that is stopped. */
	pause(workload: string, signal: AbortSignal): Promise<readonly ContainerRow[]>;
	resume(workload: string, signal: AbortSignal): Promise<readonly ContainerRow[]>;
	/** Refuses (`refused`) resources that the nodes which have its containers cannot promise or limit. */
	refuseUnfit(workload: string, resources: ResourceRequest): void;
	/** Writes the revision with these resources and waits until every container that can has them. */
	reviseResources(workload: string, resources: ResourceRequest, signal: AbortSignal): Promise<readonly ContainerRow[]>;
	remove(workload: string, signal: AbortSignal): Promise<void>;
}

export function createOperations(ports: NodePorts): Operations {
	const view = () => ports.state.view();
	const liveness = (node: NodeId): Liveness =>
		node === ports.state.self ? "alive" : view().nodes.get(node)?.left ? "left" : ports.membership.liveness(node);
	const rowsOf = (workload: string) => workloadRows(view(), liveness, workload);

	function resolve(ref: string) {
		const found = resolveContainer(view(), ref);
		if (typeof found !== "string") return found;
		if (found !== "") throw new SwarmError("usage", `Cannot tell which container: ${found}`);
		throw new SwarmError("not-found", `Cannot find container ${ref}: no workload of that name, see \`swarm ps\``);
	}

	const notesOf = (spec: Spec) => leaseNotes(spec, view(), (node) => liveness(node) === "alive");

	function specOf(workload: string): SpecRecord {
		const spec = view().specs.get(workload);
		if (spec === undefined || spec.removed)
			throw new SwarmError("not-found", `Cannot find workload ${workload}: it does not exist, see \`swarm ps\``);
		return spec;
	}

	/** `anew`: what runs or ran is started again for it. */
	async function revise(
		workload: string,
		change: Partial<Pick<SpecRecord, "desired" | "removed" | "spec">>,
		anew: boolean,
	) {
		const known = specOf(workload);
		const revision = known.revision + 1;
		const record: SpecRecord = {
			...known,
			...change,
			revision,
			startRevision: anew ? revision : known.startRevision,
			time: ports.state.time(),
			writer: ports.state.self,
		};
		await ports.state.commit([record]);
	}

	/** Waits for the view to fulfil `done`; on time-out the rows as they are. */
	function settled(done: () => boolean, signal: AbortSignal): Promise<void> {
		return new Promise((resolve, reject) => {
			const undo: (() => void)[] = [];
			const finish = (act: () => void) => {
				for (const step of undo.splice(0)) step();
				act();
			};
			const look = () => {
				if (done()) finish(resolve);
			};
			const onAbort = () =>
				finish(() => reject(new SwarmError("aborted", "Cannot wait any longer: the caller went away")));
			undo.push(
				ports.state.subscribe(look),
				ports.membership.subscribe(look),
				ports.clock.after(SETTLE_WAIT_MS, () => finish(resolve)),
			);
			signal.addEventListener("abort", onAbort, { once: true });
			undo.push(() => signal.removeEventListener("abort", onAbort));
			look();
		});
	}

	return {
		view,
		resolve,
		rows: () => containerRows(view(), liveness),
		rowsOf,
		workload: specOf,
		row(container) {
			const { spec } = resolve(container);
			return containerRow(view(), liveness, spec, container);
		},
		nodeOf(name) {
			for (const record of view().nodes.values()) if (record.name === name || record.node === name) return record.node;
			const known = [...view().nodes.values()].map((record) => record.name).sort();
			throw new SwarmError("not-found", `Cannot find node ${name}: the cluster has ${known.join(", ")}`);
		},
		async deploy(given, signal) {
			const spec = { ...given, image: normalizedName(given.image) ?? given.image };
			const known = view().specs.get(spec.name);
			if (known !== undefined && !known.removed)
				throw new SwarmError(
					"conflict",
					`Cannot deploy ${spec.name}: the name is taken, remove it first with \`swarm rm ${spec.name}\` or choose another`,
				);
			refuseUnknownImage(view(), spec);
			await ports.state.commit(placeNew(ports, view(), spec, (known?.revision ?? 0) + 1));
			await settled(() => rowsOf(spec.name).every(isSettledRow), signal);
			return { workload: spec.name, containers: rowsOf(spec.name), notes: notesOf(spec) };
		},
		explain(workload) {
			const record = specOf(workload);
			const facts = { view: view(), membership: ports.membership, pending: [] };
			return {
				workload,
				containers: Array.from({ length: record.spec.replicas }, (_, index) => {
					const container = containerIdOf(workload, index);
					const owner = facts.view.claims.get(container)?.owner ?? null;
					return { container, owner, decision: decide(facts, record.spec, container, []) };
				}),
				notes: notesOf(record.spec),
			};
		},
		async stop(workload, signal) {
			if (specOf(workload).desired !== "stopped") await revise(workload, { desired: "stopped" }, false);
			const live: readonly ContainerRow["phase"][] = ["running", "stopping", "pausing", "paused", "resuming"];
			await settled(() => rowsOf(workload).every((row) => !live.includes(row.phase)), signal);
			return rowsOf(workload);
		},
		async start(workload, signal) {
			const spec = specOf(workload);
			const idle = rowsOf(workload).some((row) => row.phase === "stopped" || row.phase === "failed");
			if (spec.desired === "stopped" || idle) await revise(workload, { desired: "running" }, true);
			else if (spec.desired === "paused") await revise(workload, { desired: "running" }, false);
			const { startRevision } = specOf(workload);
			const renewed = (row: ContainerRow) => (view().claims.get(row.container)?.revision ?? 0) >= startRevision;
			await settled(() => rowsOf(workload).every((row) => renewed(row) && isAsDesired(row)), signal);
			return rowsOf(workload);
		},
		async pause(workload, signal) {
			const { desired } = specOf(workload);
			if (desired === "stopped") throw notLive("pause", workload);
			if (desired === "running") await revise(workload, { desired: "paused" }, false);
			await settled(() => rowsOf(workload).every(isAsDesired), signal);
			return rowsOf(workload);
		},
		async resume(workload, signal) {
			const { desired } = specOf(workload);
			if (desired === "stopped") throw notLive("resume", workload);
			if (desired === "paused") await revise(workload, { desired: "running" }, false);
			await settled(() => rowsOf(workload).every(isAsDesired), signal);
			return rowsOf(workload);
		},
		refuseUnfit(workload, resources) {
			const { spec } = specOf(workload);
			const facts = { view: view(), membership: ports.membership, pending: [] };
			for (const { container, owner, node } of rowsOf(workload)) {
				const decision = decide(facts, { ...spec, resources }, container, []);
				const refusals = decision.rows.find((row) => row.node === owner)?.refusals ?? [];
				const [first] = refusals.filter(({ filter }) => resourceFilters.includes(filter));
				if (first !== undefined)
					throw new SwarmError("refused", `Cannot update ${container}: ${node}: ${first.reason}`);
			}
		},
		async reviseResources(workload, resources, signal) {
			await revise(workload, { spec: { ...specOf(workload).spec, resources } }, false);
			const { revision } = specOf(workload);
			const isThere = ({ container, owner, phase }: ContainerRow) =>
				phase === "pending" ||
				phase === "lost" ||
				(view().containers.get(container) ?? []).some((record) => record.node === owner && record.revision >= revision);
			await settled(() => rowsOf(workload).every(isThere), signal);
			return rowsOf(workload);
		},
		async remove(workload, signal) {
			const { replicas } = specOf(workload).spec;
			await revise(workload, { removed: true, desired: "stopped" }, false);
			const containers = Array.from({ length: replicas }, (_, index) => containerIdOf(workload, index));
			const isGone = (container: ContainerId) =>
				(view().containers.get(container) ?? []).every((record) => liveness(record.node) !== "alive");
			await settled(() => containers.every(isGone), signal);
		},
	};
}

/** An image that only a dead node has is known: the scheduler then tells who has it. */
function refuseUnknownImage(view: ClusterView, spec: Spec): void {
	if (view.images.some((image) => image.name === spec.image)) return;
	throw new SwarmError(
		"not-found",
		`Cannot deploy ${spec.name}: no node has the image ${spec.image}, import it with \`swarm image import FILE\``,
	);
}

/** Of the scheduler's filters, those that a container's resources decide. */
const resourceFilters = ["limits", "cpus", "memory"];

function isSettledRow(row: ContainerRow): boolean {
	return row.phase === "running" || row.phase === "stopped" || row.phase === "failed" || row.phase === "paused";
}

/** It is in the phase that is wished for, or has ended by itself, or nobody can say before its node is back. */
function isAsDesired(row: ContainerRow): boolean {
	if (row.phase === "stopped" || row.phase === "failed" || row.phase === "lost") return true;
	return row.phase === row.desired || (row.desired === "paused" && row.phase === "pending");
}

function notLive(action: "pause" | "resume", workload: string): SwarmError {
	return new SwarmError(
		"conflict",
		`Cannot ${action} ${workload}: it is stopped, start it with \`swarm start ${workload}\``,
	);
}

/** The spec and one claim per replica, each placed with the ones before it in mind; nothing when one does not fit. */
function placeNew(
	ports: NodePorts,
	view: ClusterView,
	spec: Spec,
	revision: number,
): readonly (SpecRecord | ClaimRecord)[] {
	const { state, membership } = ports;
	const pending: { container: ContainerId; owner: NodeId; spec: Spec }[] = [];
	const claims: ClaimRecord[] = [];
	for (let index = 0; index < spec.replicas; index++) {
		const container = containerIdOf(spec.name, index);
		const decision = decide({ view, membership, pending }, spec, container, []);
		if (decision.node === null)
			throw new SwarmError("refused", `Cannot deploy ${container}: no node fits: ${refusalsOf(decision)}`, {
				details: { rows: decision.rows },
			});
		pending.push({ container, owner: decision.node, spec });
		claims.push({
			kind: "claim",
			container,
			// Above every epoch of an earlier life of that name.
			epoch: (view.claims.get(container)?.epoch ?? 0) + 1,
			owner: decision.node,
			writer: state.self,
			workload: spec.name,
			revision,
			reason: "placed",
			move: null,
			restarts: 0,
			restartsInRow: 0,
			time: state.time(),
		});
	}
	const record: SpecRecord = {
		kind: "spec",
		name: spec.name,
		revision,
		startRevision: revision,
		time: state.time(),
		writer: state.self,
		spec,
		desired: "running",
		removed: false,
	};
	return [record, ...claims];
}
