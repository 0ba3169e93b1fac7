// What the cluster's records say about a move: who owns the container now. Pure.

import type { ClusterView } from "../crdt/state.js";
import {
	type ClaimRecord,
	type ContainerId,
	type NodeId,
	type Phase,
	replicaOf,
	type StateRecord,
	workloadOf,
} from "../model.js";

export interface MoveIdentity {
	readonly move: string;
	readonly container: ContainerId;
	/** The source's epoch. */
	readonly epoch: number;
	readonly source: NodeId;
	readonly target: NodeId;
}

export type Standing =
	/** Nobody has claimed anything since the move began. */
	| { readonly kind: "before" }
	/** The target owns it. */
	| { readonly kind: "target"; readonly epoch: number }
	/** The source owns it under a higher epoch: handed back or taken back. */
	| { readonly kind: "source"; readonly epoch: number }
	/** A third node. */
	| { readonly kind: "other"; readonly epoch: number };

export function standingOf(identity: MoveIdentity, view: ClusterView): Standing {
	const claim = view.claims.get(identity.container);
	if (claim === undefined || claim.epoch <= identity.epoch) return { kind: "before" };
	if (claim.owner === identity.target) return { kind: "target", epoch: claim.epoch };
	if (claim.owner === identity.source) return { kind: "source", epoch: claim.epoch };
	return { kind: "other", epoch: claim.epoch };
}

/** Whether the source's own document holds the hand-over of this move. */
export function isHandedOver(identity: MoveIdentity, own: StateRecord | null): boolean {
	return own?.kind === "claim" && own.move === identity.move && own.owner === identity.target;
}

const ranPhases: readonly Phase[] = ["running", "pausing", "paused", "resuming", "stopping", "stopped"];

/** Removed, or one replica too many: no copy of it is to run anywhere. */
export function isEnded(container: ContainerId, view: ClusterView): boolean {
	const record = view.specs.get(workloadOf(container));
	return record !== undefined && (record.removed || replicaOf(container) >= record.spec.replicas);
}

/** Whether the target published that it got as far as running. */
export function hasRunThere(identity: MoveIdentity, view: ClusterView): boolean {
	const records = view.containers.get(identity.container) ?? [];
	return records.some(
		({ node, epoch, phase }) => node === identity.target && epoch > identity.epoch && ranPhases.includes(phase),
	);
}

/** A claim of the next epoch over what the view shows now, and over `taken`, which the view may not show yet. */
export function nextClaim(
	identity: MoveIdentity,
	view: ClusterView,
	wish: Pick<ClaimRecord, "owner" | "writer" | "reason" | "time">,
	taken: number = identity.epoch,
): ClaimRecord {
	const before = view.claims.get(identity.container);
	return {
		kind: "claim",
		container: identity.container,
		epoch: Math.max(before?.epoch ?? 0, taken) + 1,
		workload: workloadOf(identity.container),
		revision: before?.revision ?? 1,
		move: identity.move,
		restarts: before?.restarts ?? 0,
		restartsInRow: before?.restartsInRow ?? 0,
		...wish,
	};
}
