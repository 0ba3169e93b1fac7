// What one node is composed of: ports only, so that the daemon gives real parts and the simulator its own.

import type { Chance, Clock } from "../clock.js";
import type { State } from "../crdt/state.js";
import type { Logger } from "../log.js";
import type { Mesh } from "../mesh/mesh.js";
import type {
	ContainerId,
	Digest,
	HardwareProfile,
	Liveness,
	MoveProgress,
	MoveResult,
	NodeId,
	NodeRole,
	NodeSample,
	Verdict,
} from "../model.js";
import type { ContainerState, PreparedImage, Runtime } from "../runtime/runtime.js";
import type { ProbeHealth } from "./health/probe.js";
import type { LeasesPort } from "./lease/leases.js";

/** Who is alive: mesh/membership.ts, fed by heartbeats. */
export interface MembershipPort {
	liveness(node: NodeId): Liveness;
	/** Last heartbeat's sample; null when none came. */
	sample(node: NodeId): NodeSample | null;
	rttMs(node: NodeId): number | null;
	/** The members to judge, also those that were never heard; called again whenever the set changes. */
	watch(members: readonly NodeId[]): void;
	subscribe(listener: () => void): () => void;
}

export interface ImageSummary {
	readonly name: string;
	readonly digest: Digest;
	readonly sizeBytes: number;
}

/** Images of this node. */
export interface ImagesPort {
	list(): readonly ImageSummary[];
	prepare(name: string): Promise<PreparedImage>;
	/** Makes sure that the image is here, fetching it from one of `holders` when it is not. */
	ensure(name: string, holders: readonly NodeId[], signal: AbortSignal): Promise<PreparedImage>;
}

/** migration/coordinator.ts. */
export interface MigrationsPort {
	migrate(
		container: ContainerId,
		to: NodeId,
		options: { readonly onProgress: (progress: MoveProgress) => void; readonly signal: AbortSignal },
	): Promise<MoveResult>;
	verdict(container: ContainerId, to: NodeId, signal: AbortSignal): Promise<Verdict>;
	/** Containers that a move holds here, as source or target. */
	moving(): ReadonlySet<ContainerId>;
	/** Takes up what a crash left, once the view is known; what is frozen goes on when `heard` resolves at the earliest. */
	resumeAll(heard: Promise<void>): Promise<void>;
	subscribe(listener: () => void): () => void;
	stop(): Promise<void>;
}

/** Keeps the losing copy of a split: checkpoint where possible, written files and logs. */
export type KeepSuperseded = (state: ContainerState, runtime: Runtime) => Promise<string>;

export interface OwnSubject {
	readonly name: string;
	readonly role: NodeRole;
	readonly admittedAtMs: number;
}

export interface NodePorts {
	/** What this node's certificate says of it at present; a rename changes it. */
	readonly own: () => OwnSubject;
	readonly version: string;
	readonly labels: Readonly<Record<string, string>>;
	readonly hardware: HardwareProfile;
	readonly state: State;
	readonly mesh: Mesh;
	readonly membership: MembershipPort;
	readonly runtime: Runtime;
	readonly images: ImagesPort;
	readonly migrations: MigrationsPort;
	readonly leases: LeasesPort;
	readonly keepSuperseded: KeepSuperseded;
	readonly probe: ProbeHealth;
	readonly clock: Clock;
	readonly chance: Chance;
	readonly logger: Logger;
}
