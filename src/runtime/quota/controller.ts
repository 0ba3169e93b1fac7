// How much of its CPUs a container gets whose spec chose a mode: a pure function of what was measured and of what it had. Who waits
// for a CPU squeezes those that can wait; what is not squeezed and wants more grows again. Must never count as waiting what a
// container's own quota causes: its throttling would make it look starved, for ever.

import type { ContainerId, CpuMode } from "../../model.js";

export interface ModeRules {
	/** Waiting for a CPU, in microseconds of each second, that is too much. */
	readonly targetUs: number;
	/** Percent of its CPUs. */
	readonly floor: number;
	readonly ceiling: number;
	/** Smaller is more urgent: squeezes the larger ones. */
	readonly rank: number;
	/** Percent points by which it grows at a time. */
	readonly growth: number;
}

export const modeRules: Readonly<Record<CpuMode, ModeRules>> = {
	"low-latency": { targetUs: 100, floor: 50, ceiling: 100, rank: 0, growth: 50 },
	default: { targetUs: 1_000, floor: 10, ceiling: 100, rank: 1, growth: 20 },
	batch: { targetUs: 100_000, floor: 10, ceiling: 50, rank: 2, growth: 10 },
};

/** What a container did between two readings. */
export interface QuotaSample {
	readonly container: ContainerId;
	readonly mode: CpuMode;
	/** CPUs of which it gets a share: its `cpus`, else those it may use. */
	readonly cpus: number;
	readonly elapsedMs: number;
	readonly usageUs: number;
	/** Some task of it was ready and did not run (PSI). */
	readonly stallUs: number;
	/** Of that, what its own quota caused; summed over CPUs, so at least that. */
	readonly throttledUs: number;
}

export interface QuotaState {
	readonly percent: number;
	/** Whether it waited too much for others; from above the target until below half of it. */
	readonly late: boolean;
	/** Since it was squeezed last, or has grown last. */
	readonly calmMs: number;
}

export interface QuotaChange {
	readonly container: ContainerId;
	readonly mode: CpuMode;
	readonly cpus: number;
	readonly before: number;
	readonly after: number;
	/** The one for which it was squeezed; null: it grew. */
	readonly squeezedFor: ContainerId | null;
	/** Of the one that waits, or of itself when it grew. */
	readonly waitUsPerSecond: number;
}

/** Nothing grows before it was left alone for this long after a squeeze. */
export const CALM_MS = 5_000;
/** Held back for a smaller share of the time, it does not want more. */
const WANTS_MORE_SHARE = 0.02;
const SQUEEZE_FACTOR = 0.5;
/** Smaller steps are not worth a write and an event. */
const STEP_PERCENT_LEAST = 5;
/** After it grew, before it grows again. */
const GROWTH_PAUSE_MS = 1_000;

export function firstState(mode: CpuMode, percent: number | null = null): QuotaState {
	const { floor, ceiling } = modeRules[mode];
	return { percent: Math.min(ceiling, Math.max(floor, percent ?? ceiling)), late: false, calmMs: CALM_MS };
}

/** What a container waited for others, in microseconds of each second. */
export function waitUsPerSecond({ stallUs, throttledUs, elapsedMs }: QuotaSample): number {
	return elapsedMs <= 0 ? 0 : (Math.max(0, stallUs - throttledUs) * 1_000) / elapsedMs;
}

/** The next states of those that were sampled, and what changed. A container without a state starts with the most it may have. */
export function nextQuotas(
	states: ReadonlyMap<ContainerId, QuotaState>,
	samples: readonly QuotaSample[],
): { readonly states: ReadonlyMap<ContainerId, QuotaState>; readonly changes: readonly QuotaChange[] } {
	const judged = samples.map((sample) => {
		const state = states.get(sample.container) ?? firstState(sample.mode);
		return { sample, state: { ...state, late: isLate(sample, state.late) } };
	});
	const next = new Map<ContainerId, QuotaState>();
	const changes: QuotaChange[] = [];
	for (const one of judged) {
		const waiting = judged.filter((other) => squeezes(other, one)).map(({ sample }) => sample);
		const { state, squeezedFor } = waiting[0] === undefined ? grown(one) : squeezed(one, waiting[0]);
		next.set(one.sample.container, state);
		if (state.percent === one.state.percent) continue;
		const { container, mode, cpus } = one.sample;
		changes.push({
			...{ container, mode, cpus, before: one.state.percent, after: state.percent, squeezedFor },
			waitUsPerSecond: Math.round(waitUsPerSecond(waiting[0] ?? one.sample)),
		});
	}
	return { states: next, changes };
}

interface Judged {
	readonly sample: QuotaSample;
	readonly state: QuotaState;
}

function isLate(sample: QuotaSample, was: boolean): boolean {
	const { targetUs } = modeRules[sample.mode];
	return waitUsPerSecond(sample) > (was ? targetUs / 2 : targetUs);
}

/** The more urgent squeeze the less urgent; of one mode those that wait squeeze those that do not. */
function squeezes(waiting: Judged, other: Judged): boolean {
	if (waiting === other || !waiting.state.late) return false;
	const [rank, otherRank] = [modeRules[waiting.sample.mode].rank, modeRules[other.sample.mode].rank];
	return rank < otherRank || (rank === otherRank && !other.state.late);
}

/** One that uses no more than it would keep is in nobody's way. */
function squeezed({ sample, state }: Judged, by: QuotaSample) {
	const { floor } = modeRules[sample.mode];
	const calm = { ...state, calmMs: 0 };
	const after = settle(floor, Math.floor(state.percent * SQUEEZE_FACTOR));
	if (usedPercent(sample) <= floor || state.percent <= floor) return { state: calm, squeezedFor: null };
	return { state: { ...calm, percent: after }, squeezedFor: by.container };
}

function grown({ sample, state }: Judged) {
	const { ceiling, growth } = modeRules[sample.mode];
	const calmMs = state.calmMs + sample.elapsedMs;
	const wantsMore = sample.throttledUs > WANTS_MORE_SHARE * sample.elapsedMs * 1_000;
	if (!wantsMore || calmMs < CALM_MS || state.percent >= ceiling)
		return { state: { ...state, calmMs }, squeezedFor: null };
	const percent = Math.min(ceiling, state.percent + growth);
	return { state: { ...state, percent, calmMs: CALM_MS - GROWTH_PAUSE_MS }, squeezedFor: null };
}

/** Down to the floor when less than a step would be left above it. */
function settle(floor: number, percent: number): number {
	return percent < floor + STEP_PERCENT_LEAST ? floor : percent;
}

function usedPercent({ usageUs, elapsedMs, cpus }: QuotaSample): number {
	return elapsedMs <= 0 ? 0 : usageUs / (elapsedMs * 10 * cpus);
}
