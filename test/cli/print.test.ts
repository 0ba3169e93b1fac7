import { describe, expect, it } from "vitest";
import { agoInWords, durationInWords, fields, oneLine, printable, table } from "../../src/cli/print.js";

describe("print", () => {
	it("aligns columns, shows what is absent as - and leaves no blanks at the end", () => {
		expect(
			table(
				["A", "LONG"],
				[
					["abc", null],
					["d", "e"],
				],
			),
		).toBe("A     LONG\nabc   -\nd     e\n");
	});

	it("prints only the header for no rows", () => {
		expect(table(["A", "B"], [])).toBe("A   B\n");
	});

	it("never passes on escape sequences or line feeds of others", () => {
		expect(table(["A"], [["x\u001b[2J\ny"]])).toBe("A\nx?[2J?y\n");
		expect(fields([["name", "a\u0007b"]])).toBe("name: a?b\n");
		expect(printable("a\u009bb")).toBe("a?b");
		expect(oneLine(" a\n\tb\u001b ")).toBe("a b?");
	});

	it.each([
		[0, "0 ms"],
		[999, "999 ms"],
		[1200, "1.2 s"],
		[61_000, "1 min"],
		[3 * 3_600_000, "3 h"],
		[50 * 3_600_000, "2 d"],
	])("says %d ms as %s", (ms, words) => {
		expect(durationInWords(ms)).toBe(words);
	});

	it("never says that something started in the future", () => {
		expect(agoInWords(2000, 1000)).toBe("0 ms");
	});
});
