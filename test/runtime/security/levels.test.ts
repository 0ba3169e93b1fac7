import { describe, expect, it } from "vitest";
import { levels } from "../../../src/runtime/security/levels.js";

describe.each(Object.entries(levels))("isolation %s", (_, { maskedPaths, readOnlyPaths }) => {
	it("names every path of the kernel once: what is covered cannot be made read-only any more", () => {
		const paths = [...maskedPaths, ...readOnlyPaths];
		expect(paths.filter((path, index) => paths.indexOf(path) !== index)).toEqual([]);
		for (const path of paths) expect(paths.filter((other) => other.startsWith(`${path}/`))).toEqual([]);
	});
});
