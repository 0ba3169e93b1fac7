// Work that looks at everything a node knows and is asked for at every change: with a thousand containers it would be asked for so
// often that nothing else got its turn. Rests after each time for a multiple of what it took; short work is not held up.

import type { Clock } from "../clock.js";

/** So much longer than it took: at most a fifth of a core. */
const REST_SHARE = 4;
/** Work below this is not worth a rest. */
const TOOK_MS_MIN = 1;
const REST_MS_MAX = 250;

export interface Paced {
	/** Asks for the work; calls until it has begun are one. */
	ask(): void;
	/** No more work begins. */
	stop(): void;
}

/** `soon` begins the work when there is nothing to rest from: in a microtask unless told. */
export function paced(clock: Clock, work: () => void, soon: (begin: () => void) => void = queueMicrotask): Paced {
	let asked = false;
	let stopped = false;
	let restUntilMs = 0;
	let cancel = () => {};
	const begin = () => {
		asked = false;
		if (stopped) return;
		const begunMs = clock.monotonicMs();
		try {
			work();
		} finally {
			const endedMs = clock.monotonicMs();
			const tookMs = endedMs - begunMs;
			restUntilMs = tookMs < TOOK_MS_MIN ? 0 : endedMs + Math.min(REST_MS_MAX, REST_SHARE * tookMs);
		}
	};
	return {
		ask() {
			if (asked || stopped) return;
			asked = true;
			const waitMs = restUntilMs - clock.monotonicMs();
			if (restUntilMs > 0 && waitMs > 0) cancel = clock.after(waitMs, begin);
			else soon(begin);
		},
		stop() {
			stopped = true;
			cancel();
		},
	};
}
