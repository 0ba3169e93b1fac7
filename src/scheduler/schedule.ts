// Where work should run: pure functions over a snapshot of the nodes. No I/O, no clock, no chance. Every answer
// carries the whole matrix, so that `swarm explain` can show why each node won, lost or was refused.

import type {
	HardwareProfile,
	LimitName,
	Liveness,
	NodeId,
	NodeRole,
	NodeSample,
	ResourceRequest,
	Spec,
} from "../model.js";

export interface NodeSnapshot {
	readonly node: NodeId;
	readonly name: string;
	readonly labels: Readonly<Record<string, string>>;
	/** Only a member runs containers. */
	readonly role: NodeRole;
	readonly liveness: Liveness;
	readonly hardware: HardwareProfile;
	/** What it can limit; null: not known. */
	readonly limits: readonly LimitName[] | null;
	/** Last heartbeat; null when none came yet. */
	readonly sample: NodeSample | null;
	/** Sum of what its containers requested, without the one to be placed. */
	readonly requested: { readonly cpus: number; readonly memoryBytes: number };
	/** Containers of the same workload on it. */
	readonly siblings: number;
	/** Published ports already taken there, `tcp/8080`. */
	readonly portsTaken: readonly string[];
	/** Whether the image is there; `missingBytes` is what would have to be fetched, null when nobody has it. */
	readonly image: { readonly present: boolean; readonly missingBytes: number | null };
	/** Named volumes of the workload. `elsewhere`: names of the other nodes that hold it and that it has to go to. */
	readonly volumes: readonly { readonly name: string; readonly here: boolean; readonly elsewhere: readonly string[] }[];
}

export interface ScheduleRequest {
	readonly spec: Spec;
	readonly resources: ResourceRequest;
	/** Nodes never to choose (a failed target, the node being left). */
	readonly exclude: readonly NodeId[];
}

export interface Factor {
	/** `thermal`, `pressure`, `load`, `memory`, `numa`, `spread`, `image`, … */
	readonly name: string;
	/** As read, with its unit: `41 °C of 100`, `unknown (no sensor)`. */
	readonly raw: string;
	/** 0 (worst) to 1 (best). */
	readonly score: number;
	readonly weight: number;
}

export interface NodeRow {
	readonly node: NodeId;
	readonly name: string;
	/** Filters that refused it, each a sentence; empty when it is feasible. */
	readonly refusals: readonly { readonly filter: string; readonly reason: string }[];
	readonly factors: readonly Factor[];
	/** Weighted mean of the factors, 0 to 1; null when refused. */
	readonly score: number | null;
	/** One sentence: why it won, or by what it lost against the winner. */
	readonly reason: string;
}

export interface Decision {
	/** null: no node is feasible; the rows say why. */
	readonly node: NodeId | null;
	/** Best first (ties by rendezvous hash of workload and node), then the refused by node id. */
	readonly rows: readonly NodeRow[];
}
