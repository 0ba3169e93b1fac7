import { describe, expect, it } from "vitest";
import NodeForget from "../../../../src/cli/commands/node/forget.js";
import { fakeDaemon } from "../../fake-daemon.js";
import { runCommand } from "../../run.js";

const routes = { "POST /v1/nodes/n3/forget": () => ({}) };

describe("swarm node forget", () => {
	it("forgets a node, one that is alive only when told to", async () => {
		const daemon = await fakeDaemon(routes);
		const ran = await runCommand(NodeForget, "node forget", ["n3", "--state", daemon.stateDirectory]);
		expect(ran).toEqual({ stdout: "n3 is forgotten\n", stderr: "", exitCode: 0 });
		await runCommand(NodeForget, "node forget", ["n3", "--force", "--state", daemon.stateDirectory]);
		expect(daemon.asked.map((each) => each.body)).toEqual([{ force: false }, { force: true }]);
	});

	it("says so as JSON", async () => {
		const daemon = await fakeDaemon(routes);
		const { stdout } = await runCommand(NodeForget, "node forget", ["n3", "--json", "--state", daemon.stateDirectory]);
		expect(JSON.parse(stdout)).toEqual({ forgotten: "n3" });
	});
});
