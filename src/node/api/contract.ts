// What the daemon answers on its unix socket (`<state>/swarm.sock`) and, for what lives on another node, over the mesh
// (`/swarm/api/1`). HTTP/1.1; bodies are JSON, streams are one JSON value per line (`application/x-ndjson`) whose last line
// is `{"result": …}` or `{"error": ErrorData}`. An error answer is `{"error": ErrorData}` with a status that only says
// client's (400) or ours (500): callers branch on the code. A connection to the socket that is upgraded to
// `swarm-calls-1` carries the same calls one after the other (calls/frames.ts).
//
// GET    /v1/ping                          → Ping
// GET    /v1/nodes                         → NodeRow[]
// GET    /v1/nodes/:name                   → NodeDetail
// POST   /v1/node/stop                     → {}             the daemon ends, containers go on
// POST   /v1/node/leave                    → {}             leaves the cluster; its workloads go elsewhere
// POST   /v1/nodes/:name/forget {force}    → {}             its certificate is revoked, its workloads go elsewhere
// POST   /v1/nodes/:name/rename {name}     → {before, after}
// POST   /v1/tokens            TokenRequest → JoinLine
// GET    /v1/tokens                        → TokenRow[]
// DELETE /v1/tokens/:id                    → {id}           `:id` or the beginning of one
// POST   /v1/authority         {graceMs}   → AuthorityChange   rolls the cluster key
// GET    /v1/rtt                           → RttAnswer      of all pairs
// POST   /v1/workloads         Spec        → DeployResult
// GET    /v1/workloads/:name/explain       → Explanation
// POST   /v1/workloads/:name/stop|start|pause|resume → ContainerRow[]
// POST   /v1/workloads/:name/resources {…} → ContainerRow[]  other limits while it runs; null lifts one
// DELETE /v1/workloads/:name               → {}
// GET    /v1/containers                    → ContainerRow[]
// GET    /v1/containers/:ref               → ContainerDetail
// POST   /v1/containers/:ref/resources ResourceChange → {}   between nodes: the owner changes the limits at once
// GET    /v1/containers/:ref/logs?tail=&since=&follow=&stream= → lines of LogLine
// POST   /v1/containers/:ref/exec?request= (ExecRequest JSON) body: frames (see InputFrame) → frames (see ExecFrame)
// GET    /v1/containers/:ref/files?path=&name=     → a tar archive
// POST   /v1/containers/:ref/files?path=&how=      body: a tar archive → {}     how: as, into
// GET    /v1/containers/:ref/state         → a tar archive (node/state-archive/description.ts)
// POST   /v1/imports?name=                 body: such an archive → ContainerRow[]
// GET    /v1/splits                        → SplitAnswer (node/partition/report.ts)
// GET    /v1/superseded/:id?node=          → a tar archive as above: a copy that lost a split
// POST   /v1/containers/:ref/commit {image} → lines of {message}, then ImageRow
// POST   /v1/containers/:ref/attach?stdin= body: frames (see InputFrame) → frames (see ExecFrame): the container's own streams
// POST   /v1/containers/:ref/migrate {to, dryRun} → lines of MoveProgress, then MoveResult or Verdict
// GET    /v1/stats?node=                   → StatsAnswer    of all nodes that answer, or of one
// GET    /v1/images                        → ImageRow[]
// POST   /v1/images            {path,name} → lines of {message}, then ImageRow
// GET    /v1/images/:name/archive          → a tar archive: an OCI image layout
// DELETE /v1/images/:name                  → {}
// GET    /v1/volumes                       → VolumeRow[]
// POST   /v1/volumes?node=     {name,labels} → VolumeRow
// GET    /v1/volumes/:name?node=           → VolumeDetail   from the node that holds it
// DELETE /v1/volumes/:name?node=           → {}
// GET    /v1/events?follow=&tail=          → lines of SwarmEvent
// GET    /v1/watch                         → lines of WatchLine: the live view; the first line has everything
// GET    /v1/watch/documents               → chains of signed envelopes of all documents as they come (crdt/sync-codec.ts)
// GET    /v1/capabilities                  → CapabilityRow[]
// POST   /v1/capabilities CapabilityRequest → CapabilityMade
// DELETE /v1/capabilities/:id              → {}            revokes it and all that came of it
// GET    /v1/audit?tail=&capability=       → AuditRow[]    what holders of capabilities asked for, oldest first
// GET    /v1/pool?filled=                  → PoolState     what this node has made ahead; `filled=1` waits until it is full
// DELETE /v1/pool                          → {}            ends what stands ready
// POST   /v1/runs              RunRequest  → RunResult      one container on this node, outside the cluster's state
//
// `:ref` is a container id (`web.0`) or the name of a workload with one replica.

