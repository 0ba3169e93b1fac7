import { readFileSync, statSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { standardProfile } from "../../../src/runtime/seccomp/profiles.js";
import { openSeccompPrograms } from "../../../src/runtime/seccomp/programs.js";
import { temporaryDirectory } from "../../support/temporary.js";

test("a program that a power cut left without its bytes is made anew", async () => {
	const directory = await temporaryDirectory();
	const path = openSeccompPrograms(directory).pathOf(standardProfile);
	const whole = readFileSync(path);
	for (const left of [0, 12]) {
		writeFileSync(path, whole.subarray(0, left));
		expect(openSeccompPrograms(directory).pathOf(standardProfile)).toBe(path);
		expect(readFileSync(path)).toEqual(whole);
	}
});

test("a program that is there is not written again", async () => {
	const directory = await temporaryDirectory();
	const programs = openSeccompPrograms(directory);
	const before = statSync(programs.pathOf(standardProfile));
	expect(statSync(programs.pathOf(standardProfile)).ino).toBe(before.ino);
});
