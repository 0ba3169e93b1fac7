// One life of a daemon in the simulated world. When it ends, everything it was waiting for stays unanswered for ever, as for a
// killed process: its timers are gone, its promises hang, its calls do nothing.

import type { Clock } from "../../../src/clock.js";
import type { Timeline } from "./timeline.js";

export interface SimProcess {
	readonly clock: Clock;
	isAlive(): boolean;
	/** SIGKILL: no clean-up runs. */
	kill(): void;
	/** Runs when the process is killed. */
	onKill(callback: () => void): void;
	/** The outcome of `work` while alive; afterwards a promise that never settles. */
	answer<T>(work: Promise<T>): Promise<T>;
	/** Stops the process' clock (SIGSTOP, a starved machine) for `durationMs`. */
	pause(durationMs: number): void;
	isPaused(): boolean;
}

export interface ClockFault {
	/** Wall clock is off by this much. */
	readonly offsetMs: number;
	/** 1.01 runs one percent fast. */
	readonly rate: number;
}

export function createSimProcess(timeline: Timeline, fault: ClockFault): SimProcess {
	let alive = true;
	let pausedUntilMs = 0;
	const startedAtMs = timeline.nowMs();
	const killed: (() => void)[] = [];
	const monotonicMs = () => (timeline.nowMs() - startedAtMs) * fault.rate;

	const after = (delayMs: number, callback: () => void) => {
		let cancel = () => {};
		const run = () => {
			if (!alive) return;
			const waitMs = pausedUntilMs - timeline.nowMs();
			if (waitMs > 0) cancel = timeline.after(waitMs, run);
			else callback();
		};
		if (alive) cancel = timeline.after(delayMs / fault.rate, run);
		return () => cancel();
	};

	const clock: Clock = {
		nowMs: () => Math.floor(startedAtMs + monotonicMs() + fault.offsetMs),
		monotonicMs,
		after,
		sleep(delayMs, signal) {
			return new Promise((resolve, reject) => {
				if (signal.aborted) return reject(signal.reason);
				const onAbort = () => {
					cancel();
					reject(signal.reason);
				};
				const cancel = after(delayMs, () => {
					signal.removeEventListener("abort", onAbort);
					resolve();
				});
				signal.addEventListener("abort", onAbort, { once: true });
			});
		},
	};

	return {
		clock,
		isAlive: () => alive,
		kill() {
			alive = false;
			for (const callback of killed.splice(0)) callback();
		},
		onKill: (callback) => void killed.push(callback),
		answer(work) {
			return new Promise((resolve, reject) => {
				work.then(
					(value) => alive && resolve(value),
					(thrown) => alive && reject(thrown),
				);
			});
		},
		isPaused: () => pausedUntilMs > timeline.nowMs(),
		pause(durationMs) {
			pausedUntilMs = Math.max(pausedUntilMs, timeline.nowMs() + durationMs);
		},
	};
}
