// The real adapter of the Runtime port: our C programs, cgroups, namespaces and nftables. Each public call is one life stage;
// what a stage does on the machine is in assembly.ts, what it may do in life-cycle.ts. Must never block on a workload.

import { join } from "node:path";
import type { Clock } from "../clock.js";
import { asSwarmError, SwarmError } from "../errors.js";
import type { Logger } from "../log.js";
import type { ContainerId, ContainerStats, LimitName, LogLine, ResourceRequest, Spec } from "../model.js";
import type { Native } from "../native/native.js";
import type { NativePaths } from "../native/paths.js";
import { abortWith } from "./abort-with.js";
import { findContainers } from "./adoption.js";
import { type AssemblyParts, beginPassing, build, fitMade, START_MS_MAX, stripProcesses } from "./assembly.js";
import { attachTo } from "./attach.js";
import { openCgroups } from "./cgroup/cgroups.js";
import { detectCgroups } from "./cgroup/layout.js";
import { type Container, type ContainerSurroundings, startFailure } from "./container.js";
import { type ContainerFiles, createContainerFiles } from "./container-files.js";
import { execIn } from "./exec.js";
import { ExecServer } from "./exec-server.js";
import { refuseFenced } from "./fences.js";
import { openLeftovers } from "./leftovers.js";
import { hasEnded, stepOf } from "./life-cycle.js";
import { readLogs } from "./logs/log-reader.js";
import { ContainerNetwork } from "./network/network.js";
import { nft } from "./network/nft.js";
import { OomWatch } from "./oom.js";
import { createQuiet, type Quiet } from "./quiet.js";
import { QuotaLoop } from "./quota/quota-loop.js";
import { readBootId } from "./record.js";
import { Roster } from "./roster.js";
import type {
	AttachSession,
	Checkpoints,
	ContainerState,
	CreateRequest,
	ExecRequest,
	ExecSession,
	LogOptions,
	QuotaChange,
	Runtime,
	RuntimePool,
} from "./runtime.js";
import { createSeams } from "./runtime-seams.js";
import type { CheckpointsFactory, CheckpointsPart } from "./seams.js";
import { standardProfile, strictProfile } from "./seccomp/profiles.js";
import { openSeccompPrograms } from "./seccomp/programs.js";
import { openIdRanges } from "./security/id-ranges.js";
import { seccompProfileOf } from "./security/launch-security.js";
import { openUserNamespaces, type UserNamespaces } from "./security/user-namespaces.js";
import { openSpares, STANDING_MAX_DEFAULT } from "./spares.js";
import { readStats, readStatsOf, type StatsParts } from "./stats/container-stats.js";
import { StatsReader } from "./stats/stats-reader.js";
import { terminate } from "./terminate.js";
import { openTrash } from "./trash.js";
import { updateResources } from "./update-resources.js";
import { openVolumeStore } from "./volumes/volume-store.js";
import type { Volumes } from "./volumes/volumes.js";
import { openWarm, WARM_MAX_DEFAULT, type WarmContainers } from "./warm.js";

export interface RuntimeOptions {
	/** Holds `containers/`, `spares/`, `removed/`, `seccomp/`, `volumes/` and `fences`; on a file system that overlayfs takes as upper layer. */
	readonly stateDirectory: string;
	/** Short name of the daemon, `[a-z0-9]{1,16}`: cgroups, namespaces and links of several on one machine differ by it. */
	readonly scope: string;
	readonly native: Native;
	readonly paths: NativePaths;
	readonly clock: Clock;
	readonly logger: Logger;
	/** Null: no checkpoints. */
	readonly checkpoints: CheckpointsFactory | null;
	/** Containers that stand ready for the next starts at most (spares.ts); STANDING_MAX_DEFAULT unless told, 0: none. */
	readonly standingMax?: number;
	/** Containers made ahead for specs with `pool`, of all together (warm.ts); WARM_MAX_DEFAULT unless told. */
	readonly warmMax?: number;
	/** Where network namespaces are kept; /run/stratoswarm unless told. */
	readonly runDirectory?: string;
}

