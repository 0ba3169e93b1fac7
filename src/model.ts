// The nouns of Stratoswarm: readonly, JSON-safe records that every folder shares. Read this first.
// It imports but its own other parts (model-*.ts) and decides nothing. Byte counts are bytes, times are
// milliseconds since the Unix epoch unless the name says otherwise, and `null` stands for "known to be absent" (an absent sensor is null,
// never 0).

import type { AdmissionRecord, ElectorateRecord, NodeRole, RevocationRecord, TokenRecord } from "./model-admission.js";
import type { AuditRecord, CapabilityRecord } from "./model-capabilities.js";
import type { ContainerId, Digest, NodeId } from "./model-ids.js";
import type { LimitName, OomReport, ResourceRequest } from "./model-resources.js";
import { type Isolation, type Security, standardSecurity } from "./model-security.js";
import type { VolumeMount } from "./model-volumes.js";

export type { AdmissionRecord, ElectorateRecord, NodeRole, RevocationRecord, TokenRecord } from "./model-admission.js";
export * from "./model-capabilities.js";
export type { ContainerId, Digest, NodeId, VoterId } from "./model-ids.js";
export type {
	ContainerStats,
	CpuMode,
	HugepageLimit,
	IoLimit,
	LimitName,
	OomReport,
	ResourceRequest,
} from "./model-resources.js";
export * from "./model-security.js";
export * from "./model-volumes.js";

/** What a user asks for. The system never changes it; a new wish is a higher revision of its record. */
export interface Spec {
	/** 1 to 63 characters `[a-z0-9-]`, starting and ending with a letter or digit. */
	readonly name: string;
	/** Image reference: `host`, or `name[:tag]` as `swarm image ls` prints it. */
	readonly image: string;
	/** Arguments that replace the image's entrypoint and command; null runs the image's own. */
	readonly command: readonly string[] | null;
	/** Added to the image's environment. */
	readonly env: Readonly<Record<string, string>>;
	/** Absolute path inside the container; null takes the image's. */
	readonly workdir: string | null;
	/** `name`, `uid`, `name:group` or `uid:gid`; null takes the image's. */
	readonly user: string | null;
	/**
	 * Its three streams are a terminal of its own, which its monitor holds; `swarm attach` shows it. Standard error is then part of the
	 * output. Such a container stays on its node: a terminal cannot be moved.
	 */
	readonly terminal: boolean;
	/** Its standard input takes what `swarm attach` writes, else it is /dev/null. Such a container stays on its node. */
	readonly stdin: boolean;
	readonly resources: ResourceRequest;
	/** Labels of the workload itself, for `swarm ps`. */
	readonly labels: Readonly<Record<string, string>>;
	/** Every one must hold on the node that runs it. */
	readonly constraints: readonly Constraint[];
	readonly ports: readonly PublishedPort[];
	/** 1 to 1,000. */
	readonly replicas: number;
	/**
	 * `bridge`: own address, outgoing NAT. `none`: loopback only. `host`: the node's own, with isolation `minimal` alone. Unless it is said,
	 * the isolation decides: `none` for strict, `host` for minimal.
	 */
	readonly network: "bridge" | "none" | "host";
	/** Between SIGTERM and SIGKILL. */
	readonly stopGraceMs: number;
	readonly restart: RestartPolicy;
	/**
	 * How far it is shut in. `standard`: as others run containers. `strict`: root read-only, no network but loopback, few capabilities, fewer
	 * system calls, /sys and most of /proc hidden; what the spec says itself goes before. `minimal`, for development: the node's network,
	 * its whole file system at /host, every device, capability and system call that the daemon has; stays on its node.
	 */
	readonly isolation: Isolation;
	readonly security: Security;
	/** Of all log files of a container together, half for each of its two streams: the oldest lines go when it is full. */
	readonly logBytesMax: number;
	/** null: nobody asks. */
	readonly health: HealthCheck | null;
	/**
	 * What a split of the cluster may do. `available`: each side may run a copy; after healing one runs on, the other is frozen and kept.
	 * `exclusive`: it runs only under a lease that a majority of the members acknowledged (crdt/leases.ts), so never twice; where
	 * there is no majority it stands still. Unless it is said: `exclusive` with a named volume, else `available`.
	 */
	readonly policy: "available" | "exclusive";
	/**
	 * Created containers of the workload that every node that may run it keeps ready, 0 to 64: a start there takes one and only lets it
	 * run. They hold no address, no port and nothing of `resources`.
	 */
	readonly pool: number;
	/** Mounted in the order of their targets' paths, so that one may lie in another; each target once. */
	readonly volumes: readonly VolumeMount[];
}

