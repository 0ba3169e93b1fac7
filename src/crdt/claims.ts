// Which of several claims wins: a total order, so that every node that holds the same claims names the same owner.
// Must never: look at a clock, at liveness or at who asks.

import { createHash } from "node:crypto";
import type { ClaimRecord } from "../model.js";
import { canonicalJson, compareText } from "./canonical.js";
import { compareTimes } from "./hybrid-time.js";

/** Positive when `a` beats `b`: higher epoch, then the larger sha256 of (container, epoch, owner). */
export function compareClaims(a: ClaimRecord, b: ClaimRecord): number {
	if (a.epoch !== b.epoch) return a.epoch - b.epoch;
	if (a.owner !== b.owner) return compareText(rankOf(a), rankOf(b));
	// The same owner by two writers (a hand-over, and the target's own claim): any fixed order will do.
	return (
		compareTimes(a.time, b.time) || compareText(a.writer, b.writer) || compareText(canonicalJson(a), canonicalJson(b))
	);
}

export function betterClaim(a: ClaimRecord, b: ClaimRecord): ClaimRecord {
	return compareClaims(a, b) >= 0 ? a : b;
}

function rankOf(claim: ClaimRecord): string {
	return createHash("sha256").update(`${claim.container}|${claim.epoch}|${claim.owner}`).digest("hex");
}
