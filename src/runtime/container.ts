// One container of this machine as the parts of the runtime share it: its names, its state, its monitor. State changes only
// through `step`, which asks the life-cycle table; every change is announced in order. Held by native-runtime and
// checkpoint/, by nobody above them. Must never start a process itself.

import type { Clock } from "../clock.js";
import { SwarmError } from "../errors.js";
import type { Logger } from "../log.js";
import type { ContainerId, OomReport, Phase, ResourceRequest } from "../model.js";
import type { Native } from "../native/native.js";
import type { Cgroups, ContainerCgroup } from "./cgroup/cgroups.js";
import type { ContainerDirectory } from "./container-directory.js";
import { hostnameOf, isGuarded } from "./launch-config.js";
import { hasEnded, type LifeEffect, type LifeEvent, nextStep, stepOf } from "./life-cycle.js";
import { Monitor, type MonitorEvent, readExit } from "./monitor.js";
import type { ExitRecord } from "./monitor-protocol.js";
import { oomReportOf } from "./oom.js";
import { type ContainerFile, writeRecord } from "./record.js";
import type { ContainerState, CreateRequest } from "./runtime.js";
import type { Standing } from "./standing.js";

/** What every container needs of the runtime it lives in. */
export interface ContainerSurroundings {
	readonly native: Native;
	readonly clock: Clock;
	readonly logger: Logger;
	readonly cgroups: Cgroups;
	readonly bootId: string;
	/** Called after every change of the state. */
	readonly announce: (state: ContainerState) => void;
}

/** What a step may change besides the phase. */
export type StateChanges = Partial<
	Pick<
		ContainerState,
		| "epoch"
		| "revision"
		| "pid"
		| "exitCode"
		| "oomKilled"
		| "oom"
		| "startedAtMs"
		| "finishedAtMs"
		| "error"
		| "move"
		| "createdAtMs"
		| "firstId"
	>
>;

/** A frozen cgroup says so within 0.1 ms; a task that sleeps in the kernel uninterruptibly may take for ever. */
const FREEZE_MS_MAX = 1_000;
const SIGKILL = 9;

export class Container {
	readonly id: ContainerId;
	readonly directory: ContainerDirectory;
	#request: CreateRequest;
	/** Nothing of it outlasts the call that runs it. */
	readonly passing: boolean;
	/** Made before it is known which container it will be (warm.ts). */
	readonly ahead: boolean;
	/** What the start has to tell a container that was made ahead: its host name; "" for one that keeps the name it was made with. */
	#hostname: string | null = null;
	/** Who waits in its namespaces to be told to build (standing.ts, or its own monitor said so): from then on, and before, null. */
	standingPid: number | null = null;
	readonly #around: ContainerSurroundings;
	#state: ContainerState;
	#monitor: Monitor | null = null;
	#monitorDone: Promise<void> = Promise.resolve();
	#onMonitorDone: () => void = () => {};
	readonly #waiting = new Set<(state: ContainerState) => void>();

	constructor(
		request: CreateRequest,
		directory: ContainerDirectory,
		phase: Phase,
		around: ContainerSurroundings,
		{ passing, ahead = false }: { readonly passing: boolean; readonly ahead?: boolean } = { passing: false },
	) {
		this.id = request.container;
		this.passing = passing;
		this.ahead = ahead;
		this.#request = request;
		this.directory = directory;
		this.#around = around;
		this.#state = firstState(request, phase, around.clock.nowMs());
	}

	get request(): CreateRequest {
		return this.#request;
	}

	get cgroup(): ContainerCgroup {
		return this.#around.cgroups.of(this.id, this.request.spec.resources);
	}

	get state(): ContainerState {
		return this.#state;
	}

	/** null before there is one and after it has gone. */
	get monitor(): Monitor | null {
		return this.#monitor;
	}

