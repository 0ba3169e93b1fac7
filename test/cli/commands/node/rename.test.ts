import { describe, expect, it } from "vitest";
import NodeRename from "../../../../src/cli/commands/node/rename.js";
import { fakeDaemon } from "../../fake-daemon.js";
import { ping } from "../../rows.js";
import { runCommand } from "../../run.js";

const change = { before: "n1", after: "attic" };
const routes = {
	"GET /v1/ping": () => ping,
	[`POST /v1/nodes/${ping.node}/rename`]: () => change,
	"POST /v1/nodes/n2/rename": () => ({ before: "n2", after: "attic" }),
};

describe("swarm node rename", () => {
	it("renames the node that answers, or the one that is named", async () => {
		const daemon = await fakeDaemon(routes);
		const ran = await runCommand(NodeRename, "node rename", ["attic", "--state", daemon.stateDirectory]);
		expect(ran).toEqual({ stdout: "n1 is attic now\n", stderr: "", exitCode: 0 });
		const other = await runCommand(NodeRename, "node rename", ["attic", "n2", "--state", daemon.stateDirectory]);
		expect(other.stdout).toBe("n2 is attic now\n");
	});

	it("says so as JSON", async () => {
		const daemon = await fakeDaemon(routes);
		const { stdout } = await runCommand(NodeRename, "node rename", [
			"attic",
			"--json",
			"--state",
			daemon.stateDirectory,
		]);
		expect(JSON.parse(stdout)).toEqual(change);
	});
});
