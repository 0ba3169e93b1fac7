// What a peer without a certificate may do, and the records of it: the verbs of the mesh API, capabilities, the audit log. Part of
// model.ts, which exports them. The capability itself is never in the state.

import type { NodeId } from "./model-ids.js";

/**
 * What a capability can allow. `list`: nodes, containers, images, figures, explanations. `watch`: the live view. `deploy` without
 * `privileged` is for specs that stay shut in (isolation standard or strict, no devices, no added capabilities, the default seccomp
 * profile). `copy-out` and `copy-in`: files of a container. `export`: a container or image as an archive.
 */
export const verbs = [
	"list",
	"watch",
	"events",
	"logs",
	"deploy",
	"privileged",
	"update",
	"start",
	"stop",
	"pause",
	"resume",
	"remove",
	"exec",
	"attach",
	"copy-out",
	"copy-in",
	"commit",
	"export",
	"migrate",
] as const;

export type Verb = (typeof verbs)[number];

/** One step of a capability: what its holder may do. The next holder's can only be narrower. */
export interface Grant {
	readonly verbs: readonly Verb[];
	/** Workloads that have all of these labels with these values; empty: every workload. */
	readonly labels: Readonly<Record<string, string>>;
	readonly expiresAtMs: number;
}

/** A capability that the writer's node signed: what `swarm capability ls` shows. */
export interface CapabilityRecord extends Grant {
	readonly kind: "capability";
	/** 32 hexadecimal digits: the first of the hash of its first block. */
	readonly id: string;
	readonly writer: NodeId;
	/** For whose key it was made: a peer id. */
	readonly holder: NodeId;
	/** For people. */
	readonly note: string;
	readonly createdAtMs: number;
}

/** Uses of one capability that are alike and came within a batch are one entry with a count. */
export interface AuditEntry {
	readonly timeMs: number;
	/** Id of the capability; empty when what was shown could not be read. */
	readonly capability: string;
	/** Peer id of whoever used it. */
	readonly holder: NodeId;
	/** The verb, or `connect`. */
	readonly verb: string;
	/** Container, workload, node or image; else what was asked for, `containers`; empty for `connect`. */
	readonly subject: string;
	/** Why it was refused; null when it was allowed. */
	readonly refusal: string | null;
	readonly count: number;
}

/** Part of what the node answered to holders of capabilities; a newer part takes the place of the oldest. */
export interface AuditRecord {
	readonly kind: "audit";
	/** Its place in the ring of parts. */
	readonly slot: number;
	readonly node: NodeId;
	/** Number of its first entry since the node's first one ever: a gap shows what is gone. */
	readonly first: number;
	readonly entries: readonly AuditEntry[];
}
