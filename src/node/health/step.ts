// What one more answer makes of a container's health: pure, so that a table can be tested. Must never read a clock.

import type { ContainerHealth, HealthCheck } from "../../model.js";

/** Between two checks while the container is still in its start period, so that it counts as healthy soon. */
export const START_INTERVAL_MS = 1_000;
/** Of a reason; records travel to every node. */
const REASON_CHARACTERS_MAX = 200;

export interface HealthCount {
	readonly health: ContainerHealth;
	readonly failuresInRow: number;
}

export function firstHealth(nowMs: number): HealthCount {
	return { health: { status: "starting", sinceMs: nowMs, reason: null }, failuresInRow: 0 };
}

/** `failure` null: the check passed; else why not. `runsForMs`: since the container's start. */
export function healthAfter(
	before: HealthCount,
	failure: string | null,
	check: Pick<HealthCheck, "retries" | "startPeriodMs">,
	{ nowMs, runsForMs }: { readonly nowMs: number; readonly runsForMs: number },
): HealthCount {
	const { health } = before;
	if (failure === null) return { health: changed(health, "healthy", null, nowMs), failuresInRow: 0 };
	if (health.status === "starting" && runsForMs < check.startPeriodMs) return before;
	const failuresInRow = before.failuresInRow + 1;
	if (failuresInRow < check.retries) return { health, failuresInRow };
	return { health: changed(health, "unhealthy", shortened(failure), nowMs), failuresInRow };
}

export function nextCheckMs({ health }: HealthCount, check: HealthCheck, runsForMs: number): number {
	const startsUp = health.status === "starting" && runsForMs < check.startPeriodMs;
	return startsUp ? Math.min(START_INTERVAL_MS, check.intervalMs) : check.intervalMs;
}

/** The same object while the status stays: nothing is written then. */
function changed(
	health: ContainerHealth,
	status: ContainerHealth["status"],
	reason: string | null,
	nowMs: number,
): ContainerHealth {
	return health.status === status ? health : { status, sinceMs: nowMs, reason };
}

function shortened(reason: string): string {
	const line = reason.replace(/\s+/g, " ").trim();
	return line.length <= REASON_CHARACTERS_MAX ? line : `${line.slice(0, REASON_CHARACTERS_MAX - 1)}…`;
}
