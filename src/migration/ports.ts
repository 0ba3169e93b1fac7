// What a node gives to its moves. Only ports: the daemon passes real parts, the simulator its own, and nothing here reads a
// machine, a clock or chance by itself.

import type { Chance, Clock } from "../clock.js";
import type { State } from "../crdt/state.js";
import type { Logger } from "../log.js";
import type { Mesh } from "../mesh/mesh.js";
import type { ContainerId, Digest, MoveProgress, MoveResult, NodeId, Spec, Verdict } from "../model.js";
import type { PreparedImage, Runtime } from "../runtime/runtime.js";
import type { MoveJournal } from "./journal.js";
import type { MoveFiles } from "./move-files.js";
import type { MachineFacts } from "./verdict.js";

export interface MigrationPorts {
	readonly state: Pick<State, "self" | "view" | "own" | "commit" | "put" | "time" | "subscribe">;
	readonly mesh: Pick<Mesh, "handle" | "open">;
	readonly runtime: Runtime;
	readonly images: MoveImages;
	readonly leases: MoveLeases;
	readonly journal: MoveJournal;
	readonly files: MoveFiles;
	/** Read for each verdict. */
	readonly facts: () => Promise<LocalFacts>;
	/** The door for specs of outside: throws `usage` with the field that is wrong. */
	readonly validateSpec: (given: unknown) => Spec;
	readonly clock: Clock;
	readonly chance: Chance;
	readonly logger: Logger;
}

/** Of `exclusive` containers: node/lease. */
export interface MoveLeases {
	/** Nothing of it runs here any more: its next owner need not wait. */
	release(container: ContainerId): void;
	/** It stays here after all. */
	reclaim(container: ContainerId): void;
	/** Resolves when it may run here under that epoch; `timeout` after `withinMs`. */
	acquire(container: ContainerId, epoch: number, withinMs: number, signal: AbortSignal): Promise<void>;
}

export interface LocalFacts {
	readonly machine: MachineFacts;
	readonly memoryBytesFree: number;
	/** The node is leaving the cluster and takes nothing. */
	readonly leaving: boolean;
}

export interface MoveImages {
	list(): readonly { readonly name: string; readonly digest: Digest; readonly sizeBytes: number }[];
	/** Fetches it from one of `holders` when it is not here. */
	ensure(name: string, holders: readonly NodeId[], signal: AbortSignal): Promise<PreparedImage>;
}

export interface MoveOptions {
	readonly onProgress: (progress: MoveProgress) => void;
	/** Gives the move up as long as it is not handed over; later it has no effect. */
	readonly signal: AbortSignal;
}

export interface Migrations {
	/** Resolves when the target runs it. Rejects when it stays here, which it then does as before, with the reason. */
	migrate(container: ContainerId, to: NodeId, options: MoveOptions): Promise<MoveResult>;
	/** The checks without the move. */
	verdict(container: ContainerId, to: NodeId, signal: AbortSignal): Promise<Verdict>;
	/** Containers that a move holds here, as source or target; nobody else may touch them. */
	moving(): ReadonlySet<ContainerId>;
	/**
	 * Once, when the view is known and before anything else acts on containers: takes up what a crash left, then answers peers. What may have
	 * moved on meanwhile stays frozen until `heard` resolves: this node has heard of the others then.
	 */
	resumeAll(heard: Promise<void>): Promise<void>;
	/** Called when `moving` changed. */
	subscribe(listener: () => void): () => void;
	/** Gives up what is not handed over; what is goes on after the next start. */
	stop(): Promise<void>;
}
