// Who votes on leases: pure. Must never: depend on who is thought to be alive.

import { majorityOf } from "../../crdt/leases.js";
import type { ClusterView } from "../../crdt/state.js";
import { type ContainerId, type NodeId, replicaOf } from "../../model.js";

/** Members and witnesses that have not left, in the view's order. */
export function votersOf(view: ClusterView): readonly NodeId[] {
	return [...view.nodes.values()].filter(({ left, role }) => !left && role !== "reader").map(({ node }) => node);
}

/** With those of `kept` that the view does not know: it has lost them, or not heard of them yet. */
export function votersKept(view: ClusterView, kept: readonly NodeId[]): readonly NodeId[] {
	return [...votersOf(view), ...kept.filter((node) => !view.nodes.has(node))];
}

/** Whether so many voters are alive, as seen here, that a lease can be had. */
export function isMajorityAlive(view: ClusterView, isAlive: (node: NodeId) => boolean): boolean {
	const voters = votersOf(view);
	return voters.filter(isAlive).length >= majorityOf(voters.length);
}

/** The claims of `self` that need a lease, with their epochs. */
export function leasesWanted(view: ClusterView, self: NodeId): ReadonlyMap<ContainerId, number> {
	const wanted = new Map<ContainerId, number>();
	for (const claim of view.claims.values()) {
		if (claim.owner !== self) continue;
		const spec = view.specs.get(claim.workload);
		if (spec === undefined || spec.removed || spec.spec.policy !== "exclusive" || spec.desired === "stopped") continue;
		if (replicaOf(claim.container) >= spec.spec.replicas) continue;
		wanted.set(claim.container, claim.epoch);
	}
	return wanted;
}
