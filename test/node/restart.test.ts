import { describe, expect, it } from "vitest";
import { ORPHANED, type RestartPolicy } from "../../src/model.js";
import {
	type Ending,
	isDue,
	RAN_WELL_MS,
	RESTART_FIRST_MS,
	RESTART_MAX_MS,
	restartAfter,
	restartDelayMs,
} from "../../src/node/restart.js";

const never: RestartPolicy = { when: "never", attemptsMax: null };
const always: RestartPolicy = { when: "always", attemptsMax: null };
const onFailure: RestartPolicy = { when: "on-failure", attemptsMax: 3 };
const first = { restarts: 0, restartsInRow: 0 };

function ended(exitCode: number | null, change: Partial<Ending> = {}): Ending {
	const phase = exitCode === null ? "failed" : "stopped";
	return { phase, exitCode, startedAtMs: 1_000, finishedAtMs: 2_000, error: null, health: null, ...change };
}

describe("a restart policy", () => {
	it("leaves what ended where it is with never, whatever its exit code", () => {
		for (const code of [0, 1, 143]) expect(restartAfter(ended(code), never, first)).toBeNull();
	});
	it("starts again after any end with always, also after a start that failed", () => {
		for (const end of [ended(0), ended(1), ended(127, { phase: "failed", startedAtMs: null })])
			expect(restartAfter(end, always, first)).toMatchObject({ restarts: 1, restartsInRow: 1 });
	});
	it("does not count what its daemon's end kept from running at all, whatever the policy", () => {
		const used = { restarts: 7, restartsInRow: 3 };
		for (const policy of [never, onFailure])
			expect(restartAfter(ended(null, { startedAtMs: null, error: ORPHANED }), policy, used)).toMatchObject(used);
	});
	it("starts again only after a failure with on-failure", () => {
		expect(restartAfter(ended(0), onFailure, first)).toBeNull();
		expect(restartAfter(ended(1), onFailure, first)).not.toBeNull();
	});
	it("gives up after its maximum in a row, and counts anew after a run that went well", () => {
		const used = { restarts: 7, restartsInRow: 3 };
		expect(restartAfter(ended(1), onFailure, used)).toBeNull();
		const well = ended(1, { finishedAtMs: 1_000 + RAN_WELL_MS });
		expect(restartAfter(well, onFailure, used)).toMatchObject({ restarts: 8, restartsInRow: 1 });
	});
	it("starts again what was lost without an exit code under every policy, and waits longer each time", () => {
		for (const policy of [never, always, onFailure])
			expect(restartAfter(ended(null), policy, { restarts: 9, restartsInRow: 4 })).toMatchObject({
				delayMs: 16 * RESTART_FIRST_MS,
				restartsInRow: 5,
			});
	});
	it("takes an unhealthy container for one that failed when it became so", () => {
		const health = { status: "unhealthy", sinceMs: 5_000, reason: "exit code 1" } as const;
		const ill = ended(null, { phase: "running", finishedAtMs: null, health });
		expect(restartAfter(ill, never, first)).toBeNull();
		expect(restartAfter(ill, onFailure, first)).toMatchObject({ atMs: 6_000, restartsInRow: 1 });
		expect(restartAfter({ ...ill, health: { ...health, status: "healthy" } }, always, first)).toBeNull();
	});
	it("says nothing of what has not ended", () => {
		for (const phase of ["running", "created", "stopping"] as const)
			expect(restartAfter(ended(1, { phase }), always, first)).toBeNull();
	});
});

describe("the back-off", () => {
	it("doubles with each restart of a row up to its bound", () => {
		expect([0, 1, 2, 3, 4, 5, 60].map(restartDelayMs)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
		expect(restartDelayMs(Number.MAX_SAFE_INTEGER)).toBe(RESTART_MAX_MS);
	});
	it("is over when its time has come, and when the clock was set back", () => {
		const restart = restartAfter(ended(1), always, { restarts: 2, restartsInRow: 2 });
		if (restart === null) throw new Error("no restart");
		expect(restart.atMs).toBe(2_000 + 4_000);
		expect([2_000, 5_999, 6_000, 1_000].map((nowMs) => isDue(restart, nowMs))).toEqual([false, false, true, true]);
	});
});
