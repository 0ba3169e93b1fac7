import { describe, expect, it } from "vitest";
import NodeRtt from "../../../../src/cli/commands/node/rtt.js";
import { fakeDaemon } from "../../fake-daemon.js";
import { runCommand } from "../../run.js";

const answer = {
	rows: [
		{ from: "n1", to: "n2", rttMs: 0.42 },
		{ from: "n2", to: "n1", rttMs: 0.5 },
		{ from: "n1", to: "n3", rttMs: null },
	],
	missing: [{ node: "n3", reason: "it is down" }],
};
const routes = { "GET /v1/rtt": () => answer };

describe("swarm node rtt", () => {
	it("shows a row for who measures and a column for to whom, and who is missing", async () => {
		const daemon = await fakeDaemon(routes);
		const { stdout, stderr } = await runCommand(NodeRtt, "node rtt", ["--state", daemon.stateDirectory]);
		expect(stdout.split("\n").map((line) => line.trim().split(/ {3,}/))).toEqual([
			["FROM", "n1", "n2", "n3"],
			["n1", "-", "0.4 ms", "-"],
			["n2", "0.5 ms", "-", "-"],
			["n3", "-", "-", "-"],
			[""],
		]);
		expect(stderr).toBe("n3 is missing: it is down\n");
	});

	it("gives the pairs as JSON", async () => {
		const daemon = await fakeDaemon(routes);
		const { stdout } = await runCommand(NodeRtt, "node rtt", ["--json", "--state", daemon.stateDirectory]);
		expect(JSON.parse(stdout)).toEqual(answer);
	});
});
