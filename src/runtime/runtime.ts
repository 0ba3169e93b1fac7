// The port to containers on this machine. Real adapter: runtime/native-runtime.ts (our C programs, the kernel, CRIU);
// simulated adapter: test/cluster/sim. Both pass test/runtime/contract.ts.
//
// What may be assumed: every call names (container, epoch). A call with an epoch lower than the last one this machine saw
// for that container fails with code `fenced` and does nothing; this holds across daemon restarts (the epoch is on
// disk). Calls for one container are serialised here; different containers run side by side. When a call rejects,
// the container is in the phase that `get` tells and nothing half-made stays behind. Killing the daemon never ends a
// container: the monitor keeps it, and a new daemon's `open` finds it with logs and exit code.
// Not guaranteed: that a container still runs when `get` says so; subscribe for its end.

import type { Readable, Writable } from "node:stream";
import type {
	ContainerId,
	ContainerStats,
	Digest,
	LimitName,
	LogLine,
	OomReport,
	Phase,
	ResourceRequest,
	Spec,
} from "../model.js";
import type { QuotaChange } from "./quota/controller.js";
import type { Volumes } from "./volumes/volumes.js";

export type { QuotaChange } from "./quota/controller.js";

export interface CreateRequest {
	readonly container: ContainerId;
	readonly epoch: number;
	readonly revision: number;
	readonly spec: Spec;
	readonly image: PreparedImage;
	/** IPv4 address in the container network (10.99.0.0/16); null for `network: none`. */
	readonly address: string | null;
}

/** An image ready to be a root file system: produced by runtime/image, consumed by create and restore. */
export interface PreparedImage {
	readonly name: string;
	readonly digest: Digest;
	/** Overlay lower directories, uppermost first, all read-only for the container. */
	readonly lowerDirectories: readonly string[];
	/** `host` only: host paths shown read-only in the container, e.g. /usr. Empty for others. */
	readonly hostPaths: readonly string[];
	readonly config: ImageConfig;
}

/** From the OCI image config (image-spec config.md). */
export interface ImageConfig {
	readonly entrypoint: readonly string[];
	readonly command: readonly string[];
	readonly env: Readonly<Record<string, string>>;
	readonly workdir: string;
	readonly user: string;
	readonly stopSignal: number;
}

/** What the machine holds of a container. */
export interface ContainerState {
	readonly container: ContainerId;
	readonly epoch: number;
	readonly revision: number;
	readonly phase: Phase;
	readonly spec: Spec;
	readonly imageName: string;
	readonly imageDigest: Digest;
	/** PID of the container's first process in the host's pid namespace; null unless it has one. */
	readonly pid: number | null;
	readonly address: string | null;
	/** Ids 0 to 65,535 of its user namespace are this one and the following outside; null: it has none. */
	readonly firstId: number | null;
	/** 0–255; 128 + signal when a signal ended it; null while it runs or when it never ran. */
	readonly exitCode: number | null;
	readonly oomKilled: boolean;
	/** null: nothing in it was killed for memory. */
	readonly oom: OomReport | null;
	readonly createdAtMs: number;
	readonly startedAtMs: number | null;
	readonly finishedAtMs: number | null;
	readonly error: string | null;
	/** The migration in progress or last finished that brought or took it; null for none. */
	readonly move: string | null;
}

export interface ExecRequest {
	readonly command: readonly string[];
	readonly env: Readonly<Record<string, string>>;
	readonly workdir: string | null;
	readonly user: string | null;
	/** Whether it reads what its caller writes; else its standard input is /dev/null (without a terminal). */
	readonly stdin: boolean;
	/** A terminal of this size instead of pipes: standard error is then part of standard output. null: none. */
	readonly terminal: TerminalSize | null;
	/** After this long it is killed and `exit` is 124; null: never. */
	readonly timeoutMs: number | null;
	/**
	 * Goes on when its caller and the daemon have gone, until the container ends. No streams, no terminal, no timeout; `exit` is 0 as
	 * soon as it has been executed, else 125 to 127 with the reason on `stderr`.
	 */
	readonly detach: boolean;
}

/** Both from 1 to 65,535. */
export interface TerminalSize {
	readonly rows: number;
	readonly columns: number;
}

/** A command that is not detached ends with the daemon. */
/** A command that was over at once. */
export interface ExecWhole {
	readonly stdout: Uint8Array;
	readonly stderr: Uint8Array;
	readonly exitCode: number;
}

export interface ExecSession {
	/** Known within 20 ms. null: the streams have it, and so it is when they were asked for before; else they are empty. */
	readonly whole: Promise<ExecWhole | null>;
	readonly stdin: Writable;
	readonly stdout: Readable;
	readonly stderr: Readable;
	/** Exit code as a shell gives it: 124 timed out, 125 not started, 126 not executable, 127 not found, 128 + signal. */
	readonly exit: Promise<number>;
	/** SIGKILL to the process and everything of its session. */
	kill(): void;
	/** Of its terminal; nothing without one. */
	resize(size: TerminalSize): void;
}

