// Paces as pure functions of time: how long to wait before the next dial, and how much of a rate is used up.

const BACK_OFF_MS_FIRST = 200;
const BACK_OFF_MS_MAX = 4_000;

/** Doubling from 200 ms to 4 s, between half and all of it. `failures` counts from 0; `fraction` is in [0, 1). */
export function backOffMs(failures: number, fraction: number): number {
	const full = Math.min(BACK_OFF_MS_MAX, BACK_OFF_MS_FIRST * 2 ** Math.min(failures, 10));
	return full * (0.5 + fraction / 2);
}

/** A token bucket: `perSecond` on average, `burst` at once. */
export interface Rate {
	readonly perSecond: number;
	readonly burst: number;
}

export interface RateUse {
	readonly used: number;
	readonly atMs: number;
}

export const unused: RateUse = { used: 0, atMs: 0 };

/** Takes `count`; `waitMs` is how long to pause until the rate is kept again (0: at once). */
export function takeFrom(rate: Rate, use: RateUse, count: number, nowMs: number): { use: RateUse; waitMs: number } {
	const drained = (Math.max(0, nowMs - use.atMs) / 1000) * rate.perSecond;
	const used = Math.max(0, use.used - drained) + count;
	const waitMs = used > rate.burst ? ((used - rate.burst) / rate.perSecond) * 1000 : 0;
	return { use: { used, atMs: nowMs }, waitMs };
}
