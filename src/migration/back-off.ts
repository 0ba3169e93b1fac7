// Pauses between attempts: doubling, with jitter, so that nodes that lost each other do not knock in step. Pure.

import type { Chance } from "../clock.js";

const FIRST_MS = 200;
const MAX_MS = 10_000;

/** `attempt` from 1. */
export function backOffMs(attempt: number, chance: Chance): number {
	const longest = Math.min(MAX_MS, FIRST_MS * 2 ** Math.min(attempt - 1, 10));
	return longest * (0.5 + chance.fraction() / 2);
}
