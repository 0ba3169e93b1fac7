// What this node saw and did while it missed others: pure steps over the events that it tells anyway. Must never: read a clock, or
// grow past its bounds.

import type { NodeId, SwarmEvent } from "../../model.js";

export interface SplitRecord {
	readonly beganAtMs: number;
	/** null while somebody is missed. */
	readonly endedAtMs: number | null;
	readonly missed: readonly MissedNode[];
	/** Of this node, also what follows soon after the end: copies that lose are put aside then. */
	readonly acts: readonly SplitAct[];
}

export interface MissedNode {
	/** Its name. */
	readonly node: string;
	readonly fromMs: number;
	readonly toMs: number | null;
}

export interface SplitAct {
	readonly timeMs: number;
	/** Container. */
	readonly subject: string;
	readonly kind: string;
	readonly message: string;
	/** Under this id the losing copy is kept (`swarm partition save`); null for other acts. */
	readonly kept: string | null;
	/** Its directory on this node. */
	readonly path: string | null;
}

export const SPLITS_KEPT_MAX = 16;
export const ACTS_MAX = 400;
const MISSED_MAX = 1_000;
/** Copies that lose a split are noticed and put aside in this time after it. */
const AFTER_MS = 2 * 60_000;

/** The same array when the event tells nothing of a split. */
export function withEvent(splits: readonly SplitRecord[], event: SwarmEvent, self: NodeId): readonly SplitRecord[] {
	const last = splits.at(-1) ?? null;
	if (event.kind === "node.down" && event.node !== self) return withMissed(splits, last, event);
	if (last === null) return splits;
	const rest = splits.slice(0, -1);
	if (["node.alive", "node.left"].includes(event.kind)) {
		if (last.endedAtMs !== null || !last.missed.some(({ node, toMs }) => node === event.subject && toMs === null))
			return splits;
		return [...rest, seenAgain(last, event)];
	}
	const isOver = last.endedAtMs !== null && event.timeMs - last.endedAtMs > AFTER_MS;
	const isAct = event.node === self && event.kind.startsWith("container.");
	if (!isAct || isOver || last.acts.length >= ACTS_MAX) return splits;
	return [...rest, { ...last, acts: [...last.acts, actOf(event)] }];
}

function withMissed(splits: readonly SplitRecord[], last: SplitRecord | null, event: SwarmEvent) {
	const missed: MissedNode = { node: event.subject, fromMs: event.timeMs, toMs: null };
	if (last !== null && last.endedAtMs === null) {
		if (last.missed.length >= MISSED_MAX) return splits;
		return [...splits.slice(0, -1), { ...last, missed: [...last.missed, missed] }];
	}
	const begun: SplitRecord = { beganAtMs: event.timeMs, endedAtMs: null, missed: [missed], acts: [] };
	return [...splits, begun].slice(-SPLITS_KEPT_MAX);
}

function seenAgain(split: SplitRecord, event: SwarmEvent): SplitRecord {
	const missed = split.missed.map((one) =>
		one.node === event.subject && one.toMs === null ? { ...one, toMs: event.timeMs } : one,
	);
	const isOver = missed.every(({ toMs }) => toMs !== null);
	return { ...split, missed, endedAtMs: isOver ? event.timeMs : null };
}

function actOf({ timeMs, subject, kind, message, details }: SwarmEvent): SplitAct {
	const text = (value: unknown) => (typeof value === "string" ? value : null);
	return { timeMs, subject, kind, message, kept: text(details.kept), path: text(details.path) };
}
