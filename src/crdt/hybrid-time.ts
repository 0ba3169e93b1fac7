// Hybrid time: wall clock milliseconds with a counter, so that a later event on one node, or one that saw another, is
// always larger, also when the wall clock jumps back (Kulkarni et al., "Logical Physical Clocks", 2014).
// Must never: be used to measure durations.

import type { Clock } from "../clock.js";
import type { HybridTime } from "../model.js";

export interface HybridClock {
	/** Later than every time given out or observed before. */
	next(): HybridTime;
	/** Takes note of a time seen in a record. */
	observe(time: HybridTime): void;
}

export function compareTimes(a: HybridTime, b: HybridTime): number {
	return a.ms - b.ms || a.logical - b.logical;
}

export function createHybridClock(clock: Clock): HybridClock {
	let latest: HybridTime = { ms: 0, logical: 0 };
	return {
		next() {
			const ms = Math.floor(clock.nowMs());
			latest = ms > latest.ms ? { ms, logical: 0 } : { ms: latest.ms, logical: latest.logical + 1 };
			return latest;
		},
		observe(time) {
			if (compareTimes(time, latest) > 0) latest = time;
		},
	};
}
