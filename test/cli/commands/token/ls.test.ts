import { describe, expect, it } from "vitest";
import TokenLs from "../../../../src/cli/commands/token/ls.js";
import { fakeDaemon } from "../../fake-daemon.js";
import { runCommand } from "../../run.js";

const rows = [
	{
		id: "00112233445566ff",
		role: "member",
		uses: 2,
		usedBy: ["n2"],
		by: "n1",
		createdAtMs: 0,
		expiresAtMs: 3_600_000,
		state: "expired",
	},
];
const routes = { "GET /v1/tokens": () => rows };

describe("swarm token ls", () => {
	it("shows who used a token and whether it is still good", async () => {
		const daemon = await fakeDaemon(routes);
		const { stdout } = await runCommand(TokenLs, "token ls", ["--state", daemon.stateDirectory]);
		expect(stdout).toMatch(/^00112233445566ff +expired +member +1 of 2 +n1 +1970-01-01T01:00:00\.000Z +n2$/m);
	});

	it("gives the tokens as JSON", async () => {
		const daemon = await fakeDaemon(routes);
		const { stdout } = await runCommand(TokenLs, "token ls", ["--json", "--state", daemon.stateDirectory]);
		expect(JSON.parse(stdout)).toEqual(rows);
	});
});
