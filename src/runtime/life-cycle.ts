// The life of a container as one table: phase × event → next phase and effects. Pure: it must never touch a process, a
// file or a clock. Every pair that is not in the table is a SwarmError `conflict` that names the phases that would do.

import { SwarmError } from "../errors.js";
import type { ContainerId, Phase } from "../model.js";

/** Wishes (`start`, `pause`, …) and facts (`running`, `exited`, …) that move a container on. */
export type LifeEvent =
	| "start"
	| "running" // the monitor says that the first instruction ran
	| "start-failed"
	| "pause"
	| "frozen"
	| "pause-failed"
	| "resume"
	| "thawed"
	| "resume-failed"
	| "lease-ended" // its monitor froze it
	| "stop"
	| "exited" // the monitor has an exit record
	| "lost" // the monitor is gone without an exit record
	| "checkpoint"
	| "checkpoint-failed"
	| "thaw" // rollback of a move
	| "release" // the restored copy may run
	| "release-failed"
	| "reset";

/** What the runtime must do on entering the next phase, in this order. */
export type LifeEffect =
	| "start" // tell the monitor to let the first instruction run
	| "freeze"
	| "thaw"
	| "terminate" // stop signal, grace, SIGKILL
	| "kill" // SIGKILL at once: no instruction of the workload has run
	| "rebuild" // processes, cgroups and network anew over the same files
	| "reap"; // no monitor watches any more: end what is left in the cgroup

export interface LifeStep {
	readonly phase: Phase;
	readonly effects: readonly LifeEffect[];
}

type Row = Partial<Record<LifeEvent, LifeStep>>;

const ends: Row = { exited: to("stopped"), lost: to("failed", "reap") };
const failsToBegin: Row = { exited: to("failed"), lost: to("failed", "reap") };

const table: Readonly<Record<Phase, Row>> = {
	// `running` without a start: a daemon that was killed in between had asked for it.
	created: { ...failsToBegin, start: to("starting", "start"), stop: to("stopping", "kill"), running: to("running") },
	starting: { ...failsToBegin, running: to("running"), "start-failed": to("failed", "reap") },
	running: {
		...ends,
		pause: to("pausing", "freeze"),
		stop: to("stopping", "terminate"),
		checkpoint: to("checkpointing", "freeze"),
		"lease-ended": to("paused"),
		// Asked again after it was done: a rollback is idempotent.
		thaw: to("running"),
	},
	pausing: { ...ends, frozen: to("paused"), "pause-failed": to("running", "thaw") },
	paused: { ...ends, resume: to("resuming", "thaw"), stop: to("stopping", "terminate") },
	resuming: { ...ends, thawed: to("running"), "resume-failed": to("paused") },
	checkpointing: { ...ends, thaw: to("running", "thaw"), "checkpoint-failed": to("running", "thaw") },
	restoring: {
		...failsToBegin,
		release: to("starting", "thaw"),
		"release-failed": to("failed", "reap"),
		// Released by a daemon that did not live to write it down.
		running: to("running"),
	},
	// A stop that was given up leaves `stopping`; asking again goes on.
	stopping: { ...ends, stop: to("stopping", "terminate") },
	stopped: { stop: to("stopped"), reset: to("created", "rebuild") },
	failed: { stop: to("failed"), reset: to("created", "rebuild") },
};

/** Next phase and effects, or null when the table has no such pair. */
export function nextStep(phase: Phase, event: LifeEvent): LifeStep | null {
	return table[phase][event] ?? null;
}

/** Like nextStep; throws `conflict` for a pair that is not in the table. */
export function stepOf(container: ContainerId, phase: Phase, event: LifeEvent): LifeStep {
	const step = nextStep(phase, event);
	if (step !== null) return step;
	const wanted = phasesThatTake(event);
	throw new SwarmError("conflict", `Cannot ${event} ${container}: it is ${phase}, wanted ${wanted.join(" or ")}`, {
		details: { container, phase, event, wanted },
	});
}

export function phasesThatTake(event: LifeEvent): readonly Phase[] {
	return (Object.keys(table) as Phase[]).filter((phase) => table[phase][event] !== undefined);
}

/** Whether the container has ended: no process of it runs or will run in this epoch. */
export function hasEnded(phase: Phase): boolean {
	return phase === "stopped" || phase === "failed";
}

function to(phase: Phase, ...effects: LifeEffect[]): LifeStep {
	return { phase, effects };
}