import type { ErrorData } from "../../errors.js";
import type {
	AuditEntry,
	ClaimRecord,
	ContainerHealth,
	ContainerId,
	ContainerRecord,
	ContainerStats,
	Desired,
	Digest,
	Grant,
	Liveness,
	MoveProgress,
	MoveResult,
	NodeId,
	NodeRecord,
	NodeRole,
	NodeSample,
	Phase,
	ResourceRequest,
	Spec,
	SpecRecord,
	Verb,
	Verdict,
} from "../../model.js";
import type { ContainerState, TerminalSize } from "../../runtime/runtime.js";
import type { Decision } from "../../scheduler/schedule.js";

export const API_PROTOCOL = "/swarm/api/1";
export const BODY_BYTES_MAX = 4 * 1024 * 1024;

export interface Ping {
	readonly node: NodeId;
	readonly name: string;
	readonly cluster: string;
	readonly version: string;
	readonly pid: number;
	readonly stateDirectory: string;
}

export interface NodeRow {
	readonly node: NodeId;
	readonly name: string;
	readonly liveness: Liveness;
	readonly role: NodeRole;
	/** On leases of exclusive containers: once a majority of those who vote has agreed that it does. */
	readonly votes: boolean;
	/** Whether this is the node that answers. */
	readonly self: boolean;
	readonly addresses: readonly string[];
	readonly cpus: number;
	readonly memoryBytes: number;
	/** Winning claims that it owns. */
	readonly containers: number;
	readonly rttMs: number | null;
	readonly version: string;
}

export interface NodeDetail extends NodeRow {
	readonly record: NodeRecord;
	/** Last heartbeat; null when none came. */
	readonly sample: NodeSample | null;
	readonly requested: { readonly cpus: number; readonly memoryBytes: number };
}

export interface TokenRequest {
	readonly ttlMs: number;
	readonly uses: number;
	readonly role: NodeRole;
}

/** A line of `swarm token ls`. */
export interface TokenRow {
	readonly id: string;
	readonly role: NodeRole;
	readonly uses: number;
	/** Names of the nodes. */
	readonly usedBy: readonly string[];
	/** Name of the node that made it. */
	readonly by: string;
	readonly createdAtMs: number;
	readonly expiresAtMs: number;
	readonly state: "open" | "used up" | "expired" | "revoked";
}

export interface AuthorityChange {
	/** Of the new cluster key: SHA-256, base64url. */
	readonly fingerprint: string;
	/** Until then certificates of the old one are accepted. */
	readonly oldUntilMs: number;
}

export interface RttRow {
	/** Names of nodes: who measured, and to whom. */
	readonly from: string;
	readonly to: string;
	/** Smoothed round trip of heartbeats; null until measured. */
	readonly rttMs: number | null;
}

export interface RttAnswer {
	readonly rows: readonly RttRow[];
	/** Nodes that did not answer. */
	readonly missing: readonly { readonly node: string; readonly reason: string }[];
}

export interface JoinLine {
	/** Of the token. */
	readonly id: string;
	/** `/ip4/…/tcp/…/p2p/…` */
	readonly address: string;
	readonly token: string;
	/** `swarm node join … --token …` */
	readonly command: string;
	readonly expiresAtMs: number;
}

export interface DeployResult {
	readonly workload: string;
	readonly containers: readonly ContainerRow[];
	/** What keeps it from running, or will: sentences (node/lease/notes.ts). */
	readonly notes: readonly string[];
}

/** A line of `swarm ps`: the winning claim joined with what its owner says. */
export interface ContainerRow {
	readonly container: ContainerId;
	readonly workload: string;
	readonly image: string;
	/** null: not placed yet. */
	readonly owner: NodeId | null;
	readonly node: string | null;
	readonly epoch: number | null;
	readonly desired: Desired;
	/** `pending` until the owner reports; `lost` while the owner is down. */
	readonly phase: Phase | "pending" | "lost";
	readonly exitCode: number | null;
	readonly address: string | null;
	readonly startedAtMs: number | null;
	readonly ports: readonly string[];
	readonly error: string | null;
	/** null without a health check, and once it has ended. */
	readonly health: ContainerHealth | null;
	/** Without being asked, since the user's last start. */
	readonly restarts: number;
	/** When its restart policy starts it again; null while it runs, or when it stays ended. */
	readonly nextRestartAtMs: number | null;
}

