import { describe, expect, it } from "vitest";
import Rm from "../../../src/cli/commands/rm.js";
import { SwarmError } from "../../../src/errors.js";
import { fakeDaemon } from "../fake-daemon.js";
import { runCommand } from "../run.js";

describe("swarm rm", () => {
	it("removes the workload and says so", async () => {
		const daemon = await fakeDaemon({ "DELETE /v1/workloads/web": () => ({}) });
		const ran = await runCommand(Rm, "rm", ["web", "--state", daemon.stateDirectory]);
		expect(ran).toEqual({ stdout: "web removed\n", stderr: "", exitCode: 0 });
	});

	it("ends with 4 for a workload that does not exist", async () => {
		const daemon = await fakeDaemon({
			"DELETE /v1/workloads/web": () => {
				throw new SwarmError("not-found", "Cannot find workload web");
			},
		});
		const ran = await runCommand(Rm, "rm", ["web", "--json", "--state", daemon.stateDirectory]);
		expect(JSON.parse(ran.stdout)).toMatchObject({ error: { code: "not-found" } });
		expect(ran.exitCode).toBe(4);
	});
});