/**
 * What follows when the workload ends by itself. What was lost without an exit code (the machine restarted, the monitor was killed)
 * starts again under every policy: nobody's program ended. Back-off: node/restart.ts.
 */
export interface RestartPolicy {
	/** `never`: what ended stays ended. `on-failure`: again after an exit code other than 0. `always`: again after any end. */
	readonly when: "never" | "on-failure" | "always";
	/** With `on-failure`: restarts in a row, without a run of RAN_WELL_MS in between, before it stays ended; null: no end. */
	readonly attemptsMax: number | null;
}

/**
 * Asked by the node that runs it, the first time one second after its start at the latest. A container that is unhealthy is treated
 * as one that failed at that moment: its restart policy stops and starts it, or leaves it running with `never`.
 */
export interface HealthCheck {
	readonly probe: HealthProbe;
	/** From the end of one check to the next; one second at most while it is starting within the start period. */
	readonly intervalMs: number;
	/** A check that takes longer has failed. */
	readonly timeoutMs: number;
	/** Failures in a row that make it unhealthy. */
	readonly retries: number;
	/** After the start, in which failures do not count until the first success. */
	readonly startPeriodMs: number;
}

/** `command`: exit code 0, run in the container as its user. `http`: status 200 to 399. `tcp`: the connection opens. Both from the node to the container's address. */
export type HealthProbe =
	| { readonly kind: "command"; readonly command: readonly string[] }
	| { readonly kind: "http"; readonly port: number; readonly path: string }
	| { readonly kind: "tcp"; readonly port: number };

export interface ContainerHealth {
	readonly status: "starting" | "healthy" | "unhealthy";
	readonly sinceMs: number;
	/** Why the last check failed when it became unhealthy, one line; else null. */
	readonly reason: string | null;
}

/** What the fields mean that specs got later: records from before are completed with them where they are decoded. */
const laterSpecFields = {
	restart: { when: "never", attemptsMax: null },
	isolation: "standard",
	security: standardSecurity,
	health: null,
	logBytesMax: 64 * 1024 * 1024,
	pool: 0,
	policy: "available",
	terminal: false,
	stdin: false,
	volumes: [],
} satisfies Partial<Spec>;

/** A spec with every field, from one that may have been written before the last ones existed. */
export function wholeSpec(given: Omit<Spec, keyof typeof laterSpecFields> & Partial<Spec>): Spec {
	return { ...laterSpecFields, ...given };
}

/** `label=value`, `label!=value`, or `label` (present). */
export interface Constraint {
	readonly label: string;
	readonly operator: "=" | "!=" | "exists";
	readonly value: string | null;
}

export interface PublishedPort {
	/** Port on the node, 1–65535. */
	readonly host: number;
	/** Port in the container, 1–65535. */
	readonly container: number;
	readonly protocol: "tcp" | "udp";
}

// ---- what documents hold: one writer per record, one document per writer ------------------------------------------

/** Milliseconds with a logical counter behind the point: later on one node is always larger. */
export interface HybridTime {
	readonly ms: number;
	readonly logical: number;
}

/** `paused`: frozen where it is, memory kept; when its node is lost it begins anew where it is resumed. */
export type Desired = "running" | "paused" | "stopped";

/** The wish. Highest (revision, time, writer) of all documents wins; `removed` is the tombstone. */
export interface SpecRecord {
	readonly kind: "spec";
	readonly name: string;
	readonly revision: number;
	readonly time: HybridTime;
	readonly writer: NodeId;
	/** The revision that asked last for a fresh start (deploy, start): containers of a claim for an earlier one start again. */
	readonly startRevision: number;
	readonly spec: Spec;
	readonly desired: Desired;
	readonly removed: boolean;
}

/** The right to run. Highest epoch of all documents wins, ties by hash of (container, epoch, owner). A hand-over is a
 * claim that the source writes in its own document with the target as owner: that write is the point of no return. */