export interface ContainerDetail extends ContainerRow {
	readonly spec: SpecRecord;
	readonly claim: ClaimRecord | null;
	readonly records: readonly ContainerRecord[];
	/** From the runtime of the node that holds it; null when that node does not answer. */
	readonly state: ContainerState | null;
	readonly stats: ContainerStats | null;
	/** Of an exclusive one, as its owner's node sees it, in words; null when that node does not answer. */
	readonly lease: string | null;
}

export interface Explanation {
	readonly workload: string;
	readonly containers: readonly {
		readonly container: ContainerId;
		readonly owner: NodeId | null;
		readonly decision: Decision;
	}[];
	/** As those of DeployResult, as things are now. */
	readonly notes: readonly string[];
}

/** For the owner of a container, from the node that revises the spec. */
export interface ResourceChange {
	/** That the spec will have with these resources. */
	readonly revision: number;
	readonly resources: ResourceRequest;
}

export interface StatsRow {
	readonly container: ContainerId;
	readonly workload: string;
	/** Name of the node that measured. */
	readonly node: string;
	readonly stats: ContainerStats;
}

export interface StatsAnswer {
	readonly rows: readonly StatsRow[];
	/** Nodes whose containers are not among the rows. */
	readonly missing: readonly { readonly node: string; readonly reason: string }[];
}

export interface ImageRow {
	readonly name: string;
	readonly digest: Digest;
	readonly sizeBytes: number;
	/** Names of the nodes that hold it. */
	readonly nodes: readonly string[];
}

/** Rows that are new or changed since the line before, and what is not there any more. */
export interface WatchLine {
	readonly nodes: readonly NodeRow[];
	readonly nodesGone: readonly string[];
	readonly containers: readonly ContainerRow[];
	readonly containersGone: readonly string[];
}

export interface CapabilityRequest {
	readonly verbs: readonly Verb[];
	/** Workloads with all of these labels; empty: every workload. */
	readonly labels: Readonly<Record<string, string>>;
	readonly ttlMs: number;
	/** Peer id of the key it is for; null makes a new key, which is part of the answer's text. */
	readonly holder: NodeId | null;
	/** For people; may be empty. */
	readonly note: string;
}

export interface CapabilityMade {
	/** The capability itself, for `connect`; with its key when one was made: a secret then. */
	readonly capability: string;
	readonly id: string;
	readonly holder: NodeId;
	readonly expiresAtMs: number;
}

export interface CapabilityRow extends Grant {
	readonly id: string;
	/** Name of the node that made it. */
	readonly node: string;
	readonly holder: NodeId;
	readonly note: string;
	readonly createdAtMs: number;
	readonly state: "valid" | "expired" | "revoked" | "orphaned";
}

export interface AuditRow extends AuditEntry {
	/** Name of the node that answered. */
	readonly node: string;
	/** Counts up for each node: a gap is what its log has forgotten. */
	readonly number: number;
}

/** One for each node that holds a volume of the name. */
export interface VolumeRow {
	readonly name: string;
	/** Name of the node that holds it. */
	readonly node: string;
	readonly labels: Readonly<Record<string, string>>;
	readonly createdAtMs: number;
	/** Workloads that use a volume of the name. */
	readonly workloads: readonly string[];
}

export interface VolumeDetail extends VolumeRow {
	/** On that node, whatever their phase. */
	readonly containers: readonly ContainerId[];
	readonly sizeBytes: number;
	/** On that node. */
	readonly path: string;
}

export interface RunRequest {
	readonly spec: Spec;
}

export interface RunResult {
	readonly exitCode: number;
	readonly durationMs: number;
}

/**
 * Answer of exec: frames of one byte kind, four bytes length (big-endian), payload. Kinds: 1 standard output, 2 standard
 * error, 3 the end with JSON `{exitCode}`, 4 the end with JSON ErrorData.
 */
export type ExecFrame =
	| { readonly kind: "stdout" | "stderr"; readonly bytes: Uint8Array }
	| { readonly kind: "exit"; readonly exitCode: number }
	| { readonly kind: "error"; readonly error: ErrorData };

/**
 * Body of exec: frames of the same form. Kinds: 16 standard input, 17 the new size of the terminal as JSON `{rows, columns}`. The end
 * of the body is the end of standard input; a terminal hangs up with it.
 */
export type InputFrame =
	| { readonly kind: "stdin"; readonly bytes: Uint8Array }
	| { readonly kind: "resize"; readonly size: TerminalSize };

export type MoveLine = MoveProgress | { readonly result: MoveResult | Verdict };
