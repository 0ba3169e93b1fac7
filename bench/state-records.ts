// Records that benches of the state fill a cluster with.

import { type ClaimRecord, type ContainerId, type NodeId, workloadOf } from "../src/model.js";

/** The first claim of a container. */
export function claimOf(self: NodeId, container: ContainerId): ClaimRecord {
	const workload = workloadOf(container);
	return {
		...{ kind: "claim", container, epoch: 1, owner: self, writer: self, workload, revision: 1, reason: "placed" },
		...{ move: null, restarts: 0, restartsInRow: 0, time: { ms: 1_700_000_000_000, logical: 0 } },
	};
}