	/**
	 * Moves on by one event and gives the effects that the caller has to perform (`perform`). Throws `conflict` for a pair that
	 * the table does not have, and then changes nothing.
	 */
	step(event: LifeEvent, changes: StateChanges = {}): readonly LifeEffect[] {
		const { phase, effects } = stepOf(this.id, this.#state.phase, event);
		this.#set({ ...this.#state, ...changes, phase });
		return effects;
	}

	/** Changes that no event stands for (a higher epoch, the move it takes part in). */
	change(changes: StateChanges): void {
		this.#set({ ...this.#state, ...changes });
	}

	/** Another revision of its spec that differs in resources only; on the disk when this returns. */
	revise(revision: number, resources: ResourceRequest): void {
		const spec = { ...this.#request.spec, resources };
		this.#request = { ...this.#request, revision, spec };
		this.#set({ ...this.#state, revision, spec });
		this.save(true);
	}

	/** The phase found on adoption: what the machine shows wins over what the record says. */
	adopt(phase: Phase, changes: StateChanges): void {
		this.#state = { ...this.#state, ...changes, phase };
	}

	/** The effects that are one short kernel call. The others (start, terminate, rebuild) are the runtime's own. */
	perform(effects: readonly LifeEffect[]): void {
		const { native, cgroups } = this.#around;
		for (const effect of effects) {
			if (effect === "freeze") native.cgroupFreeze(this.cgroup.unified, true, FREEZE_MS_MAX);
			else if (effect === "thaw") native.cgroupFreeze(this.cgroup.unified, false, FREEZE_MS_MAX);
			else if (effect === "kill" && this.#state.pid !== null) native.signal(this.#state.pid, SIGKILL);
			else if (effect === "reap") cgroups.kill(this.id);
		}
	}

	/** Whether it may run under a lease only: its monitor is then the one to thaw it. */
	get isGuarded(): boolean {
		return isGuarded(this.request.spec) && !this.passing;
	}

	/** Thaws it. Rejects for one whose lease is over: it stays frozen. */
	async letRun(): Promise<void> {
		if (!this.isGuarded) this.perform(["thaw"]);
		else if (this.#monitor === null) throw new SwarmError("failed", `Cannot thaw ${this.id}: it has no monitor`);
		else await this.#monitor.request("thaw");
	}

	/** As `letRun` after a step to `running`; one whose lease is over is then `paused`. */
	async letRunOrPause(): Promise<void> {
		try {
			await this.letRun();
		} catch (thrown) {
			if (!this.isGuarded || nextStep(this.#state.phase, "lease-ended") === null) throw thrown;
			this.step("lease-ended");
		}
	}

	/** Writes record.json. `durable`: also through a power cut (half a millisecond). */
	save(durable: boolean): void {
		writeRecord(this.directory.record, this.#record(), durable);
	}

	/**
	 * Connects to the monitor that listens in the directory and follows it from now on: its events move the container.
	 * `unreachable` when there is none.
	 */
	async attachMonitor(): Promise<void> {
		this.letGo();
		this.#attached(await Monitor.connect(this.id, this.directory, (event) => this.#follow(event)));
	}

	/** The same with one that was started a moment ago: when it has ended already, its record says why, and the container has ended. */
	async attachNewMonitor(): Promise<void> {
		try {
			await this.attachMonitor();
		} catch (thrown) {
			if (readExit(this.directory) === null) throw thrown;
			this.lookForExit();
		}
	}

	/** The same with one that stood ready: it is this container from now on. */
	takeStanding({ pid, firstId, monitor, cgroupName }: Standing): void {
		this.#around.cgroups.adopt(this.id, cgroupName);
		this.standingPid = pid;
		this.#state = { ...this.#state, firstId };
		monitor.handTo(this.id, (event) => this.#follow(event));
		this.#attached(monitor);
	}

	/** The processes, cgroups and monitor of one that was made ahead are this container's from now on. Its directory is here already. */
	takeMade(made: Container): void {
		const monitor = made.#monitor;
		const name = this.#around.cgroups.nameOf(made.id);
		if (monitor === null || name === null) throw new SwarmError("failed", `Cannot take ${made.id}: it has ended`);
		made.#monitor = null;
		made.#onMonitorDone();
		this.#around.cgroups.adopt(this.id, name);
		// Nobody knows a passing one by its name, nor asks for it over a network.
		this.#hostname = this.passing && this.request.address === null ? "" : hostnameOf(this.id);
		this.#state = { ...this.#state, pid: made.state.pid, firstId: made.state.firstId };
		monitor.handTo(this.id, (event) => this.#follow(event));
		this.#attached(monitor);
	}

	/** Whether it was made ahead and has not been told to start. */
	get isMade(): boolean {
		return this.#hostname !== null;
	}

	/** Lets the first instruction run. Rejects with the reason when that cannot be, `unreachable` without a monitor. */
	async tellToStart(epoch: number): Promise<void> {
		const argument = this.#hostname ? `${epoch} ${this.#hostname}` : String(epoch);
		this.#hostname = null;
		await this.#monitor?.request("start", argument);
	}

	/** What stands builds now, from the launch file, or is restored. Rejects when its monitor is gone. */
	async launchStanding(): Promise<void> {
		this.standingPid = null;
		await this.#monitor?.request("launch");
	}

	/** The same over a connection that the monitor was started with (a descriptor, which is taken). */
	followMonitor(connection: number): void {
		this.#attached(Monitor.over(this.id, connection, (event) => this.#follow(event)));
	}

	#attached(monitor: Monitor): void {
		this.#monitor = monitor;
		const { promise, resolve } = Promise.withResolvers<void>();
		this.#monitorDone = promise;
		this.#onMonitorDone = resolve;
	}

	/**
	 * Resolves when no monitor is attached: it goes by itself after the container's end, its record being on the disk; or
	 * after `withinMs`. That of a passing one writes none, and stays after it has told the end until it is let go of.
	 */
	monitorDone(withinMs: number): Promise<void> {
		if (this.#monitor === null) return Promise.resolve();
		return new Promise((resolve) => {
			const cancel = this.#around.clock.after(withinMs, resolve);
			void this.#monitorDone.then(() => {
				cancel();
				resolve();
			});
		});
	}

	/** Closes the connection to the monitor without touching the container. */
	letGo(): void {
		this.#monitor?.close();
		this.#monitor = null;
		this.#onMonitorDone();
	}

	/**
	 * Resolves with the first state, now or later, for which `holds` is true. Rejects with the signal's reason, with `failed`
	 * when the container ends first, and with `timeout` after `withinMs` (null: never); `action` is for these messages: "create".
	 */
	until(
		action: string,
		holds: (state: ContainerState) => boolean,
		withinMs: number | null,
		signal: AbortSignal,
	): Promise<ContainerState> {
		if (holds(this.#state)) return Promise.resolve(this.#state);
		return new Promise((resolve, reject) => {
			const settle = (act: () => void) => {
				this.#waiting.delete(look);
				signal.removeEventListener("abort", onAbort);
				cancel();
				act();
			};
			const onAbort = () => settle(() => reject(signal.reason));
			const look = (state: ContainerState) => {
				if (holds(state)) settle(() => resolve(state));
				else if (hasEnded(state.phase)) settle(() => reject(endedFirst(state, action)));
			};
			const onTimeout = () => settle(() => reject(tookTooLong(this.id, action, withinMs ?? 0)));
			const cancel = withinMs === null ? () => {} : this.#around.clock.after(withinMs, onTimeout);
			signal.addEventListener("abort", onAbort, { once: true });
			this.#waiting.add(look);
			look(this.#state);
			if (signal.aborted) onAbort();
		});
	}

	/** An end that was read from the disk or told by the monitor. */
	recordExit(exit: ExitRecord): void {
		if (nextStep(this.#state.phase, "exited") === null) return;
		const changes = {
			pid: null,
			exitCode: exit.exitCode,
			oomKilled: exit.oomKilled,
			oom: exit.oomKilled ? this.#oomReport(exit.finishedAtMs) : this.#state.oom,
			finishedAtMs: exit.finishedAtMs,
			error: exit.reason,
		};
		this.perform(this.step("exited", changes));
	}

	/** Nobody knows how it ended: whatever is left of it is killed. */
	recordLoss(reason: string): void {
		if (nextStep(this.#state.phase, "lost") === null) return;
		const changes = { pid: null, finishedAtMs: this.#around.clock.nowMs(), error: reason };
		this.perform(this.step("lost", changes));
		this.save(false);
	}

	/** The kernel killed something in it, and it goes on. */
	noteOom(oom: OomReport): void {
		this.#set({ ...this.#state, oom });
		this.save(false);
	}

	#oomReport(timeMs: number): OomReport | null {
		return oomReportOf(this.#around.cgroups, this.id, timeMs) ?? this.#state.oom;
	}

	#follow(event: MonitorEvent): void {
		try {
			switch (event.kind) {
				case "standing":
					this.standingPid = event.pid;
					this.#look();
					return;
				case "created":
					this.change({ pid: event.pid });
					return;
				case "running":
					this.#run(event.pid);
					return;
				case "frozen":
					this.change({ pid: event.pid });
					if (nextStep(this.#state.phase, "lease-ended") !== null) this.step("lease-ended");
					return;
				case "exited":
					this.recordExit(event.exit);
					if (this.passing) this.#onMonitorDone();
					return;
				case "gone":
					this.#monitor = null;
					this.#onMonitorDone();
					if (!hasEnded(this.#state.phase)) this.lookForExit();
					return;
			}
		} catch (thrown) {
			this.#around.logger.error("a monitor's event cannot be applied", {
				container: this.id,
				event: event.kind,
				error: String(thrown),
			});
		}
	}

	#run(pid: number): void {
		const changes = { pid, startedAtMs: this.#state.startedAtMs ?? this.#around.clock.nowMs() };
		if (nextStep(this.#state.phase, "running") === null) this.change({ pid });
		else this.step("running", changes);
	}

	/** Without a monitor the exit record says how it ended, and without that nobody knows. */
	lookForExit(): void {
		const exit = readExit(this.directory);
		if (exit !== null) this.recordExit(exit);
		else this.recordLoss("its monitor ended without an exit record");
	}

	#record(): ContainerFile {
		const { epoch, revision, phase, createdAtMs, startedAtMs, finishedAtMs } = this.#state;
		const { exitCode, oomKilled, oom, error, move, firstId } = this.#state;
		return {
			version: 1,
			bootId: this.#around.bootId,
			cgroupName: this.#around.cgroups.nameOf(this.id),
			request: this.request,
			...{ epoch, revision, phase, createdAtMs, startedAtMs, finishedAtMs, exitCode, oomKilled, oom, error, move },
			firstId,
		};
	}

	#set(state: ContainerState): void {
		this.#state = state;
		this.#around.announce(state);
		this.#look();
	}

	#look(): void {
		for (const look of [...this.#waiting]) look(this.#state);
	}
}

function firstState(request: CreateRequest, phase: Phase, nowMs: number): ContainerState {
	return {
		container: request.container,
		epoch: request.epoch,
		revision: request.revision,
		phase,
		spec: request.spec,
		imageName: request.image.name,
		imageDigest: request.image.digest,
		pid: null,
		address: request.address,
		firstId: null,
		exitCode: null,
		oomKilled: false,
		oom: null,
		createdAtMs: nowMs,
		startedAtMs: null,
		finishedAtMs: null,
		error: null,
		move: null,
	};
}

function tookTooLong(container: ContainerId, action: string, withinMs: number): SwarmError {
	return new SwarmError("timeout", `Cannot ${action} ${container}: not done after ${withinMs} ms`, {
		details: { container },
	});
}

function endedFirst(state: ContainerState, action: string): SwarmError {
	const why = state.error === null ? `it ended with exit code ${state.exitCode}` : reasonIn(state.error);
	return new SwarmError("failed", `Cannot ${action} ${state.container}: ${why}`, {
		details: { container: state.container, exitCode: state.exitCode },
	});
}

/** For a caller that waits for the start; `refusal`: what the monitor answered. */
export function startFailure(state: ContainerState, refusal: SwarmError | null): SwarmError {
	const reason = reasonIn(state.error ?? refusal?.message ?? "the monitor did not say why");
	const code = state.exitCode === 126 || state.exitCode === 127 ? "usage" : (refusal?.code ?? "failed");
	return new SwarmError(code, `Cannot start ${state.container}: ${reason}`, {
		details: { container: state.container, exitCode: state.exitCode },
	});
}

/** The reason in a message of ours, to stand in another one: monitors say "Cannot create: mount …". */
function reasonIn(message: string): string {
	return message.replace(/^Cannot [^:]*: /, "");
}
