import { describe, expect, it } from "vitest";
import CapabilityRevoke from "../../../../src/cli/commands/capability/revoke.js";
import { SwarmError } from "../../../../src/errors.js";
import { fakeDaemon } from "../../fake-daemon.js";
import { runCommand } from "../../run.js";

describe("swarm capability revoke", () => {
	it("names what it revoked", async () => {
		const { stateDirectory } = await fakeDaemon({ "DELETE /v1/capabilities/5f0c": () => ({}) });
		const ran = await runCommand(CapabilityRevoke, "capability revoke", ["5f0c", "--state", stateDirectory]);
		expect(ran).toEqual({ stdout: "5f0c is revoked\n", stderr: "", exitCode: 0 });
	});

	it("ends with 4 for one that nobody knows", async () => {
		const refuse = () => {
			throw new SwarmError("not-found", "Cannot revoke the capability 12: none is known by that id");
		};
		const { stateDirectory } = await fakeDaemon({ "DELETE /v1/capabilities/12": refuse });
		const ran = await runCommand(CapabilityRevoke, "capability revoke", ["12", "--state", stateDirectory]);
		expect(ran.exitCode).toBe(4);
		expect(ran.stderr).toMatch(/none is known/);
	});
});
