import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { containerIdOf } from "../../../src/model.js";
import { openIdRanges } from "../../../src/runtime/security/id-ranges.js";

const [a, b, c] = [0, 1, 2].map((index) => containerIdOf("web", index)) as [
	ReturnType<typeof containerIdOf>,
	ReturnType<typeof containerIdOf>,
	ReturnType<typeof containerIdOf>,
];

function place(): string {
	const path = mkdtempSync(join(tmpdir(), "swarm-ids-"));
	onTestFinished(() => rmSync(path, { recursive: true, force: true }));
	return join(path, "ids");
}

describe("ranges of user ids", () => {
	it("gives every container one of its own, also those of other daemons, and the same one again", () => {
		const directory = place();
		const one = openIdRanges(directory, "n1");
		const other = openIdRanges(directory, "n2");
		const firsts = [one.take(a), other.take(a), one.take(b)];
		expect(new Set(firsts).size).toBe(3);
		expect(firsts.every((first) => first >= 0x70000000 && first % 0x10000 === 0)).toBe(true);
		expect(one.take(a)).toBe(firsts[0]);
	});

	it("gives a released one again only when it has come round", () => {
		const ranges = openIdRanges(place(), "n1", 2);
		const first = ranges.take(a);
		ranges.release(a);
		ranges.release(a);
		expect(ranges.take(b)).not.toBe(first);
		expect(ranges.take(c)).toBe(first);
	});

	it("is known to the next daemon, which releases what is gone and leaves alone what is another's", () => {
		const directory = place();
		const before = openIdRanges(directory, "n1");
		const [first, second] = [before.take(a), before.take(b)];
		const others = openIdRanges(directory, "n2").take(a);
		const after = openIdRanges(directory, "n1");
		after.keepOnly([a]);
		expect(after.take(a)).toBe(first);
		expect(readdirSync(directory)).toHaveLength(2);
		expect(after.take(c)).toBe(second);
		expect([first, second]).not.toContain(others);
	});

	it("says so when none is left", () => {
		const directory = place();
		const ranges = openIdRanges(directory, "n1", 3);
		ranges.take(b);
		ranges.take(c);
		openIdRanges(directory, "n2").take(b);
		expect(() => ranges.take(a)).toThrow(/all 3 ranges of user ids are taken/);
	});
});
