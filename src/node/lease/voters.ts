// Who votes on leases, as the replicated state says: pure. Must never: depend on who is thought to be alive.

import { nodeOfVoter, voterIdOf } from "../../crdt/electorates.js";
import { majorityOf } from "../../crdt/leases.js";
import type { ClusterView } from "../../crdt/state.js";
import { type ContainerId, type NodeId, type NodeRecord, replicaOf, type VoterId } from "../../model.js";

/** Those that the voters before them agreed on and that have not left, in rising order; none before this node has heard of any. */
export function votersOf(view: ClusterView): readonly NodeId[] {
	const { voters = [] } = view.electorates.get("voters") ?? {};
	return voters.filter((voter) => !hasLeft(view, voter)).map(nodeOfVoter);
}

/** Members and witnesses that have not left: who votes, or will when a majority of the voters agrees. */
export function votersWanted(view: ClusterView): readonly NodeRecord[] {
	return [...view.nodes.values()].filter(({ left, role }) => !left && role !== "reader");
}

/** Also when it has joined again since. */
export function hasLeft(view: ClusterView, voter: VoterId): boolean {
	const record = view.nodes.get(nodeOfVoter(voter));
	return record !== undefined && (record.left || voterIdOf(record) !== voter);
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
