// A moment as people type it: some time ago, or a date. Pure.

import { SwarmError } from "../errors.js";
import { parseDuration } from "../node/spec/quantities.js";

/** Milliseconds since the Unix epoch of `10m` (ago) or `2026-01-31T12:00:00Z` (without a zone: this machine's own). */
export function momentOf(flag: string, text: string, nowMs: number): number {
	const agoMs = parseDuration(text);
	if (agoMs !== null) return Math.max(0, nowMs - agoMs);
	const ms = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
	if (Number.isFinite(ms) && ms >= 0) return ms;
	const wanted = "a time ago such as 10m or 1.5h, or a time such as 2026-01-31T12:00:00Z";
	throw new SwarmError("usage", `Cannot read ${flag}: it is "${text}", wanted ${wanted}`);
}
