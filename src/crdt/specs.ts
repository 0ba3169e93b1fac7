// Which of several revisions of a spec wins: highest (revision, time, writer), a total order.
// Must never: treat a tombstone differently from any other revision.

import type { SpecRecord } from "../model.js";
import { canonicalJson, compareText } from "./canonical.js";
import { compareTimes } from "./hybrid-time.js";

/** Positive when `a` beats `b`. */
export function compareSpecs(a: SpecRecord, b: SpecRecord): number {
	return (
		a.revision - b.revision ||
		compareTimes(a.time, b.time) ||
		compareText(a.writer, b.writer) ||
		compareText(canonicalJson(a), canonicalJson(b))
	);
}

export function betterSpec(a: SpecRecord, b: SpecRecord): SpecRecord {
	return compareSpecs(a, b) >= 0 ? a : b;
}

/** Two people revised the same state of a spec at once, and `mine` lost: nobody ever ran it, so its writer says so. */
export function isLostRevision(mine: SpecRecord, winner: SpecRecord): boolean {
	return mine.revision === winner.revision && mine.writer !== winner.writer && compareSpecs(mine, winner) < 0;
}
