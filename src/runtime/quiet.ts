// Tells work in the background when it is in nobody's way: nothing is being started, and has not been for a moment. Knows nothing of
// what is started or of the work.

import type { Clock } from "../clock.js";

export interface Quiet {
	/** A start is under way until what it gives has settled, or until it says that it is over. */
	during<T>(start: (over: () => void) => Promise<T>): Promise<T>;
	/** Calls once when nothing has been started for so long. Gives the function that cancels it. */
	after(ms: number, act: () => void): () => void;
}

interface Waiting {
	readonly ms: number;
	readonly act: () => void;
	cancelTimer: () => void;
	/** Its time came while something was being started. */
	isDue: boolean;
}

export function createQuiet(clock: Pick<Clock, "after">): Quiet {
	let starts = 0;
	const all = new Set<Waiting>();
	const arm = (waiting: Waiting) => {
		waiting.isDue = false;
		waiting.cancelTimer = clock.after(waiting.ms, () => {
			waiting.isDue = starts > 0;
			if (waiting.isDue) return;
			all.delete(waiting);
			waiting.act();
		});
	};
	const begin = () => {
		let isOver = false;
		starts += 1;
		return () => {
			if (isOver) return;
			isOver = true;
			starts -= 1;
			if (starts === 0) for (const waiting of all) if (waiting.isDue) arm(waiting);
		};
	};
	return {
		during(start) {
			const over = begin();
			return start(over).finally(over);
		},
		after(ms, act) {
			const waiting: Waiting = { ms, act, cancelTimer: () => {}, isDue: false };
			all.add(waiting);
			arm(waiting);
			return () => {
				all.delete(waiting);
				waiting.cancelTimer();
			};
		},
	};
}
