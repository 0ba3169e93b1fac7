// The runtime port over a simulated machine, by the product's own life-cycle table and fences. One runtime is one life of a
// daemon; a call whose daemon is killed may or may not have happened.

import { Readable, Writable } from "node:stream";
import { SwarmError } from "../../../src/errors.js";
import { type ContainerId, volumeNamesOf } from "../../../src/model.js";
import { refuseFenced } from "../../../src/runtime/fences.js";
import { hasEnded, type LifeEvent, stepOf } from "../../../src/runtime/life-cycle.js";
import type { ContainerState, CreateRequest, RestoreRequest, Runtime } from "../../../src/runtime/runtime.js";
import { createTurns } from "../../../src/runtime/turns.js";
import { canUpdateIn } from "../../../src/runtime/update-resources.js";
import type { SimChance } from "./sim-chance.js";
import { halt, mayRun, type SimContainer, type SimMachine } from "./sim-machine.js";
import type { SimProcess } from "./sim-process.js";
import { openSimVolumes } from "./sim-volumes.js";
import type { Timeline } from "./timeline.js";

/** About what the real ones take (milliseconds, least and most). */
const TAKES = {
	create: [2, 20],
	start: [1, 8],
	stop: [1, 200],
	pause: [0.1, 2],
	resume: [0.1, 2],
	reset: [2, 20],
	update: [0.1, 5],
	remove: [1, 30],
	freeze: [0.1, 2],
	dump: [10, 80],
	thaw: [0.1, 5],
	restore: [20, 120],
	release: [1, 20],
} as const;

const PROGRAMS: readonly string[] = ["count", "stubborn", "exit", "flaky"];
/** How long `flaky` runs before it fails. */
const FLAKY_MS = 300;

/** 128 + SIGTERM. */
export const STOPPED_EXIT_CODE = 143;

type Action = keyof typeof TAKES;

type Memory = Pick<SimContainer, "counted" | "life">;

