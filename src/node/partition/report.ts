// The stories of all splits, from what each node saw and did. Pure.

import type { SplitAct, SplitRecord } from "./split-log.js";

/** What the nodes that answered know. */
export interface SplitAnswer {
	readonly nodes: readonly { readonly node: string; readonly splits: readonly SplitRecord[] }[];
	readonly missing: readonly { readonly node: string; readonly reason: string }[];
}

export interface SplitStory {
	readonly fromMs: number;
	/** null: it goes on. */
	readonly toMs: number | null;
	/** Who missed whom, and when. */
	readonly missed: readonly {
		readonly by: string;
		readonly node: string;
		readonly fromMs: number;
		readonly toMs: number | null;
	}[];
	readonly containers: readonly {
		readonly container: string;
		readonly acts: readonly (SplitAct & { readonly by: string })[];
	}[];
}

/** Nodes notice a cut some seconds apart. */
const APART_MS = 20_000;

/** Oldest first. Splits of different nodes that overlap in time are one. */
export function storiesOf({ nodes }: SplitAnswer): readonly SplitStory[] {
	const seen = nodes
		.flatMap(({ node, splits }) => splits.map((split) => ({ by: node, split })))
		.sort((a, b) => a.split.beganAtMs - b.split.beganAtMs);
	const groups: { untilMs: number; parts: typeof seen }[] = [];
	for (const one of seen) {
		const endMs = one.split.endedAtMs ?? Number.POSITIVE_INFINITY;
		const last = groups.at(-1);
		if (last !== undefined && one.split.beganAtMs <= last.untilMs + APART_MS) {
			last.parts.push(one);
			last.untilMs = Math.max(last.untilMs, endMs);
		} else groups.push({ untilMs: endMs, parts: [one] });
	}
	return groups.map(({ untilMs, parts }) => storyOf(parts, untilMs));
}

function storyOf(parts: readonly { by: string; split: SplitRecord }[], untilMs: number): SplitStory {
	const acts = parts
		.flatMap(({ by, split }) => split.acts.map((act) => ({ by, ...act })))
		.sort((a, b) => a.timeMs - b.timeMs);
	const containers = [...new Set(acts.map(({ subject }) => subject))].sort();
	return {
		fromMs: Math.min(...parts.map(({ split }) => split.beganAtMs)),
		toMs: untilMs === Number.POSITIVE_INFINITY ? null : untilMs,
		missed: parts.flatMap(({ by, split }) => split.missed.map((one) => ({ by, ...one }))),
		containers: containers.map((container) => ({
			container,
			acts: acts.filter(({ subject }) => subject === container),
		})),
	};
}
