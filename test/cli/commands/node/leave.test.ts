import { describe, expect, it } from "vitest";
import NodeLeave from "../../../../src/cli/commands/node/leave.js";
import { fakeDaemon } from "../../fake-daemon.js";
import { ping } from "../../rows.js";
import { runCommand } from "../../run.js";

const routes = { "GET /v1/ping": () => ping, "POST /v1/node/leave": () => ({}) };

describe("swarm node leave", () => {
	it("leaves and says which node did", async () => {
		const daemon = await fakeDaemon(routes);
		const ran = await runCommand(NodeLeave, "node leave", ["--state", daemon.stateDirectory]);
		expect(ran).toEqual({ stdout: "n1 left the cluster\n", stderr: "", exitCode: 0 });
		expect(daemon.asked.map((each) => each.route)).toContain("POST /v1/node/leave");
	});

	it("says so as JSON", async () => {
		const daemon = await fakeDaemon(routes);
		const { stdout } = await runCommand(NodeLeave, "node leave", ["--json", "--state", daemon.stateDirectory]);
		expect(JSON.parse(stdout)).toEqual({ left: "n1" });
	});
});