/**
 * A running container's own streams, as they go on; others may be attached besides. `exit` is the container's exit code; it rejects with
 * `conflict` when its output was read too slowly. `kill` detaches; the container goes on.
 */
export type AttachSession = ExecSession;

export interface LogOptions {
	/** Last lines only; null: all. */
	readonly tail: number | null;
	/** Only lines from that time on (ms since the Unix epoch), of which `tail` takes the last; null: all that are kept. */
	readonly sinceMs: number | null;
	readonly follow: boolean;
	/** null: both. */
	readonly stream: "stdout" | "stderr" | null;
}

export interface Runtime {
	/** Makes everything but the first instruction: directories, cgroups, network, namespaces. Phase `created`. */
	create(request: CreateRequest, signal: AbortSignal): Promise<ContainerState>;
	/** As `create`, over files and logs that an earlier container left; both directories are moved, not copied. */
	createFrom(
		request: CreateRequest,
		files: { readonly upperDirectory: string; readonly logDirectory: string },
		signal: AbortSignal,
	): Promise<ContainerState>;
	/** Phase `running`. Fails with `usage` when the command does not exist in the image (phase `failed`, exit 127). */
	start(container: ContainerId, epoch: number, signal: AbortSignal): Promise<ContainerState>;
	/**
	 * Create, start, wait for the end and remove in one, for a caller that waits. Gives the state in which it ended (`stopped`); fails as
	 * `start` does. Nothing that runs and no address outlasts the call; its empty cgroups and its files go soon after it (`pool.filled`
	 * waits for that). When the signal aborts it is removed, and a daemon that is killed meanwhile leaves it to the next one,
	 * which removes it. In return nothing is written for later, and nothing synced.
	 */
	run(request: CreateRequest, signal: AbortSignal): Promise<ContainerState>;
	/** Stop signal, grace, SIGKILL. Phase `stopped` with its exit code; a stopped container stays as it is. */
	stop(container: ContainerId, epoch: number, graceMs: number, signal: AbortSignal): Promise<ContainerState>;
	/**
	 * An `exclusive` container runs under a lease only, until `untilMs` by `guardNowMs`, whatever becomes of this process: at its end it is frozen
	 * (phase `paused`), and `start`, `resume`, `thaw` and `release` do not let it run before there is another. Does not wait for
	 * other calls; never makes a lease shorter; nothing to do for a container that has ended or is not here.
	 */
	extendLease(container: ContainerId, epoch: number, untilMs: number): Promise<void>;
	/** Milliseconds by a clock that the machine's sleep does not stop (CLOCK_BOOTTIME). */
	guardNowMs(): number;
	/** Freezer. Phases `paused` and `running`. */
	pause(container: ContainerId, epoch: number): Promise<ContainerState>;
	resume(container: ContainerId, epoch: number): Promise<ContainerState>;
	/**
	 * Other resources under a higher revision of the spec. What runs goes on: the kernel takes all new limits or, with `refused` and the
	 * reason, none. Of a container that has ended they are written down for its next start. Any phase but those in between.
	 */
	update(container: ContainerId, epoch: number, revision: number, resources: ResourceRequest): Promise<ContainerState>;
	/** From `stopped` or `failed` to `created` under a higher epoch, keeping the written files and the logs. */
	reset(container: ContainerId, epoch: number, revision: number, signal: AbortSignal): Promise<ContainerState>;
	/** Ends what runs and removes every trace: processes, cgroups, mounts, network, directory. Idempotent. */
	remove(container: ContainerId, epoch: number): Promise<void>;
	exec(container: ContainerId, request: ExecRequest): Promise<ExecSession>;
	/**
	 * A file or directory of a running or paused container as a tar archive, its first entry called `name`. Links on the way are
	 * followed inside the container's root, the last one only when a slash follows. `not-found` when it is not there; what
	 * fails later ends the archive with the error.
	 */
	readFiles(
		container: ContainerId,
		path: string,
		name: string,
		signal: AbortSignal,
	): Promise<AsyncIterable<Uint8Array>>;
	/**
	 * Puts a tar archive into a running or paused container, owned by its root. `into`: below the directory `path`. `as`: as cp(1)
	 * does, below `path` where it is a directory, else under that name. What was written stays when it fails half-way.
	 */
	writeFiles(
		container: ContainerId,
		path: string,
		how: "as" | "into",
		tar: AsyncIterable<Uint8Array>,
		signal: AbortSignal,
	): Promise<void>;
	/**
	 * Gives `take` what the container wrote over its image, as the tar of one more layer of an OCI image. A running container stands
	 * still until `take` has settled; other calls for it wait.
	 */
	withWrittenLayer<T>(
		container: ContainerId,
		take: (tar: AsyncIterable<Uint8Array>) => Promise<T>,
		signal: AbortSignal,
	): Promise<T>;
	/**
	 * Output from now on. What is written to `stdin` reaches a container whose spec has `stdin`, and is thrown away else; the end of
	 * `stdin` ends its input, without a terminal. Aborting the signal gives up waiting for the end.
	 */
	attach(container: ContainerId, signal: AbortSignal): Promise<AttachSession>;
	logs(container: ContainerId, options: LogOptions, signal: AbortSignal): AsyncIterable<LogLine>;
	/** Of a container that has processes. */
	stats(container: ContainerId): Promise<ContainerStats>;
	/** Called after each change of a CPU quota that follows a container's CPU mode. Returns the unsubscribe function. */
	onQuotaChange(listener: (change: QuotaChange) => void): () => void;
	/** Of all that run or are paused, in one reading: 1,000 take less than 100 ms. */
	allStats(): Promise<ReadonlyMap<ContainerId, ContainerStats>>;
	get(container: ContainerId): ContainerState | null;
	list(): readonly ContainerState[];
	/** Of all containers here, also of those that are still being made, from the call of `create` or `run` on. */
	addresses(): ReadonlySet<string>;
	/** Called after every change of any container's state, in order. Returns the unsubscribe function. */
	subscribe(listener: (state: ContainerState) => void): () => void;
	/** Named volumes of this machine. */
	readonly volumes: Volumes;
	/** What this machine can limit; a request for another limit fails with `unsupported`. */
	readonly limits: readonly LimitName[];
	/** Why a container that shows these paths of the node cannot have a user namespace here, one line; null: it can. */
	userNamespaceLack(spec: Pick<Spec, "volumes">): Promise<string | null>;
	/** What is made ahead; null where nothing is. */
	readonly pool: RuntimePool | null;
	/** The halves of a move; null where this machine cannot checkpoint (doctor says why). */
	readonly checkpoints: Checkpoints | null;
	/** Lets go of all containers without touching them. */
	close(): Promise<void>;
}

