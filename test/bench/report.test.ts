import { describe, expect, it } from "vitest";
import { boundedRow, comparedRow, fasterRow, median, textOf } from "../../bench/report.js";

describe("what a benchmark reports", () => {
	it("takes the middle, also between two", () => {
		expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5]);
	});

	it("compares medians with the peer's and says whether the goal holds", () => {
		const peer = { name: "crun", values: [10, 12, 11] };
		expect(comparedRow("start", "ms", [5, 6, 7], peer, 0.7)).toEqual({
			what: "start",
			unit: "ms",
			ours: 6,
			peer: "crun",
			theirs: 11,
			ratio: 6 / 11,
			goal: "≤ 0.7 × crun",
			holds: true,
			runs: 3,
		});
		expect(comparedRow("start", "ms", [9, 9, 9], peer, 0.7).holds).toBe(false);
	});

	it("holds a throughput against the least share of the peer's", () => {
		const peer = { name: "plain TCP", values: [800, 1_000, 900] };
		expect(fasterRow("bulk", "MB/s", [600, 630, 700], peer, 0.6)).toMatchObject({
			ratio: 0.7,
			goal: "≥ 0.6 × plain TCP",
			holds: true,
		});
		expect(fasterRow("bulk", "MB/s", [500, 500, 500], peer, 0.6).holds).toBe(false);
	});

	it("has nulls where there is no peer, and a line for people that shows a goal missed", () => {
		const row = boundedRow("idle", "MB", [160, 151, 170], 150);
		expect(row).toMatchObject({ peer: null, theirs: null, ratio: null, holds: false });
		expect(textOf({ bench: "idle", rows: [row] }).split("\n")[1]).toMatch(/^idle +MB +160 +- +- +- +≤ 150 MB +NO +3$/);
	});
});
