// What happened, as lines of `swarm events`: the differences between one view and the next, seen on every node alike, in a
// ring that followers read. Pure differences; the ring keeps the last EVENTS_KEPT_MAX.

import { basename } from "node:path";
import { canonicalJson } from "../crdt/canonical.js";
import { changedIn } from "../crdt/sorted-map.js";
import type { ClusterView } from "../crdt/state.js";
import {
	type ClaimRecord,
	type ContainerId,
	type ContainerRecord,
	type ImageRecord,
	type NodeId,
	type OomReport,
	type SwarmEvent,
	workloadOf,
} from "../model.js";
import { hasEnded } from "../runtime/life-cycle.js";
import type { ContainerState, QuotaChange } from "../runtime/runtime.js";
import { bytesInWords } from "../scheduler/words.js";
import { admissionEvents } from "./admission/admission-events.js";
import type { Draft, Seen } from "./event-draft.js";
import { type Restart, restartAfter } from "./restart.js";
import { volumeEvents } from "./volume-events.js";

export const EVENTS_KEPT_MAX = 4_096;
const FOLLOWER_QUEUE_MAX = 1_024;

export function eventsBetween(before: Seen, after: Seen): readonly Draft[] {
	return [
		...nodeEvents(before, after),
		...admissionEvents(before.view, after.view),
		...workloadEvents(before.view, after.view),
		...claimEvents(before.view, after.view),
		...containerEvents(before.view, after.view),
		...oomEvents(before.view, after.view),
		...healthEvents(before.view, after.view),
		...imageEvents(before.view, after.view),
		...volumeEvents(before, after),
	];
}

function nodeEvents(before: Seen, after: Seen): readonly Draft[] {
	const drafts: Draft[] = [];
	for (const record of after.view.nodes.values()) {
		const known = before.view.nodes.get(record.node);
		const about = { node: record.node, subject: record.name, details: {} };
		if (known === undefined) drafts.push({ ...about, kind: "node.joined", message: `${record.name} joined` });
		else if (known.incarnation < record.incarnation)
			drafts.push({ ...about, kind: "node.started", message: `the daemon of ${record.name} started` });
		const was = before.liveness.get(record.node) ?? null;
		const is = after.liveness.get(record.node) ?? null;
		if (known !== undefined && was !== null && is !== null && was !== is)
			drafts.push({ ...about, kind: `node.${is}`, message: `${record.name} is ${is}, was ${was}` });
	}
	return drafts;
}

function workloadEvents(before: ClusterView, after: ClusterView): readonly Draft[] {
	const drafts: Draft[] = [];
	for (const [, spec] of changedIn(before.specs, after.specs)) {
		const known = before.specs.get(spec.name);
		if (known !== undefined && known.revision === spec.revision && known.writer === spec.writer) continue;
		const about = { node: spec.writer, subject: spec.name, details: { revision: spec.revision } };
		if (spec.removed) {
			if (known !== undefined && !known.removed)
				drafts.push({ ...about, kind: "workload.removed", message: `${spec.name} removed` });
		} else if (known === undefined || known.removed)
			drafts.push({ ...about, kind: "workload.deployed", message: `${spec.name} deployed, image ${spec.spec.image}` });
		else if (known.revision === spec.revision)
			drafts.push({
				...about,
				kind: "workload.conflict",
				message: `${spec.name}: two writers made revision ${spec.revision}, the later one counts`,
			});
		else if (canonicalJson(known.spec.resources) !== canonicalJson(spec.spec.resources))
			drafts.push({
				...about,
				kind: "workload.updated",
				message: `${spec.name} has other limits`,
				details: { revision: spec.revision, before: known.spec.resources, after: spec.spec.resources },
			});
		else if (known.desired !== spec.desired)
			drafts.push({ ...about, kind: `workload.${spec.desired}`, message: `${spec.name} is to be ${spec.desired}` });
	}
	return drafts;
}

function claimEvents(before: ClusterView, after: ClusterView): readonly Draft[] {
	const drafts: Draft[] = [];
	for (const [, claim] of changedIn(before.claims, after.claims)) {
		const known = before.claims.get(claim.container);
		if (known !== undefined && known.epoch === claim.epoch && known.owner === claim.owner) continue;
		const to = after.nodes.get(claim.owner)?.name ?? claim.owner;
		const from = known === undefined ? null : (after.nodes.get(known.owner)?.name ?? known.owner);
		const verb = { placed: "placed on", adopted: "adopted by", handover: "handed over to", restarted: "started on" };
		const unasked = claim.restarts > (known?.restarts ?? 0) ? `, restart ${claim.restarts} without being asked` : "";
		drafts.push({
			node: claim.writer,
			subject: claim.container,
			kind: `container.${claim.reason}`,
			message: `${claim.container} ${verb[claim.reason]} ${to}${unasked}`,
			details: { epoch: claim.epoch, from, to, move: claim.move, restarts: claim.restarts },
		});
	}
	return drafts;
}