/** The kernel ends killed processes at once, unless one sleeps uninterruptibly. */
const KILL_MS_MAX = 30_000;

/** Finds and adopts what is there. The caller makes sure that no other daemon uses the directory or the scope. */
export async function openRuntime(options: RuntimeOptions): Promise<Runtime> {
	if (!/^[a-z0-9]{1,16}$/.test(options.scope))
		throw new SwarmError("usage", `Cannot open the runtime: scope is ${options.scope}, wanted 1 to 16 of a-z and 0-9`);
	const { stateDirectory, paths, native, logger } = options;
	const userNamespaces = await openUserNamespaces(join(stateDirectory, "spares"), paths.init, { native, logger });
	const runtime = new NativeRuntime(options, userNamespaces);
	await runtime.adopt();
	return runtime;
}

class NativeRuntime implements Runtime {
	readonly #options: RuntimeOptions;
	readonly #parts: AssemblyParts;
	readonly #around: ContainerSurroundings;
	readonly #roster: Roster;
	readonly #listeners = new Set<(state: ContainerState) => void>();
	/** Aborted when a container is removed or the runtime closes: its readers end. */
	readonly #readers = new Map<ContainerId, AbortController>();
	readonly #warm: WarmContainers;
	readonly pool: RuntimePool;
	readonly volumes: Volumes;
	readonly createFrom: ContainerFiles["createFrom"];
	readonly readFiles: ContainerFiles["readFiles"];
	readonly writeFiles: ContainerFiles["writeFiles"];
	readonly withWrittenLayer: ContainerFiles["withWrittenLayer"];
	readonly #part: CheckpointsPart | null;
	readonly #execServer: ExecServer;
	readonly #oom: OomWatch;
	readonly #quotas: QuotaLoop;
	readonly #statsParts: StatsParts;
	readonly #quiet: Quiet;
	readonly #closing = new AbortController();

