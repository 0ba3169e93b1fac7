import { afterEach, describe, expect, it, vi } from "vitest";
import { jsonWanted, report } from "../../src/cli/failure.js";
import { SwarmError } from "../../src/errors.js";

const context = { command: "ps", argv: [], json: false };

afterEach(() => {
	vi.restoreAllMocks();
});

describe("report", () => {
	it("prints one line on standard error and returns the code's exit code", () => {
		const stderr = vi.spyOn(process.stderr, "write").mockReturnValue(true);
		expect(report(new SwarmError("not-found", "Cannot find web:\nno such workload"), context)).toBe(4);
		expect(stderr.mock.calls).toEqual([["Cannot find web: no such workload\n"]]);
	});

	it("prints the error as JSON on standard output with --json", () => {
		const stdout = vi.spyOn(process.stdout, "write").mockReturnValue(true);
		expect(report(new SwarmError("refused", "no"), { ...context, json: true })).toBe(5);
		expect(JSON.parse(String(stdout.mock.calls[0]?.[0]))).toMatchObject({ error: { code: "refused", message: "no" } });
	});

	it("gives a foreign error a sentence and exit code 1", () => {
		const stderr = vi.spyOn(process.stderr, "write").mockReturnValue(true);
		expect(report(new TypeError("boom"), context)).toBe(1);
		expect(stderr.mock.calls).toEqual([["Cannot run `swarm ps`: boom\n"]]);
	});

	it("looks for --json only before a --", () => {
		expect(jsonWanted(["web", "--json"])).toBe(true);
		expect(jsonWanted(["web", "--", "curl", "--json"])).toBe(false);
	});
});