function containerEvents(before: ClusterView, after: ClusterView): readonly Draft[] {
	const drafts: Draft[] = [];
	for (const [container, records] of changedIn(before.containers, after.containers))
		for (const record of records) {
			const known = phaseOn(before, container, record.node);
			const told = record.phase === "running" || record.phase === "paused" || hasEnded(record.phase);
			if (!told || known === `${record.phase} ${record.epoch}`) continue;
			if (after.specs.get(workloadOf(container)) === undefined) continue;
			const exit = record.exitCode === null ? "" : `, exit code ${record.exitCode}`;
			const error = record.error === null ? "" : `: ${record.error}`;
			const restart = restartOf(after, record);
			const then = restart === null ? "" : `; starts again ${restart.delayMs / 1_000} s after its end`;
			drafts.push({
				node: record.node,
				subject: container,
				kind: `container.${record.phase}`,
				message: `${container} is ${record.phase} on ${after.nodes.get(record.node)?.name ?? record.node}${exit}${error}${then}`,
				details: { epoch: record.epoch, exitCode: record.exitCode, nextRestartAtMs: restart?.atMs ?? null },
			});
		}
	return drafts;
}

function healthEvents(before: ClusterView, after: ClusterView): readonly Draft[] {
	const drafts: Draft[] = [];
	for (const [container, records] of changedIn(before.containers, after.containers))
		for (const record of records) {
			const { health, node, epoch } = record;
			const known = before.containers.get(container)?.find((candidate) => candidate.node === node) ?? null;
			const was = known?.epoch === epoch ? (known.health?.status ?? null) : null;
			if (health === null || health.status === "starting" || health.status === was) continue;
			const why = health.reason === null ? "" : `: ${health.reason}`;
			const restart = restartOf(after, record);
			const then = restart === null ? "" : `; starts again after ${restart.delayMs / 1_000} s`;
			drafts.push({
				node,
				subject: container,
				kind: `container.${health.status}`,
				message: `${container} is ${health.status} on ${after.nodes.get(node)?.name ?? node}${why}${then}`,
				details: { epoch, reason: health.reason, nextRestartAtMs: restart?.atMs ?? null },
			});
		}
	return drafts;
}

/** Imported, fetched, committed: a node holds what it did not; and the other way round. */
function imageEvents(before: ClusterView, after: ClusterView): readonly Draft[] {
	if (before.images === after.images) return [];
	const keyOf = ({ name, digest, node }: ImageRecord) => `${name} ${digest} ${node}`;
	const [had, has] = [before, after].map(({ images }) => new Set(images.map(keyOf))) as [Set<string>, Set<string>];
	const draft = (image: ImageRecord, kind: string, verb: string): Draft => ({
		node: image.node,
		subject: image.name,
		kind,
		message: `${image.name} ${verb} ${after.nodes.get(image.node)?.name ?? image.node}`,
		details: { digest: image.digest, sizeBytes: image.sizeBytes },
	});
	return [
		...after.images.filter((image) => !had.has(keyOf(image))).map((image) => draft(image, "image.added", "is now on")),
		...before.images
			.filter((image) => !has.has(keyOf(image)))
			.map((image) => draft(image, "image.removed", "is gone from")),
	];
}

/** The restart that its policy has in mind for it, as far as this node knows. */
function restartOf(view: ClusterView, record: ContainerRecord): Restart | null {
	const spec = view.specs.get(workloadOf(record.container));
	const claim = view.claims.get(record.container);
	if (spec === undefined || claim?.epoch !== record.epoch || spec.desired !== "running" || spec.removed) return null;
	return record.imageDigest === null ? null : restartAfter(record, spec.spec.restart, claim);
}

