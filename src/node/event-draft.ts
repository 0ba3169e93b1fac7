// What the makers of events compare and give: two looks at the cluster, and an event without its time.

import type { ClusterView } from "../crdt/state.js";
import type { Liveness, NodeId, SwarmEvent } from "../model.js";

export interface Seen {
	readonly view: ClusterView;
	readonly liveness: ReadonlyMap<NodeId, Liveness>;
}

export type Draft = Omit<SwarmEvent, "timeMs">;
