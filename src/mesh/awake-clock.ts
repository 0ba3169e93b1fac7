// Time during which this process was really running. When the event loop stalls (a busy machine, a stopped process),
// silence of others proves nothing: a tick that comes late counts for no more than AWAKE_STEP_MS_MAX.

export const AWAKE_STEP_MS_MAX = 1_000;

export interface AwakeTime {
	/** Milliseconds awake since the first tick. */
	readonly awakeMs: number;
	readonly tickedAtMs: number | null;
}

export const notYetAwake: AwakeTime = { awakeMs: 0, tickedAtMs: null };

/** `monotonicMs` never goes back. */
export function tick(time: AwakeTime, monotonicMs: number): AwakeTime {
	const stepMs = time.tickedAtMs === null ? 0 : Math.max(0, monotonicMs - time.tickedAtMs);
	return { awakeMs: time.awakeMs + Math.min(stepMs, AWAKE_STEP_MS_MAX), tickedAtMs: monotonicMs };
}
