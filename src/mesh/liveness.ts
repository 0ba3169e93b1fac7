// Who is alive: pure functions of heartbeats and time. Every node counts its own heartbeats (incarnation, sequence) and
// tells with each one how far it has heard the others count, so news of a node also comes through third parties and a
// single cut link does not make anybody look dead (van Renesse, Minsky, Hayden: "A Gossip-Style Failure Detection
// Service", 1998). Only the node itself can count higher, so rumours cannot keep a dead node alive.
// How long silence must last adapts to the rhythm seen (Hayashibara et al.: "The φ Accrual Failure Detector", 2004).
// Must never: read a clock; decide who may own an exclusive container.
//
// All times are milliseconds of one observer's awake time (awake-clock.ts), so that its own stalls count for nothing.

import type { Liveness } from "../model.js";

export const HEARTBEAT_MS = 1_000;
/** Silence that makes a node suspect at the earliest, and at the latest however uneven its rhythm was. */
export const SUSPECT_MS_MIN = 3_000;
export const SUSPECT_MS_MAX = 10_000;
/** The same for down. */
export const DOWN_MS_MIN = 7_000;
export const DOWN_MS_MAX = 20_000;
/** Suspicion φ: the silence has a chance of 10^-φ. */
const PHI_SUSPECT = 8;
const PHI_DOWN = 12;
/** Spread is never taken for less: networks and schedulers jitter. */
const DEVIATION_MS_MIN = 250;
const INTERVALS_KEPT = 32;

/** How far a node has counted, as heard from itself or from others. */
export interface Count {
	/** Rises at every start of the node, and when it refutes what is said about it. */
	readonly incarnation: number;
	readonly sequence: number;
	/** The node said that it leaves the cluster. */
	readonly left: boolean;
}

/** What one observer knows about one node. */
export interface Life {
	/** null before the first news. */
	readonly count: Count | null;
	/** When news came last; before the first, when watching began. */
	readonly newsAtMs: number;
	/** Between news of one incarnation, oldest first. */
	readonly intervalsMs: readonly number[];
}

/** A node of which nothing was heard yet. */
export function watched(nowMs: number): Life {
	return { count: null, newsAtMs: nowMs, intervalsMs: [] };
}

/** Whether `next` tells more than `known`. */
export function isNews(known: Count | null, next: Count): boolean {
	if (known === null || next.incarnation !== known.incarnation) return next.incarnation > (known?.incarnation ?? -1);
	return next.sequence > known.sequence || (next.left && !known.left);
}

/** Takes a count, direct or through others; old news changes nothing. */
export function heard(life: Life, next: Count, nowMs: number): Life {
	if (!isNews(life.count, next)) return life;
	const known = life.count;
	const same = known !== null && known.incarnation === next.incarnation;
	const intervalMs = nowMs - life.newsAtMs;
	// A gap that ended in "down" was an outage, not a rhythm.
	const regular = same && intervalMs < DOWN_MS_MIN;
	const intervalsMs = regular ? [...life.intervalsMs, intervalMs].slice(-INTERVALS_KEPT) : same ? life.intervalsMs : [];
	// Who left stays left until a new start.
	const left = next.left || (same && known.left);
	return {
		count: { ...next, left, sequence: same ? Math.max(known.sequence, next.sequence) : next.sequence },
		newsAtMs: nowMs,
		intervalsMs,
	};
}

export function livenessOf(life: Life, nowMs: number): Liveness {
	if (life.count?.left) return "left";
	const silentMs = nowMs - life.newsAtMs;
	const phi = suspicion(life.intervalsMs, silentMs);
	if (silentMs >= DOWN_MS_MAX || (silentMs >= DOWN_MS_MIN && phi >= PHI_DOWN)) return "down";
	if (silentMs >= SUSPECT_MS_MAX || (silentMs >= SUSPECT_MS_MIN && phi >= PHI_SUSPECT)) return "suspect";
	// Never heard: not known to live, and not yet known to be down.
	return life.count === null ? "suspect" : "alive";
}

/** φ of a silence: −log10 of the chance that news still comes, for normally distributed intervals. */
export function suspicion(intervalsMs: readonly number[], silentMs: number): number {
	const { meanMs, deviationMs } = rhythm(intervalsMs);
	const y = (silentMs - meanMs) / deviationMs;
	// Logistic approximation of the normal distribution's tail, as in Akka's failure detector; exact enough for y > -5.
	const e = Math.exp(-y * (1.5976 + 0.070566 * y * y));
	return silentMs > meanMs ? -Math.log10(e / (1 + e)) : -Math.log10(1 - 1 / (1 + e));
}

/** What a node must do about what others say of it: the incarnation to go on with. */
export function refuted(own: Count, reported: Count): number {
	const ahead = reported.incarnation > own.incarnation;
	const same = reported.incarnation === own.incarnation;
	const wrong = same && (reported.sequence > own.sequence || (reported.left && !own.left));
	return ahead || wrong ? reported.incarnation + 1 : own.incarnation;
}

function rhythm(intervalsMs: readonly number[]): { meanMs: number; deviationMs: number } {
	if (intervalsMs.length === 0) return { meanMs: HEARTBEAT_MS, deviationMs: DEVIATION_MS_MIN };
	const meanMs = intervalsMs.reduce((sum, each) => sum + each, 0) / intervalsMs.length;
	const variance = intervalsMs.reduce((sum, each) => sum + (each - meanMs) ** 2, 0) / intervalsMs.length;
	return { meanMs: Math.max(meanMs, HEARTBEAT_MS), deviationMs: Math.max(Math.sqrt(variance), DEVIATION_MS_MIN) };
}
