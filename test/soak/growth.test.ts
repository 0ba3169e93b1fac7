import { expect, test } from "vitest";
import { growthOf, median } from "./growth.js";

const line = (from: number, perMinute: number) =>
	Array.from({ length: 20 }, (_, minutes) => ({ minutes, bytes: from + perMinute * minutes }));

test("a line has its slope, and the share that it adds until its end", () => {
	expect(growthOf(line(10_000_000, 0))).toEqual({ mbPerHour: 0, share: 0 });
	const { mbPerHour, share } = growthOf(line(19_000_000, 100_000));
	expect(mbPerHour).toBeCloseTo(6);
	expect(share).toBeCloseTo(0.1);
});

test("what goes up and down around a level is flat", () => {
	const points = Array.from({ length: 60 }, (_, minutes) => ({ minutes, bytes: 1e7 + (minutes % 2) * 1e6 }));
	expect(Math.abs(growthOf(points).share)).toBeLessThan(0.01);
	expect(median([5, 1, 3])).toBe(3);
});
