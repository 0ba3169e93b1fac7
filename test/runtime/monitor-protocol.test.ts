import { describe, expect, it } from "vitest";
import { decodeExit, decodeMessage } from "../../src/runtime/monitor-protocol.js";

describe("monitor protocol", () => {
	it("reads every line of the table", () => {
		expect(decodeMessage("state created 41")).toEqual({ kind: "created", pid: 41 });
		expect(decodeMessage("state running 41")).toEqual({ kind: "running", pid: 41 });
		expect(decodeMessage("ok start")).toEqual({ kind: "ok", command: "start" });
		expect(decodeMessage("error start no such file")).toEqual({
			kind: "error",
			command: "start",
			text: "no such file",
		});
		expect(decodeMessage("state exited 0 0 0 1700000000000")).toMatchObject({ kind: "exited", exit: { exitCode: 0 } });
	});

	it("reads an end by a signal as 128 and the signal", () => {
		expect(decodeExit("0 9 1 1700000000000\n")).toEqual({
			exitCode: 137,
			oomKilled: true,
			finishedAtMs: 1_700_000_000_000,
			reason: null,
		});
	});

	it("keeps the reason of a workload that never ran", () => {
		expect(decodeExit("127 0 0 5 /bin/none: not found\n")).toMatchObject({
			exitCode: 127,
			reason: "/bin/none: not found",
		});
	});

	it("takes nothing else for a message", () => {
		for (const line of [
			"",
			"state",
			"state running",
			"state running x",
			"state running -1",
			"state exited 1",
			"hello 1",
		])
			expect(decodeMessage(line), line).toBeNull();
		expect(decodeExit("")).toBeNull();
		expect(decodeExit("1 2")).toBeNull();
	});
});
