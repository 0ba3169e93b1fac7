import { describe, expect, it } from "vitest";
import { firstHealth, type HealthCount, healthAfter, nextCheckMs } from "../../../src/node/health/step.js";

const check = {
	probe: { kind: "tcp", port: 80 },
	intervalMs: 10_000,
	timeoutMs: 1_000,
	retries: 3,
	startPeriodMs: 30_000,
} as const;
const at = (nowMs: number) => ({ nowMs, runsForMs: nowMs });
const failed = (before: HealthCount, nowMs: number) => healthAfter(before, "refused", check, at(nowMs));
const passed = (before: HealthCount, nowMs: number) => healthAfter(before, null, check, at(nowMs));

describe("a container's health", () => {
	it("is starting until the first success, whatever fails in the start period", () => {
		let count = firstHealth(0);
		for (const nowMs of [1_000, 2_000, 3_000, 4_000]) count = failed(count, nowMs);
		expect(count).toEqual({ health: { status: "starting", sinceMs: 0, reason: null }, failuresInRow: 0 });
		expect(passed(count, 5_000).health).toEqual({ status: "healthy", sinceMs: 5_000, reason: null });
	});
	it("is unhealthy after as many failures in a row as it may have, and healthy after one success", () => {
		let count = passed(firstHealth(0), 1_000);
		count = failed(failed(count, 2_000), 3_000);
		count = failed(failed(passed(count, 4_000), 5_000), 6_000);
		expect(count.health.status).toBe("healthy");
		count = failed(count, 7_000);
		expect(count.health).toEqual({ status: "unhealthy", sinceMs: 7_000, reason: "refused" });
		expect(failed(count, 8_000).health).toBe(count.health);
		expect(passed(count, 9_000).health).toEqual({ status: "healthy", sinceMs: 9_000, reason: null });
	});
	it("counts failures after the start period although it never passed", () => {
		let count = firstHealth(0);
		for (const nowMs of [30_000, 31_000, 32_000]) count = failed(count, nowMs);
		expect(count.health.status).toBe("unhealthy");
	});
	it("keeps a reason short and on one line", () => {
		const { health } = healthAfter(firstHealth(0), `a\n\n b${"x".repeat(500)}`, { ...check, retries: 1 }, at(40_000));
		expect(health.reason).toMatch(/^a bx{100,}…$/);
		expect(health.reason?.length).toBe(200);
	});
	it("is asked every second in the start period, else in its interval", () => {
		const starting = firstHealth(0);
		expect([0, 29_999, 30_000].map((runsForMs) => nextCheckMs(starting, check, runsForMs))).toEqual([
			1_000, 1_000, 10_000,
		]);
		expect(nextCheckMs(passed(starting, 1), check, 1)).toBe(10_000);
		expect(nextCheckMs(starting, { ...check, intervalMs: 200 }, 1)).toBe(200);
	});
});
