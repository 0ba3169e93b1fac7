import { expect, it } from "vitest";
import { momentOf } from "../../src/cli/moment.js";

const NOW_MS = Date.UTC(2026, 0, 31, 12);

it("a moment is a time ago or a date", () => {
	expect(momentOf("--since", "10m", NOW_MS)).toBe(NOW_MS - 600_000);
	expect(momentOf("--since", "1.5h", NOW_MS)).toBe(NOW_MS - 5_400_000);
	expect(momentOf("--since", "2026-01-31T11:59:00Z", NOW_MS)).toBe(NOW_MS - 60_000);
});

it("anything else is refused with what is wanted", () => {
	for (const wrong of ["yesterday", "", "-5m", "2026-13-01", "1 2 3"])
		expect(() => momentOf("--since", wrong, NOW_MS)).toThrow(
			`Cannot read --since: it is "${wrong}", wanted a time ago`,
		);
});
