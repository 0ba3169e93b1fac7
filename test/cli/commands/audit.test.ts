import { describe, expect, it } from "vitest";
import Audit from "../../../src/cli/commands/audit.js";
import { fakeDaemon } from "../fake-daemon.js";
import { runCommand } from "../run.js";

const row = {
	timeMs: 0,
	node: "n1",
	number: 7,
	capability: "5f".repeat(16),
	holder: "12D3KooWabcdefghijkl",
	verb: "exec",
	subject: "web.0",
	refusal: "it was revoked",
	count: 3,
};

describe("swarm audit", () => {
	it("shows who asked for what, how often, and why not", async () => {
		const daemon = await fakeDaemon({ "GET /v1/audit": () => [row] });
		const argv = ["--tail", "5", "--capability", "5f", "--state", daemon.stateDirectory];
		const { stdout } = await runCommand(Audit, "audit", argv);
		expect(stdout.split("\n")[1]).toMatch(/^1970\S+ +n1 +5f5f5f5f5f5f +abcdefghijkl +exec +web\.0 +3 +it was revoked$/);
		expect(daemon.asked[0]?.query).toEqual({ tail: "5", capability: "5f" });
		const json = await runCommand(Audit, "audit", ["--json", "--state", daemon.stateDirectory]);
		expect(JSON.parse(json.stdout)).toEqual([row]);
	});
});
