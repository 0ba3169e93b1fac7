import { describe, expect, it } from "vitest";
import NodeLs from "../../../../src/cli/commands/node/ls.js";
import { fakeDaemon } from "../../fake-daemon.js";
import { nodeRow } from "../../rows.js";
import { runCommand } from "../../run.js";

const rows = [nodeRow("n1"), nodeRow("n2", { liveness: "down", role: "witness", rttMs: 0.42, addresses: [] })];
const routes = { "GET /v1/nodes": () => rows };

describe("swarm node ls", () => {
	it("marks the node that answers and shows liveness", async () => {
		const daemon = await fakeDaemon(routes);
		const { stdout } = await runCommand(NodeLs, "node ls", ["--state", daemon.stateDirectory]);
		expect(stdout).toMatch(/^n1\* +alive +member +4 +8 GiB +1 +- +0\.1\.0 +\/ip4/m);
		expect(stdout).toMatch(/^n2 +down +witness +4 +8 GiB +1 +0\.4 ms +0\.1\.0 +-$/m);
	});

	it("gives the nodes as JSON", async () => {
		const daemon = await fakeDaemon(routes);
		const { stdout } = await runCommand(NodeLs, "node ls", ["--json", "--state", daemon.stateDirectory]);
		expect(JSON.parse(stdout)).toEqual(rows);
	});
});
