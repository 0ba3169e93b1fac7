import { describe, expect, it } from "vitest";
import TokenRevoke from "../../../../src/cli/commands/token/revoke.js";
import { fakeDaemon } from "../../fake-daemon.js";
import { runCommand } from "../../run.js";

const routes = { "DELETE /v1/tokens/0011": () => ({ id: "00112233445566ff" }) };

describe("swarm token revoke", () => {
	it("takes the beginning of an id and prints the whole one", async () => {
		const daemon = await fakeDaemon(routes);
		const ran = await runCommand(TokenRevoke, "token revoke", ["0011", "--state", daemon.stateDirectory]);
		expect(ran).toEqual({ stdout: "00112233445566ff revoked\n", stderr: "", exitCode: 0 });
	});

	it("says so as JSON", async () => {
		const daemon = await fakeDaemon(routes);
		const { stdout } = await runCommand(TokenRevoke, "token revoke", [
			"0011",
			"--json",
			"--state",
			daemon.stateDirectory,
		]);
		expect(JSON.parse(stdout)).toEqual({ revoked: "00112233445566ff" });
	});
});
