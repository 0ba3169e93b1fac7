import { describe, expect, it } from "vitest";
import Explain from "../../../src/cli/commands/explain.js";
import { schedule } from "../../../src/scheduler/decide.js";
import { node, request } from "../../scheduler/snapshots.js";
import { fakeDaemon } from "../fake-daemon.js";
import { runCommand } from "../run.js";

const nodes = [node("n1"), node("n2", { siblings: 1 }), node("n3", { liveness: "down" })];
const decision = schedule(nodes, request());
const explanation = {
	workload: "web",
	containers: [{ container: "web.0", owner: decision.node, decision }],
	notes: [],
};
const routes = { "GET /v1/workloads/web/explain": () => explanation };

describe("swarm explain", () => {
	it("prints factors with readings and scores, and a reason for every node", async () => {
		const daemon = await fakeDaemon(routes);
		const { stdout } = await runCommand(Explain, "explain", ["web", "--state", daemon.stateDirectory]);
		const printed = stdout.split("\n");
		expect(printed[0]).toBe("web.0 is on n1");
		expect(printed[1]).toMatch(/^FACTOR +WEIGHT +n1 +n2$/);
		expect(stdout).toMatch(/^thermal +3 +40 °C of 100 → 1\.00 +40 °C of 100 → 1\.00$/m);
		expect(stdout).toMatch(/^score +- +0\.\d{3} +0\.\d{3}$/m);
		expect(stdout).toMatch(/^n1 won with .* before n2 .*: spread is .*\.$/m);
		expect(stdout).toMatch(/^n2 lost to n1 .*\.$/m);
		expect(stdout).toMatch(/^n3 was refused: it is down\.$/m);
	});

	it("prints only the reasons when no node is feasible", async () => {
		const none = schedule([node("n3", { liveness: "down" })], request());
		const daemon = await fakeDaemon({
			"GET /v1/workloads/web/explain": () => ({
				workload: "web",
				containers: [{ container: "web.0", owner: null, decision: none }],
				notes: ["web has no majority"],
			}),
		});
		const { stdout } = await runCommand(Explain, "explain", ["web", "--state", daemon.stateDirectory]);
		expect(stdout).toBe("web.0 is on no node\nn3 was refused: it is down.\nweb has no majority\n");
	});

	it("gives the whole matrix as JSON", async () => {
		const daemon = await fakeDaemon(routes);
		const { stdout } = await runCommand(Explain, "explain", ["web", "--json", "--state", daemon.stateDirectory]);
		expect(JSON.parse(stdout)).toEqual(explanation);
	});
});
