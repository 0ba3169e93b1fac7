import { expect, it } from "vitest";
import { silentLogger } from "../../src/log.js";
import type { Native } from "../../src/native/native.js";
import { ExecServer } from "../../src/runtime/exec-server.js";

const nobody = { native: {} as Native, initPath: "", stderrPath: "", logger: silentLogger };

it("expects a further command of a container after the second in a short time", () => {
	const server = new ExecServer(nobody);
	expect(server.isBurst("/web", 0)).toBe(false);
	expect(server.isBurst("/db", 10)).toBe(false);
	expect(server.isBurst("/web", 900)).toBe(true);
	expect(server.isBurst("/web", 1_901)).toBe(false);
	expect(server.isBurst("/web", 2_000)).toBe(true);
});

it("remembers the containers of the last commands only", () => {
	const server = new ExecServer(nobody);
	for (let count = 0; count < 100; count++) server.isBurst(`/c${count}`, 0);
	expect(server.isBurst("/c99", 1)).toBe(true);
	expect(server.isBurst("/c0", 1)).toBe(false);
});
