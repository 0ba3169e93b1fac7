// One simulated machine: what outlives a daemon (containers with their memory, frozen copies, checkpoint files, epochs, disk) and
// what does not outlive a power cut (memory). Checkers look at it directly, never through a daemon.

import type { ContainerId, NodeId } from "../../../src/model.js";
import { hasEnded, nextStep } from "../../../src/runtime/life-cycle.js";
import type { ContainerState, CreateRequest } from "../../../src/runtime/runtime.js";
import type { VolumeState } from "../../../src/runtime/volumes/volumes.js";
import type { SimChance } from "./sim-chance.js";
import { createSimDisk, type SimDisk } from "./sim-disk.js";
import { START_MS, type Timeline } from "./timeline.js";

/** A workload counts once in this time while it runs: its memory. */
export const COUNT_MS = 10;

/** A process tree with a counter in its memory. */
export interface SimContainer {
	readonly request: CreateRequest;
	state: ContainerState;
	/** Counted before it last began to run. */
	counted: number;
	/** null while it does not execute. */
	runsSinceMs: number | null;
	/** Which run of the workload this is: rises with every fresh start, moves with a checkpoint. */
	life: number;
	/** How often the workload was started over these files. */
	starts: number;
	/** May run until then, by the machine's guard clock; null: it needs no lease. */
	leasedUntilMs: number | null;
	/** A copy that was restored or dumped has no processes after a power cut, but its files are there. */
	hasProcesses: boolean;
}

/** What CRIU would write. */
export interface CheckpointImage {
	readonly container: ContainerId;
	readonly epoch: number;
	readonly counted: number;
	readonly life: number;
}

export interface SimMachine {
	readonly node: NodeId;
	readonly disk: SimDisk;
	/** What it promised as a voter. */
	readonly promises: SimDisk;
	readonly containers: Map<ContainerId, SimContainer>;
	/** Named volumes; they survive everything. */
	readonly volumes: Map<string, VolumeState>;
	/** Highest epochs of removed containers. */
	readonly fences: Map<ContainerId, number>;
	/** Checkpoint images by directory; null for one without. */
	readonly files: Map<string, CheckpointImage | null>;
	/** Entries of the move journal by move; null: forgotten. What was not written durably can be lost. */
	readonly moves: Map<string, { readonly text: string | null; readonly durableText: string | null }>;
	/** Called when a container begins to execute, or goes on. */
	onRun: (container: SimContainer) => void;
	isPowered: boolean;
	/** The guard's clock: goes on while daemons stand still, and at a rate of its own. */
	guardNowMs(): number;
	/** Lets it run until then, and freezes it at that time. */
	extendLease(container: SimContainer, untilMs: number): void;
	/** Probability that an operation of the runtime fails. */
	faultRate: number;
	/** Tells the runtime of the daemon that runs now of a change that nobody asked for. */
	announce: (state: ContainerState) => void;
	counterOf(container: ContainerId): number | null;
	/** Containers that execute instructions at this moment. */
	running(): readonly SimContainer[];
	/** Power loss. The daemon must be killed with it. */
	cutPower(): void;
	restorePower(): void;
	/** A number for a fresh start of a workload, never used before in this world. */
	nextLife(): number;
}

export function createSimMachine(
	node: NodeId,
	timeline: Timeline,
	chance: SimChance,
	nextLife: () => number,
	guard: SimGuard,
): SimMachine {
	const containers = new Map<ContainerId, SimContainer>();
	const guardNowMs = () => (timeline.nowMs() - START_MS) * guard.rate;

	const freeze = (container: SimContainer) => {
		if (mayRun(container, guardNowMs()) || container.runsSinceMs === null) return;
		halt(container, timeline.nowMs());
		const step = nextStep(container.state.phase, "lease-ended");
		if (step === null) return;
		container.state = { ...container.state, phase: step.phase };
		machine.announce(container.state);
	};
	const machine: SimMachine = {
		node,
		disk: createSimDisk(timeline, chance.split("disk")),
		promises: createSimDisk(timeline, chance.split("promises")),
		containers,
		volumes: new Map(),
		fences: new Map(),
		files: new Map(),
		moves: new Map(),
		onRun: () => {},
		isPowered: true,
		guardNowMs,
		extendLease(container, untilMs) {
			if (container.leasedUntilMs === null || untilMs <= container.leasedUntilMs) return;
			container.leasedUntilMs = untilMs;
			const inMs = (untilMs - guardNowMs()) / guard.rate + guard.lateMs;
			timeline.after(inMs, () => machine.isPowered && freeze(container));
		},
		faultRate: 0,
		announce: () => {},
		nextLife,
		counterOf(container) {
			const found = containers.get(container);
			return found === undefined ? null : countOf(found, timeline.nowMs());
		},
		running: () => (machine.isPowered ? [...containers.values()].filter((one) => one.runsSinceMs !== null) : []),
		cutPower() {
			machine.isPowered = false;
			machine.disk.crashMachine();
			machine.promises.crashMachine();
			for (const container of containers.values()) loseProcesses(container);
			for (const [move, { durableText }] of machine.moves) {
				if (chance.happens(0.5)) machine.moves.set(move, { text: durableText, durableText });
			}
		},
		restorePower() {
			machine.isPowered = true;
			for (const container of containers.values()) {
				// Half of a move and without processes: thrown away, as by the runtime's adoption.
				if (container.state.phase === "restoring" && !container.hasProcesses)
					containers.delete(container.state.container);
				else markLost(container, timeline.nowMs());
			}
		},
	};
	return machine;
}

/** Monitors of one machine. */
export interface SimGuard {
	/** 1.01 runs one percent fast. */
	readonly rate: number;
	/** How late it freezes; Infinity: never. */
	readonly lateMs: number;
}

/** Whether its monitor would let it run. */
export function mayRun(container: SimContainer, guardNowMs: number): boolean {
	return container.leasedUntilMs === null || guardNowMs < container.leasedUntilMs;
}

export function countOf(container: SimContainer, nowMs: number): number {
	const { counted, runsSinceMs } = container;
	return runsSinceMs === null ? counted : counted + Math.floor((nowMs - runsSinceMs) / COUNT_MS);
}

/** Stops executing; what was counted stays in memory. */
export function halt(container: SimContainer, nowMs: number): void {
	container.counted = countOf(container, nowMs);
	container.runsSinceMs = null;
}

function loseProcesses(container: SimContainer): void {
	container.runsSinceMs = null;
	container.counted = 0;
	container.hasProcesses = false;
	if (container.leasedUntilMs !== null) container.leasedUntilMs = 0;
}

/** What adoption finds after a power cut (runtime/adoption.ts): no monitor and no exit record. */
function markLost(container: SimContainer, nowMs: number): void {
	const { phase } = container.state;
	if (hasEnded(phase) || container.hasProcesses) return;
	const error = "the machine restarted while it ran";
	container.state = { ...container.state, phase: "failed", finishedAtMs: nowMs, error };
}