export interface ClaimRecord {
	readonly kind: "claim";
	readonly container: ContainerId;
	readonly epoch: number;
	readonly owner: NodeId;
	readonly writer: NodeId;
	readonly workload: string;
	/** Revision of the spec that this epoch runs. */
	readonly revision: number;
	readonly reason: "placed" | "adopted" | "handover" | "restarted";
	/** For a hand-over: the move it belongs to. */
	readonly move: string | null;
	/** How often it was started again without being asked since the user's last start. Goes with it to other nodes. */
	readonly restarts: number;
	/** Of these, the last ones in a row without a run of RAN_WELL_MS in between: the back-off doubles with each. */
	readonly restartsInRow: number;
	readonly time: HybridTime;
}

/** Why a container failed whose daemon was killed while it was being made (the monitor's words, native/monitor/loop.c): it never ran. */
export const ORPHANED = "Its daemon ended before it was started";

/** The fact: what the writer's runtime holds of a container. */
export interface ContainerRecord {
	readonly kind: "container";
	readonly container: ContainerId;
	readonly node: NodeId;
	readonly epoch: number;
	readonly revision: number;
	readonly phase: Phase;
	readonly exitCode: number | null;
	/** IPv4 address in the container network; null without one. */
	readonly address: string | null;
	readonly imageDigest: Digest | null;
	readonly createdAtMs: number;
	readonly startedAtMs: number | null;
	readonly finishedAtMs: number | null;
	/** Why it failed, one line; null when it did not. */
	readonly error: string | null;
	/** Absent from records of older versions: null. */
	readonly oom?: OomReport | null;
	/** null without a health check, and once it has ended. */
	readonly health: ContainerHealth | null;
}

/** Static description of a node, written by itself at every boot and when it changes. */
export interface NodeRecord {
	readonly kind: "node";
	readonly node: NodeId;
	readonly name: string;
	/** Multiaddrs that peers dial. */
	readonly addresses: readonly string[];
	readonly labels: Readonly<Record<string, string>>;
	readonly hardware: HardwareProfile;
	readonly version: string;
	/** Rises at every start of the daemon. */
	readonly incarnation: number;
	readonly joinedAtMs: number;
	readonly left: boolean;
	/** What it can limit; absent from records of older versions: not known. */
	readonly limits?: readonly LimitName[];
	/** As its certificate says; absent from records of older versions: `member`. */
	readonly role?: NodeRole;
	/** When it was admitted last, by the clock of who admitted it (its certificate says the same); absent: before all revocations. */
	readonly admittedAtMs?: number;
}

/** An image that the writer's node holds whole. */
export interface ImageRecord {
	readonly kind: "image";
	/** As `swarm image ls` prints it, `name:tag`. */
	readonly name: string;
	/** Digest of the manifest. */
	readonly digest: Digest;
	readonly node: NodeId;
	readonly sizeBytes: number;
}

/** A named volume whose data the writer's node holds. */
export interface VolumeRecord {
	readonly kind: "volume";
	readonly name: string;
	readonly node: NodeId;
	readonly labels: Readonly<Record<string, string>>;
	readonly createdAtMs: number;
}

export type StateRecord =
	| SpecRecord
	| ClaimRecord
	| ContainerRecord
	| NodeRecord
	| ImageRecord
	| VolumeRecord
	| TokenRecord
	| AdmissionRecord
	| ElectorateRecord
	| RevocationRecord
	| CapabilityRecord
	| AuditRecord;

// ---- the life of a container ---------------------------------------------------------------------------------------

export type Phase =
	| "created"
	| "starting"
	| "running"
	| "pausing"
	| "paused"
	| "resuming"
	| "checkpointing"
	| "restoring"
	| "stopping"
	| "stopped"
	| "failed";

// ---- nodes ---------------------------------------------------------------------------------------------------------

export type Liveness = "alive" | "suspect" | "down" | "left";

/** What a node is made of; read from /proc and /sys under a given root. Absent parts are null or empty. */
export interface HardwareProfile {
	readonly architecture: string;
	readonly kernel: string;
	readonly cpuModel: string | null;
	/** CPU feature flags, sorted (x86 `flags`, arm64 `Features`). */
	readonly cpuFlags: readonly string[];
	readonly cpus: number;
	readonly cores: number;
	readonly memoryBytes: number;
	readonly numa: readonly NumaNode[];
	readonly pci: readonly PciDevice[];
	readonly gpus: readonly GpuDevice[];
	readonly sensors: readonly Sensor[];
}

