// How the command line must say no.

import { expect } from "vitest";
import type { Ran } from "./cluster.js";

/** One line on standard error (a move's progress may stand before it), nothing on standard output. */
export function expectRefusal(ran: Ran, exitCode: number, reason: RegExp): void {
	const lines = ran.stderr.trim().split("\n");
	expect(lines.at(-1)).toMatch(/^Cannot /);
	expect(lines.at(-1)).toMatch(reason);
	expect(lines.filter((line) => /^Cannot |^\s+at |Error:/.test(line))).toHaveLength(1);
	expect({ exitCode: ran.exitCode, stdout: ran.stdout }).toEqual({ exitCode, stdout: "" });
}