export function openSimRuntime(
	machine: SimMachine,
	process: SimProcess,
	timeline: Timeline,
	chance: SimChance,
): Runtime {
	const { containers, fences } = machine;
	const turns = createTurns();
	const listeners = new Set<(state: ContainerState) => void>();
	const volumes = openSimVolumes(machine, () => process.clock.nowMs());

	const spend = (action: Action, part: number) =>
		new Promise<void>((resolve) => {
			const [least, most] = TAKES[action];
			timeline.after(chance.between(least, most) * part, () => process.isAlive() && resolve());
		});

	/** Half of the time before it happens, half after: a kill falls on either side. */
	const act = <T>(action: Action, id: ContainerId, happen: () => T | Promise<T>, signal?: AbortSignal): Promise<T> => {
		if (!process.isAlive()) return new Promise(() => {});
		return turns.take(id, async () => {
			signal?.throwIfAborted();
			await spend(action, 0.5);
			if (chance.happens(machine.faultRate)) {
				throw new SwarmError("failed", `Cannot ${action} ${id}: a simulated fault`, { retryable: true });
			}
			const result = await happen();
			await spend(action, 0.5);
			return result;
		});
	};

	const epochSeen = (id: ContainerId) => containers.get(id)?.state.epoch ?? fences.get(id) ?? 0;

	const find = (action: string, id: ContainerId, epoch: number): SimContainer => {
		const container = containers.get(id);
		if (container === undefined) throw new SwarmError("not-found", `Cannot ${action} ${id}: it is not on this node`);
		refuseFenced(action, id, epoch, container.state.epoch);
		if (epoch > container.state.epoch) change(container, { epoch });
		return container;
	};

	machine.announce = (state) => {
		for (const listener of [...listeners]) listener(state);
	};

	const change = (container: SimContainer, changes: Partial<ContainerState>) => {
		container.state = { ...container.state, ...changes };
		machine.announce(container.state);
	};

	const step = (container: SimContainer, event: LifeEvent, changes: Partial<ContainerState> = {}) => {
		const { phase } = stepOf(container.state.container, container.state.phase, event);
		change(container, { ...changes, phase });
	};

	const run = (container: SimContainer) => {
		container.runsSinceMs = timeline.nowMs();
		container.hasProcesses = true;
		machine.onRun(container);
	};

	/** As the monitor does, whatever the daemon believes. */
	const refuseUnleased = (action: string, container: SimContainer) => {
		if (mayRun(container, machine.guardNowMs())) return;
		const { container: id } = container.state;
		throw new SwarmError("failed", `Cannot ${action} ${id}: unleased: its lease is over`, { retryable: true });
	};

	const wake = (container: SimContainer, event: "thaw" | "checkpoint-failed") => {
		const isFree = mayRun(container, machine.guardNowMs());
		if (container.runsSinceMs === null && isFree) run(container);
		step(container, event, { move: null });
		if (container.runsSinceMs === null) step(container, "lease-ended");
	};

	const end = (container: SimContainer, exitCode: number) => {
		halt(container, timeline.nowMs());
		container.hasProcesses = false;
		step(container, "exited", { exitCode, finishedAtMs: process.clock.nowMs(), pid: null });
	};

	const add = (request: CreateRequest, state: Partial<ContainerState>, memory: Memory): SimContainer => {
		const { container: id, epoch, revision, spec, image, address } = request;
		refuseFenced("create", id, epoch, epochSeen(id));
		if (containers.has(id)) throw new SwarmError("conflict", `Cannot create ${id}: it is here, wanted none`);
		const fresh: ContainerState = {
			container: id,
			epoch,
			revision,
			phase: "created",
			spec,
			imageName: image.name,
			imageDigest: image.digest,
			pid: null,
			address,
			exitCode: null,
			firstId: null,
			oomKilled: false,
			oom: null,
			createdAtMs: process.clock.nowMs(),
			startedAtMs: null,
			finishedAtMs: null,
			error: null,
			move: null,
			...state,
		};
		const container: SimContainer = {
			request,
			state: fresh,
			...memory,
			starts: 0,
			leasedUntilMs: spec.policy === "exclusive" ? 0 : null,
			runsSinceMs: null,
			hasProcesses: true,
		};
		containers.set(id, container);
		for (const name of volumeNamesOf(spec)) if (volumes.get(name) === null) volumes.create(name, {});
		machine.announce(fresh);
		return container;
	};

	/**
	 * Lets the program run that the command names: `count` and `stubborn` go on, `exit N` ends, `flaky N` fails at its first N starts and goes
	 * on at the next, others are not there.
	 */
	const begin = (container: SimContainer): ContainerState => {
		const id = container.state.container;
		refuseUnleased("start", container);
		step(container, "start");
		const program = programOf(container);
		if (!PROGRAMS.includes(program)) {
			container.hasProcesses = false;
			step(container, "start-failed", { exitCode: 127, error: `${program} is not in the image` });
			throw new SwarmError("usage", `Cannot start ${id}: ${program} is not in the image`);
		}
		run(container);
		step(container, "running", { startedAtMs: process.clock.nowMs(), pid: 4000 });
		const number = Number(container.request.spec.command?.[1]);
		if (program === "exit") timeline.after(1, () => end(container, number));
		container.starts += 1;
		const { life } = container;
		const fail = () => {
			if (container.life === life && container.runsSinceMs !== null) end(container, 1);
		};
		if (program === "flaky" && container.starts <= number) timeline.after(FLAKY_MS, fail);
		return container.state;
	};

	// Adoption: the record is written before the freeze; a copy that was not frozen yet just runs.
	for (const container of containers.values()) {
		if (container.state.phase === "checkpointing" && container.runsSinceMs !== null) {
			container.state = { ...container.state, phase: "running", move: null };
		}
	}

	return {
		create: (request, signal) => {
			const make = () => add(request, {}, { counted: 0, life: machine.nextLife() }).state;
			return act("create", request.container, make, signal);
		},
		createFrom: (request, _files, signal) => {
			const make = () => add(request, {}, { counted: 0, life: machine.nextLife() }).state;
			return act("create", request.container, make, signal);
		},
		start: (id, epoch, signal) => act("start", id, () => begin(find("start", id, epoch)), signal),
		run: (request, signal) =>
			act(
				"create",
				request.container,
				async () => {
					const container = add(request, {}, { counted: 0, life: machine.nextLife() });
					try {
						begin(container);
						while (!hasEnded(container.state.phase) && !signal.aborted) await spend("start", 1);
						signal.throwIfAborted();
						return container.state;
					} finally {
						containers.delete(request.container);
					}
				},
				signal,
			),
		stop: (id, epoch, graceMs, signal) =>
			act(
				"stop",
				id,
				async () => {
					const container = find("stop", id, epoch);
					if (hasEnded(container.state.phase)) return container.state;
					const isStubborn = programOf(container) === "stubborn" && container.runsSinceMs !== null;
					step(container, "stop");
					if (isStubborn) await new Promise<void>((resolve) => void timeline.after(graceMs, resolve));
					end(container, isStubborn ? 137 : STOPPED_EXIT_CODE);
					return container.state;
				},
				signal,
			),
		guardNowMs: () => machine.guardNowMs(),
		extendLease: async (id, epoch, untilMs) => {
			const container = containers.get(id);
			if (container === undefined || !process.isAlive() || hasEnded(container.state.phase)) return;
			refuseFenced("extend the lease of", id, epoch, container.state.epoch);
			machine.extendLease(container, untilMs);
		},
		pause: (id, epoch) =>
			act("pause", id, () => {
				const container = find("pause", id, epoch);
				step(container, "pause");
				halt(container, timeline.nowMs());
				step(container, "frozen");
				return container.state;
			}),
		resume: (id, epoch) =>
			act("resume", id, () => {
				const container = find("resume", id, epoch);
				if (container.state.phase === "paused") refuseUnleased("resume", container);
				step(container, "resume");
				run(container);
				step(container, "thawed");
				return container.state;
			}),
		update: (id, epoch, revision, resources) =>
			act("update", id, () => {
				const container = find("update", id, epoch);
				if (!canUpdateIn(container.state.phase))
					throw new SwarmError("conflict", `Cannot update ${id}: it is ${container.state.phase}`, { retryable: true });
				change(container, { revision, spec: { ...container.state.spec, resources } });
				return container.state;
			}),
		reset: (id, epoch, revision) =>
			act("reset", id, () => {
				const container = containers.get(id);
				if (container === undefined) throw new SwarmError("not-found", `Cannot reset ${id}: it is not on this node`);
				refuseFenced("reset", id, epoch, container.state.epoch);
				if (epoch === container.state.epoch)
					throw new SwarmError("conflict", `Cannot reset ${id}: wanted a higher epoch`);
				const anew = { exitCode: null, startedAtMs: null, finishedAtMs: null, error: null, pid: null };
				if (container.leasedUntilMs !== null) container.leasedUntilMs = 0;
				container.counted = 0;
				container.life = machine.nextLife();
				container.hasProcesses = true;
				step(container, "reset", { ...anew, epoch, revision });
				return container.state;
			}),
		remove: (id, epoch) =>
			act("remove", id, () => {
				refuseFenced("remove", id, epoch, epochSeen(id));
				if (!containers.delete(id)) return;
				fences.set(id, Math.max(epoch, fences.get(id) ?? 0));
			}),
		exec: () => Promise.resolve(silentSession()),
		attach: () => Promise.resolve(silentSession()),
		readFiles: async () => nothing(),
		writeFiles: async () => {},
		withWrittenLayer: (_, take) => take(nothing()),
		logs: () => nothing(),
		stats: async (id) => {
			if (!containers.has(id)) throw new SwarmError("not-found", `Cannot measure ${id}: it is not on this node`);
			return noStats;
		},
		onQuotaChange: () => () => {},
		allStats: async () => new Map([...containers.keys()].map((id) => [id, noStats])),
		get: (id) => containers.get(id)?.state ?? null,
		list: () => [...containers.values()].map((container) => container.state),
		addresses: () => new Set([...containers.values()].flatMap(({ state }) => state.address ?? [])),
		subscribe(listener) {
			listeners.add(listener);
			return () => void listeners.delete(listener);
		},
		limits: ["cpu", "memory", "pids"],
		userNamespaceLack: async () => null,
		pool: null,
		volumes,
		checkpoints: {
			// As the real one: the phase says so from the start, the freeze comes later, and giving up wakes it again.
			dump: (id, epoch, directory, move, signal) =>
				act("freeze", id, async () => {
					const container = find("checkpoint", id, epoch);
					step(container, "checkpoint", { move });
					const frozenAtMonotonicMs = process.clock.monotonicMs();
					await spend("dump", 0.7);
					halt(container, timeline.nowMs());
					await spend("dump", 0.3);
					if (signal.aborted || chance.happens(machine.faultRate)) {
						wake(container, "checkpoint-failed");
						throw new SwarmError("failed", `Cannot checkpoint ${id}: given up, or a simulated fault`);
					}
					const { counted, life } = container;
					machine.files.set(directory, { container: id, epoch, counted, life });
					return { imageBytes: 4096, frozenAtMonotonicMs, dumpMs: 20, manifest: { counted } };
				}),
			thaw: (id, epoch) =>
				act("thaw", id, () => {
					const container = find("thaw", id, epoch);
					if (container.state.phase === "running") return container.state;
					if (!container.hasProcesses) throw new SwarmError("failed", `Cannot thaw ${id}: its processes are gone`);
					wake(container, "thaw");
					return container.state;
				}),
			files: (id) => ({ upperDirectory: `upper of ${id}`, logDirectory: `log of ${id}` }),
			restore: (request) => act("restore", request.create.container, () => restored(request)),
			release: (id, epoch) =>
				act("release", id, () => {
					const container = find("release", id, epoch);
					if (container.state.phase === "running") return container.state;
					if (!container.hasProcesses) throw new SwarmError("failed", `Cannot release ${id}: its processes are gone`);
					refuseUnleased("release", container);
					step(container, "release");
					run(container);
					step(container, "running", { pid: 4000 });
					return container.state;
				}),
		},
		async close() {
			listeners.clear();
		},
	};

	function restored(request: RestoreRequest): ContainerState {
		const image = machine.files.get(request.imageDirectory);
		if (image === undefined || image === null)
			throw new SwarmError("corrupt", `Cannot restore: no image in ${request.imageDirectory}`);
		const state = { phase: "restoring" as const, move: request.move, ...request.source };
		return add(request.create, state, { counted: image.counted, life: image.life }).state;
	}
}

const noStats = {
	takenAtMonotonicMs: 0,
	cpuUsageUs: 0,
	throttledPeriods: null,
	throttledUs: null,
	cpuQuotaPercent: null,
	memoryBytes: 4096,
	memoryBytesLimit: null,
	pids: 1,
	pidsLimit: null,
	ioReadBytes: null,
	ioWrittenBytes: null,
	networkReceivedBytes: null,
	networkSentBytes: null,
	cpuPressure: null,
	memoryPressure: null,
	ioPressure: null,
	cpuStallUs: null,
};

function programOf(container: SimContainer): string {
	return container.request.spec.command?.[0] ?? "count";
}

function silentSession() {
	return {
		whole: Promise.resolve(null),
		stdin: new Writable({ write: (_chunk, _encoding, done) => done() }),
		stdout: Readable.from([]),
		stderr: Readable.from([]),
		exit: Promise.resolve(0),
		kill() {},
		resize() {},
	};
}

async function* nothing() {}