	constructor(options: RuntimeOptions, userNamespaces: UserNamespaces) {
		this.#quiet = createQuiet(options.clock);
		const { stateDirectory, scope, native, paths, clock, logger, runDirectory = "/run/stratoswarm" } = options;
		this.#options = options;
		const signal = (pid: number, number: number) => native.signal(pid, number);
		const cgroups = openCgroups({ layout: detectCgroups(), scope, clock, logger, signal });
		const network = new ContainerNetwork({ scope, native, nft, clock, logger, runDirectory });
		const announce = (state: ContainerState) => this.#announce(state);
		const remove = (path: string) => native.directoryRemove(path);
		// Work in the background is put off while something is being started.
		const calm: Clock = { ...clock, after: (ms, act) => this.#quiet.after(ms, act) };
		const trash = openTrash(join(stateDirectory, "removed"), { remove, clock: calm, logger });
		const leftovers = openLeftovers({ trash, clock: calm, logger });
		const ids = openIdRanges(join(runDirectory, "ids"), scope);
		const standing = { native, paths, cgroups, clock, ids };
		const standingMax = options.standingMax ?? STANDING_MAX_DEFAULT;
		const spares = openSpares({ stateDirectory, native, standing, standingMax, trash, clock: calm, logger });
		const seccomp = openSeccompPrograms(join(stateDirectory, "seccomp"));
		const containers = () => this.#roster.all().map(({ request }) => request);
		const volumes = openVolumeStore({ directory: join(stateDirectory, "volumes"), containers, remove, clock, logger });
		this.#parts = {
			native,
			paths,
			cgroups,
			network,
			trash,
			leftovers,
			spares,
			seccomp,
			ids,
			volumes,
			stateDirectory,
			userNamespaces,
		};
		this.volumes = volumes;
		this.#around = { native, clock, logger, cgroups, bootId: readBootId(), announce };
		this.#quotas = new QuotaLoop({ native, cgroups, clock, logger, containers: () => this.list() });
		this.#statsParts = { reader: new StatsReader(native), cgroups, network, clock, quotas: this.#quotas };
		const onRemoved = (id: ContainerId) => {
			this.#statsParts.reader.forget(id);
			this.#endReaders(id);
		};
		const warmMax = options.warmMax ?? WARM_MAX_DEFAULT;
		const warm = openWarm({ parts: this.#parts, around: this.#around, clock: calm, logger, max: warmMax });
		this.#warm = warm;
		this.pool = {
			keep: warm.keep,
			state: () => ({ standing: spares.count(), warm: warm.rows(), warmMax }),
			async filled() {
				await warm.filled();
				await spares.filled();
				await leftovers.emptied();
			},
			async clear() {
				await warm.clear();
				await spares.clear();
			},
		};
		this.#roster = new Roster({
			stateDirectory,
			parts: this.#parts,
			around: this.#around,
			takeMade: warm.take,
			onRemoved,
		});
		this.#oom = new OomWatch(clock, cgroups, () => this.#roster.all());
		const files = createContainerFiles(this.#roster, this.#parts, paths.copy);
		this.createFrom = files.createFrom;
		this.readFiles = files.readFiles;
		this.writeFiles = files.writeFiles;
		this.withWrittenLayer = files.withWrittenLayer;
		const seams = createSeams({ parts: this.#parts, roster: this.#roster, clock, logger, announce });
		this.#part = options.checkpoints?.(seams) ?? null;
		const stderrPath = join(stateDirectory, "exec.stderr");
		this.#execServer = new ExecServer({ native, initPath: paths.init, stderrPath, logger });
	}

	get limits(): readonly LimitName[] {
		const { cgroups, network } = this.#parts;
		return network.canShape() ? [...cgroups.limits, "bandwidth"] : cgroups.limits;
	}

	userNamespaceLack(spec: Pick<Spec, "volumes">): Promise<string | null> {
		return this.#parts.userNamespaces.lackFor(spec);
	}

	get checkpoints(): Checkpoints | null {
		return this.#part?.checkpoints ?? null;
	}

	/** Once, before anybody else has the runtime. */
	async adopt(): Promise<void> {
		const { cgroups, network } = this.#parts;
		const traces = [...cgroups.list(), ...network.list()];
		const { containers, halfMade } = await findContainers(this.#roster.containersPath, traces, this.#around);
		for (const container of containers) {
			this.#roster.add(container);
			this.#watch(container.state);
			const { address, spec } = container.request;
			if (address !== null) network.adopt(container.id, address, spec.ports);
		}
		const profiles = containers.map(({ request }) => seccompProfileOf(request.spec));
		this.#parts.ids.keepOnly(containers.map(({ id }) => cgroups.nameOf(id) ?? id));
		this.#parts.seccomp.keepOnly([standardProfile, strictProfile, ...profiles.filter((profile) => profile !== null)]);
		for (const id of halfMade) await this.#roster.dismantle(id);
		for (const name of cgroups.spares()) await cgroups.discard(name);
		for (const container of containers) await this.#adoptMove(container);
		if (containers.length + halfMade.length > 0)
			this.#options.logger.info("containers found", { adopted: containers.length, halfMadeRemoved: halfMade.length });
		if (containers.some(({ request }) => request.address !== null)) await this.#repairNetwork();
	}

	create(request: CreateRequest, signal: AbortSignal): Promise<ContainerState> {
		const make = async (container: Container) => {
			if (!container.isMade) return build(container, this.#parts, { durable: false, signal });
			await fitMade(container, this.#parts, signal);
			container.save(false);
		};
		return this.#quiet.during(() => this.#roster.makeNew("create", request, make));
	}

	start(id: ContainerId, epoch: number, signal: AbortSignal): Promise<ContainerState> {
		const begin = async (container: Container) => {
			signal.throwIfAborted();
			if (container.isGuarded) await container.letRun();
			container.step("start");
			const refusal = await container.tellToStart(epoch).then(
				() => null,
				(thrown: SwarmError) => thrown,
			);
			// Its lease ended in between.
			if (refusal?.retryable) container.perform(container.step("start-failed", { error: refusal.message }));
			const left = (state: ContainerState) => state.phase !== "starting";
			const state = await container.until("start", left, START_MS_MAX, signal);
			if (state.phase === "failed") throw startFailure(state, refusal ?? null);
			container.save(false);
			return container.state;
		};
		return this.#quiet.during(() => this.#roster.alone("start", id, epoch, begin));
	}

	run(request: CreateRequest, signal: AbortSignal): Promise<ContainerState> {
		const work = async (container: Container, begun: () => void) => {
			const abort = new AbortController();
			const stopFollowing = abortWith(abort, [signal, this.#closing.signal]);
			try {
				await beginPassing(container, this.#parts, abort.signal);
				begun();
				const state = await container.until("run", ended, null, abort.signal);
				if (state.phase === "failed") throw startFailure(state, null);
				return state;
			} finally {
				stopFollowing();
			}
		};
		return this.#quiet.during((begun) => this.#roster.passing("run", request, (container) => work(container, begun)));
	}

	stop(id: ContainerId, epoch: number, graceMs: number, signal: AbortSignal): Promise<ContainerState> {
		return this.#roster.alone("stop", id, epoch, async (container) => {
			const effects = container.step("stop");
			if (effects.includes("kill")) container.perform(effects);
			else if (effects.includes("terminate")) await terminate(container, this.#parts.cgroups, graceMs, signal);
			if (!hasEnded(container.state.phase)) await container.until("stop", ended, KILL_MS_MAX, signal);
			return container.state;
		});
	}

	async extendLease(id: ContainerId, epoch: number, untilMs: number): Promise<void> {
		const container = this.#roster.get(id);
		if (container === null || hasEnded(container.state.phase)) return;
		refuseFenced("extend the lease of", id, epoch, container.state.epoch);
		// Beside a call that takes long, a stop or a dump: the monitor minds the epochs.
		await container.monitor?.request("lease", `${epoch} ${Math.floor(untilMs)}`);
	}

	guardNowMs(): number {
		return this.#options.native.bootTimeMs();
	}

	pause(id: ContainerId, epoch: number): Promise<ContainerState> {
		return this.#roster.alone("pause", id, epoch, async (container) => {
			const effects = container.step("pause");
			try {
				container.perform(effects);
			} catch (thrown) {
				container.step("pause-failed");
				await container.letRunOrPause();
				throw thrown;
			}
			// Not written down: the next daemon asks the freezer (adoption.ts).
			container.step("frozen");
			return container.state;
		});
	}

	resume(id: ContainerId, epoch: number): Promise<ContainerState> {
		return this.#roster.alone("resume", id, epoch, async (container) => {
			container.step("resume");
			try {
				await container.letRun();
			} catch (thrown) {
				container.step("resume-failed");
				throw thrown;
			}
			container.step("thawed");
			return container.state;
		});
	}

	update(id: ContainerId, epoch: number, revision: number, resources: ResourceRequest): Promise<ContainerState> {
		return this.#roster.alone("update", id, epoch, async (container) => {
			await updateResources(container, this.#parts, { revision, resources });
			return container.state;
		});
	}

	reset(id: ContainerId, epoch: number, revision: number, signal: AbortSignal): Promise<ContainerState> {
		return this.#roster.aloneAnew("reset", id, epoch, async (container) => {
			stepOf(id, container.state.phase, "reset");
			// Before the step: the last word of the old monitor belongs to the old epoch.
			await stripProcesses(container, this.#parts);
			container.step("reset", { ...freshLife, epoch, revision });
			try {
				await build(container, this.#parts, { durable: true, signal });
			} catch (thrown) {
				const error = asSwarmError(thrown, `reset ${id}`);
				container.recordLoss(error.message);
				throw error;
			}
			return container.state;
		});
	}

	remove(id: ContainerId, epoch: number): Promise<void> {
		return this.#roster.remove(id, epoch);
	}

	async exec(id: ContainerId, request: ExecRequest): Promise<ExecSession> {
		return execIn(this.#roster.find("exec in", id), request, this.#execServer, this.#options.clock);
	}

	async attach(id: ContainerId, signal: AbortSignal): Promise<AttachSession> {
		return attachTo(this.#roster.find("attach to", id), AbortSignal.any([signal, this.#closing.signal]));
	}

	logs(id: ContainerId, options: LogOptions, signal: AbortSignal): AsyncIterable<LogLine> {
		const container = this.#roster.find("read logs of", id);
		const removed = this.#readersOf(id).signal;
		return readLogs(
			{
				directory: container.directory.log,
				ended: () => hasEnded(container.state.phase) || removed.aborted,
				onChange: (wake) => {
					const unsubscribe = this.subscribe(wake);
					removed.addEventListener("abort", wake, { once: true });
					return () => {
						unsubscribe();
						removed.removeEventListener("abort", wake);
					};
				},
			},
			options,
			signal,
		);
	}

	async stats(id: ContainerId): Promise<ContainerStats> {
		return readStatsOf(this.#roster.find("measure", id).state, this.#statsParts);
	}

	onQuotaChange(listener: (change: QuotaChange) => void): () => void {
		return this.#quotas.subscribe(listener);
	}

	allStats(): Promise<ReadonlyMap<ContainerId, ContainerStats>> {
		const live = this.list().filter(({ phase }) => phase === "running" || phase === "paused");
		return readStats(live, this.#statsParts);
	}

	get(id: ContainerId): ContainerState | null {
		return this.#roster.get(id)?.state ?? null;
	}

	list(): readonly ContainerState[] {
		return this.#roster.all().map(({ state }) => state);
	}

	addresses(): ReadonlySet<string> {
		return this.#roster.addresses();
	}

	subscribe(listener: (state: ContainerState) => void): () => void {
		// Its own function, so that one listener can subscribe twice.
		const own = (state: ContainerState) => listener(state);
		this.#listeners.add(own);
		return () => void this.#listeners.delete(own);
	}

	async close(): Promise<void> {
		this.#closing.abort(new SwarmError("aborted", "Cannot wait for the end: the daemon is closing"));
		this.#oom.stop();
		await this.#quotas.stop();
		await this.#roster.idle();
		this.#execServer.close();
		for (const container of this.#roster.all()) container.letGo();
		for (const id of [...this.#readers.keys()]) this.#endReaders(id);
		await this.#statsParts.reader.close();
		await this.#parts.network.close();
		await this.#warm.close();
		await this.#parts.spares.close();
		await this.#parts.leftovers.emptied();
		await this.#parts.volumes.emptied();
		this.#parts.cgroups.close();
	}

	/** A move that was under way: its own part knows whether the copy is whole. */
	async #adoptMove(container: Container): Promise<void> {
		const { phase } = container.state;
		if (phase !== "restoring" && phase !== "checkpointing") return;
		const verdict = this.#part === null ? "keep" : await this.#part.adopt(container);
		if (verdict === "remove") await this.#roster.destroy(container);
	}

	async #repairNetwork(): Promise<void> {
		try {
			await this.#parts.network.ready();
		} catch (thrown) {
			this.#options.logger.error("the container network cannot be repaired", { error: String(thrown) });
		}
	}

	#readersOf(id: ContainerId): AbortController {
		const known = this.#readers.get(id);
		if (known !== undefined) return known;
		const controller = new AbortController();
		this.#readers.set(id, controller);
		return controller;
	}

	#endReaders(id: ContainerId): void {
		this.#readers.get(id)?.abort();
		this.#readers.delete(id);
	}

	/** What a container that runs has chosen to be watched for. */
	#watch({ phase, spec: { resources } }: ContainerState): void {
		if (phase !== "running") return;
		if (resources.memoryBytes !== null) this.#oom.ask();
		if (resources.cpuMode != null) this.#quotas.ask();
	}

	#announce(state: ContainerState): void {
		this.#watch(state);
		for (const listener of [...this.#listeners]) {
			try {
				listener(state);
			} catch (thrown) {
				this.#options.logger.error("a listener of container states failed", { error: String(thrown) });
			}
		}
	}
}

const freshLife = {
	exitCode: null,
	oomKilled: false,
	oom: null,
	startedAtMs: null,
	finishedAtMs: null,
	error: null,
	pid: null,
};

function ended(state: ContainerState): boolean {
	return hasEnded(state.phase);
}