export interface NumaNode {
	readonly id: number;
	readonly cpus: readonly number[];
	readonly memoryBytes: number;
	/** Distance to every node by rising id, 10 is local (ACPI SLIT). */
	readonly distances: readonly number[];
}

export interface PciDevice {
	/** `0000:3b:00.0` */
	readonly address: string;
	/** Four hexadecimal digits each, without 0x. */
	readonly vendor: string;
	readonly device: string;
	/** Six hexadecimal digits. */
	readonly class: string;
	readonly numaNode: number | null;
	readonly linkSpeedGtps: number | null;
	readonly linkWidth: number | null;
}

export interface GpuDevice {
	readonly address: string;
	readonly vendor: "nvidia" | "amd" | "intel" | "other";
	readonly numaNode: number | null;
	/** NVIDIA: whether the kernel driver is bound. */
	readonly driver: string | null;
}

export interface Sensor {
	/** `hwmon0/temp1` or `thermal_zone0`. */
	readonly name: string;
	readonly label: string | null;
	/** Critical limit; null when the sensor gives none. */
	readonly criticalCelsius: number | null;
}

/** What changes from second to second: travels in heartbeats, never in a document. */
export interface NodeSample {
	readonly takenAtMs: number;
	/** Run-queue averages over 1 and 5 minutes (proc(5) loadavg). */
	readonly load1: number;
	readonly load5: number;
	readonly memoryBytesAvailable: number;
	/** Share of the last 10 s in which some task waited, 0–100 (PSI `some avg10`); null without PSI. */
	readonly cpuPressure: number | null;
	readonly memoryPressure: number | null;
	readonly ioPressure: number | null;
	/** Hottest reading and the margin to its own limit; null without a sensor: unknown, never cool. */
	readonly temperatureCelsius: number | null;
	readonly thermalHeadroomCelsius: number | null;
	readonly diskBytesFree: number;
}

/** A line of `swarm events`. */
export interface SwarmEvent {
	readonly timeMs: number;
	readonly node: NodeId;
	/** `container.started`, `node.down`, `move.done`, … */
	readonly kind: string;
	/** Container, workload, node or image it is about. */
	readonly subject: string;
	readonly message: string;
	readonly details: Readonly<Record<string, unknown>>;
}

/** Output of a container. */
export interface LogLine {
	readonly timeMs: number;
	readonly stream: "stdout" | "stderr";
	/** Without the line feed; a line longer than 16 KiB arrives in parts with `partial` on all but the last. */
	readonly text: string;
	readonly partial: boolean;
}

export function containerIdOf(workload: string, index: number): ContainerId {
	return `${workload}.${index}` as ContainerId;
}

export function workloadOf(container: ContainerId): string {
	return container.slice(0, container.lastIndexOf("."));
}

/** Which replica of its workload it is, from 0. */
export function replicaOf(container: ContainerId): number {
	return Number(container.slice(container.lastIndexOf(".") + 1));
}

// ---- moves ---------------------------------------------------------------------------------------------------------

export interface MoveProgress {
	/** `verdict`, `reserve`, `image`, `volumes`, `dump`, `transfer`, `restore`, `handover`, `release`, `done`. */
	readonly step: string;
	readonly message: string;
	readonly bytesDone: number | null;
	readonly bytesTotal: number | null;
}

export interface MoveResult {
	readonly move: string;
	readonly container: ContainerId;
	readonly from: NodeId;
	readonly to: NodeId;
	/** Everything sent: memory images, written files, logs, volumes. */
	readonly bytes: number;
	/** Of these, the memory images. */
	readonly imageBytes: number;
	/** Of these, named volumes: all of them before the freeze, and what changed meanwhile after it. */
	readonly volumeBytes: number;
	/** From the request to the target's confirmation. */
	readonly durationMs: number;
	/** From the freeze to the arrival at the source of the news that the target runs: an upper bound by one network way. */
	readonly downtimeMs: number;
}

export interface VerdictCheck {
	readonly check: string;
	readonly ok: boolean;
	readonly source: string;
	readonly target: string;
	/** One sentence; for a refusal with what to do about it. */
	readonly reason: string;
}

export interface Verdict {
	readonly container: ContainerId;
	readonly from: NodeId;
	readonly to: NodeId;
	/** Whether every check passed. */
	readonly ok: boolean;
	readonly checks: readonly VerdictCheck[];
}