function oomEvents(before: ClusterView, after: ClusterView): readonly Draft[] {
	const drafts: Draft[] = [];
	for (const [container, records] of changedIn(before.containers, after.containers))
		for (const { node, epoch, oom } of records) {
			if (oom == null || after.specs.get(workloadOf(container)) === undefined) continue;
			const known = before.containers.get(container)?.find((candidate) => candidate.node === node);
			if (known?.epoch === epoch && known.oom?.kills === oom.kills) continue;
			const [{ kills, process }, where] = [oom, after.nodes.get(node)?.name ?? node];
			const victim = process === null ? "a process" : `${process.name} (pid ${process.pid})`;
			drafts.push({
				node,
				subject: container,
				kind: "container.oom-killed",
				message: `${container} on ${where}: the kernel killed ${victim} for memory, ${oomNumbers(oom)}; kills so far: ${kills}`,
				details: { epoch, ...oom },
			});
		}
	return drafts;
}

function oomNumbers({ limitBytes, peakBytes, usageBytes }: OomReport): string {
	const limit = limitBytes === null ? "no limit of its own" : `the limit is ${bytesInWords(limitBytes)}`;
	return `${limit}, the most in use was ${bytesInWords(peakBytes ?? usageBytes)}`;
}

/** Seen on the node of the container alone: quotas change too often to be told to all. */
/** A copy that lost against another one is put aside in the directory `kept`. */
export function supersededEvent(
	view: ClusterView,
	held: Pick<ContainerState, "container" | "epoch">,
	winner: ClaimRecord,
	self: NodeId,
	kept: string,
): Draft {
	const nameOf = (node: NodeId) => view.nodes.get(node)?.name ?? node;
	const { container, epoch } = held;
	return {
		...{ node: self, subject: container, kind: "container.superseded" },
		message: `the copy of ${container} on ${nameOf(self)} (epoch ${epoch}) lost against the one on ${nameOf(winner.owner)} (epoch ${winner.epoch}) and is kept`,
		details: { epoch, winner: winner.owner, winnerEpoch: winner.epoch, kept: basename(kept), path: kept },
	};
}

export function quotaEvent(change: QuotaChange, node: NodeId, timeMs: number): SwarmEvent {
	const { container, mode, before, after, squeezedFor, waitUsPerSecond } = change;
	const why =
		squeezedFor === null
			? "it wants more and nobody else waits"
			: `${squeezedFor} waits ${(waitUsPerSecond / 1_000).toFixed(1)} ms of each second for a CPU`;
	return {
		...{ timeMs, node, subject: container, kind: "container.cpu-quota" },
		message: `${container}: CPU quota ${before} % → ${after} %, mode ${mode}: ${why}`,
		details: { ...change },
	};
}

function phaseOn(view: ClusterView, container: ContainerId, node: NodeId): string | null {
	const record = view.containers.get(container)?.find((candidate) => candidate.node === node);
	return record === undefined ? null : `${record.phase} ${record.epoch}`;
}

/** Keeps and hands out events. A follower that does not read loses the oldest, never the daemon its memory. */
export class EventLog {
	readonly #kept: SwarmEvent[] = [];
	readonly #followers = new Set<(event: SwarmEvent) => void>();

	add(event: SwarmEvent): void {
		this.#kept.push(event);
		if (this.#kept.length > EVENTS_KEPT_MAX) this.#kept.shift();
		for (const follower of this.#followers) follower(event);
	}

	/** Called with every event from now on. Returns the unsubscribe function. */
	onAdd(listener: (event: SwarmEvent) => void): () => void {
		this.#followers.add(listener);
		return () => void this.#followers.delete(listener);
	}

	/** The last `tail` (null: all kept), then, if asked, every new one until the signal aborts. */
	async *read(tail: number | null, follow: boolean, signal: AbortSignal): AsyncIterable<SwarmEvent> {
		const queue: SwarmEvent[] = tail === null ? [...this.#kept] : tail === 0 ? [] : this.#kept.slice(-tail);
		let wake: () => void = () => {};
		const follower = (event: SwarmEvent) => {
			queue.push(event);
			if (queue.length > FOLLOWER_QUEUE_MAX + EVENTS_KEPT_MAX) queue.shift();
			wake();
		};
		const onAbort = () => wake();
		if (follow) this.#followers.add(follower);
		signal.addEventListener("abort", onAbort);
		try {
			for (;;) {
				for (let event = queue.shift(); event !== undefined; event = queue.shift()) yield event;
				if (!follow || signal.aborted) return;
				await new Promise<void>((resolve) => {
					wake = resolve;
				});
			}
		} finally {
			this.#followers.delete(follower);
			signal.removeEventListener("abort", onAbort);
		}
	}
}
