// Whether and when a container that ended is started again without being asked: pure functions of its policy, its claim and its
// end, so that every node says the same of it. Must never read a clock or look at a runtime.

import { type ClaimRecord, type ContainerRecord, ORPHANED, type RestartPolicy } from "../model.js";

/** A run of this length ends a row of restarts: the next one comes after RESTART_FIRST_MS again. */
export const RAN_WELL_MS = 10_000;
/** Between an end and the first restart of a row; doubles with each, up to RESTART_MAX_MS. */
export const RESTART_FIRST_MS = 1_000;
export const RESTART_MAX_MS = 30_000;

/** The exit code that an unhealthy container is treated as if it had ended with. */
const UNHEALTHY_CODE = 1;

/** What is asked of a container's end: its state in the runtime has it, and its record in the view. */
export type Ending = Pick<ContainerRecord, "phase" | "exitCode" | "startedAtMs" | "finishedAtMs" | "error" | "health">;

export interface Restart {
	/** After the end. */
	readonly delayMs: number;
	/** By the clock of the node where it ended. */
	readonly atMs: number;
	/** For the claim of the restart. */
	readonly restarts: number;
	readonly restartsInRow: number;
}

/** The restart that follows an end or an illness; null: there is none, or it stays as it is. */
export function restartAfter(
	given: Ending,
	policy: RestartPolicy,
	claim: Pick<ClaimRecord, "restarts" | "restartsInRow">,
): Restart | null {
	const end = endOf(given);
	if (end === null) return null;
	const inRow = ranWell(end) ? 0 : claim.restartsInRow;
	if (!isLost(end) && !isWanted(end, policy, inRow)) return null;
	const delayMs = restartDelayMs(inRow);
	const atMs = (end.finishedAtMs ?? 0) + delayMs;
	// It has not run: nothing that is to be counted.
	if (isLost(end) && end.error === ORPHANED)
		return { delayMs, atMs, restarts: claim.restarts, restartsInRow: claim.restartsInRow };
	return { delayMs, atMs, restarts: claim.restarts + 1, restartsInRow: inRow + 1 };
}

/** What is unhealthy counts as ended by failure at the moment it became so. */
function endOf(given: Ending): Ending | null {
	if (given.phase === "stopped" || given.phase === "failed") return given;
	if (given.phase !== "running" || given.health?.status !== "unhealthy") return null;
	return { ...given, phase: "stopped", exitCode: UNHEALTHY_CODE, finishedAtMs: given.health.sinceMs };
}

export function restartDelayMs(restartsInRow: number): number {
	return Math.min(RESTART_MAX_MS, RESTART_FIRST_MS * 2 ** Math.min(restartsInRow, 30));
}

/** A clock that was set back since the end makes nobody wait longer than the back-off. */
export function isDue(restart: Restart, nowMs: number): boolean {
	return nowMs >= restart.atMs || nowMs < restart.atMs - restart.delayMs;
}

/**
 * It has no exit code: the machine restarted, its monitor was killed, or the daemon was before it could be started. Nobody
 * wanted it to end.
 */
export function isLost(end: Ending): boolean {
	return end.phase === "failed" && end.exitCode === null;
}

function ranWell({ startedAtMs, finishedAtMs }: Ending): boolean {
	return startedAtMs !== null && finishedAtMs !== null && finishedAtMs - startedAtMs >= RAN_WELL_MS;
}

function isWanted(end: Ending, policy: RestartPolicy, inRow: number): boolean {
	switch (policy.when) {
		case "never":
			return false;
		case "always":
			return true;
		case "on-failure":
			return end.exitCode !== 0 && (policy.attemptsMax === null || inRow < policy.attemptsMax);
	}
}
