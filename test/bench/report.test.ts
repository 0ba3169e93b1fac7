import { describe, expect, it } from "vitest";
import { boundedRow, comparedRow, median, textOf } from "../../bench/report.js";

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

	it("has nulls where there is no peer, and a line for people that shows a goal missed", () => {
		const row = boundedRow("idle", "MB", [160, 151, 170], 150);
		expect(row).toMatchObject({ peer: null, theirs: null, ratio: null, holds: false });
		expect(textOf({ bench: "idle", rows: [row] }).split("\n")[1]).toMatch(/^idle +MB +160 +- +- +- +≤ 150 MB +NO +3$/);
	});
});
