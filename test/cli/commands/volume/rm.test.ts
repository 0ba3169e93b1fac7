import { describe, expect, it } from "vitest";
import VolumeRm from "../../../../src/cli/commands/volume/rm.js";
import { SwarmError } from "../../../../src/errors.js";
import { fakeDaemon } from "../../fake-daemon.js";
import { runCommand } from "../../run.js";

describe("swarm volume rm", () => {
	it("removes it, of the node that is named", async () => {
		const daemon = await fakeDaemon({ "DELETE /v1/volumes/data": () => ({}) });
		const flags = ["data", "--node", "n2", "--state", daemon.stateDirectory];
		const ran = await runCommand(VolumeRm, "volume rm", flags);
		expect(ran).toEqual({ stdout: "data removed\n", stderr: "", exitCode: 0 });
		expect(daemon.asked[0]?.query).toEqual({ node: "n2" });
	});

	it("says who has it when it is refused", async () => {
		const why = "Cannot remove the volume data: the workload db has it";
		const daemon = await fakeDaemon({
			"DELETE /v1/volumes/data": () => {
				throw new SwarmError("conflict", why);
			},
		});
		const { stderr, exitCode } = await runCommand(VolumeRm, "volume rm", ["data", "--state", daemon.stateDirectory]);
		expect(stderr).toContain(why);
		expect(exitCode).not.toBe(0);
	});
});
