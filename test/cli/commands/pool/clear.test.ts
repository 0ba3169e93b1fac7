import { describe, expect, it } from "vitest";
import PoolClear from "../../../../src/cli/commands/pool/clear.js";
import { fakeDaemon } from "../../fake-daemon.js";
import { runCommand } from "../../run.js";

describe("swarm pool clear", () => {
	it("asks the node to end what it has made ahead", async () => {
		const daemon = await fakeDaemon({ "DELETE /v1/pool": () => ({}) });
		const ran = await runCommand(PoolClear, "pool clear", ["--state", daemon.stateDirectory]);
		expect(ran).toEqual({ stdout: "cleared\n", stderr: "", exitCode: 0 });
		expect(daemon.asked).toHaveLength(1);
	});
});