/** Containers wanted ready: created, not started. */
export interface WarmWish {
	readonly spec: Spec;
	readonly image: PreparedImage;
	/** For `run`; else for `create`. */
	readonly passing: boolean;
	/** All wishes together are cut to the node's bound, in their order. */
	readonly count: number;
}

export interface WarmRow {
	readonly workload: string;
	readonly passing: boolean;
	readonly ready: number;
	readonly wanted: number;
	/** Since it is wanted, and the time that took in the background. */
	readonly made: number;
	readonly madeMs: number;
}

export interface PoolState {
	/** Monitors and inits that wait to be told what to build: for any container. */
	readonly standing: { readonly ready: number; readonly max: number; readonly made: number; readonly madeMs: number };
	readonly warm: readonly WarmRow[];
	readonly warmMax: number;
}

/** Made in the background, bounded, gone when the daemon closes; what a killed one left is ended when the next one opens. */
export interface RuntimePool {
	/** From now on `group` wants these and no others. A `create` or `run` of the same spec and image takes one. */
	keep(group: string, wishes: readonly WarmWish[]): void;
	state(): PoolState;
	/** Resolves when as many are ready as wanted, and what was removed is deleted. */
	filled(): Promise<void>;
	/** Ends everything that is ready. It is made again when the next container is. */
	clear(): Promise<void>;
}

export interface DumpResult {
	/** Bytes of the image files in the directory. */
	readonly imageBytes: number;
	/** Wall clock and monotonic milliseconds (Clock.monotonicMs) at which the first process was frozen. */
	readonly frozenAtMonotonicMs: number;
	readonly dumpMs: number;
	/** What the target needs besides image files: standard-stream pipe inodes, pid, mounts. Opaque JSON. */
	readonly manifest: Readonly<Record<string, unknown>>;
}

export interface RestoreRequest {
	readonly create: CreateRequest;
	/** Directory with CRIU image files; the caller removes it afterwards. */
	readonly imageDirectory: string;
	/** Directory that becomes the container's upper layer (moved, not copied). */
	readonly upperDirectory: string;
	/** Log files of the source; moved in place so that logs go on unbroken. */
	readonly logDirectory: string;
	readonly manifest: Readonly<Record<string, unknown>>;
	readonly source: { readonly createdAtMs: number; readonly startedAtMs: number | null };
	readonly move: string;
}

/**
 * Never two: `dump` leaves the container frozen by its cgroup through any crash of daemon or CRIU after success;
 * only `thaw` runs it again. `restore` brings everything up to, but not including, the first instruction: phase
 * `restoring`; `release` lets it run, `remove` throws it away. A restored container that is waiting survives the
 * daemon; a new daemon finds it in phase `restoring`.
 */
export interface Checkpoints {
	/** From `running` to `checkpointing`, frozen, all output already in the log files. On failure: running, as before. */
	dump(
		container: ContainerId,
		epoch: number,
		directory: string,
		move: string,
		signal: AbortSignal,
	): Promise<DumpResult>;
	/** Rollback on the source: from `checkpointing` to `running`. Idempotent. */
	thaw(container: ContainerId, epoch: number): Promise<ContainerState>;
	/** Paths of a container that is `checkpointing`, for the transfer. */
	files(container: ContainerId): { readonly upperDirectory: string; readonly logDirectory: string };
	restore(request: RestoreRequest, signal: AbortSignal): Promise<ContainerState>;
	/** First instruction on the target: from `restoring` to `running`. */
	release(container: ContainerId, epoch: number, signal: AbortSignal): Promise<ContainerState>;
}
