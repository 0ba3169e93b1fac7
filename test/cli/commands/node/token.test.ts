import { describe, expect, it } from "vitest";
import NodeToken from "../../../../src/cli/commands/node/token.js";
import { fakeDaemon } from "../../fake-daemon.js";
import { runCommand } from "../../run.js";

const line = {
	address: "/ip4/10.0.0.1",
	token: "t",
	command: "swarm node join /ip4/10.0.0.1 --token t",
	expiresAtMs: 0,
};
const routes = { "POST /v1/tokens": () => line };

describe("swarm node token", () => {
	it("prints nothing but the join line on standard output", async () => {
		const daemon = await fakeDaemon(routes);
		const argv = ["--ttl", "10m", "--uses", "2", "--state", daemon.stateDirectory];
		const ran = await runCommand(NodeToken, "node token", argv);
		expect(ran.stdout).toBe(`${line.command}\n`);
		expect(ran.stderr).toBe("valid until 1970-01-01T00:00:00.000Z for 2 nodes\n");
		expect(daemon.asked[0]?.body).toEqual({ ttlMs: 600_000, uses: 2 });
	});

	it("is valid for one node and one hour unless told otherwise", async () => {
		const daemon = await fakeDaemon(routes);
		const { stdout } = await runCommand(NodeToken, "node token", ["--json", "--state", daemon.stateDirectory]);
		expect(JSON.parse(stdout)).toEqual(line);
		expect(daemon.asked[0]?.body).toEqual({ ttlMs: 3_600_000, uses: 1 });
	});

	it.each(["soon", "0s"])("refuses a ttl of %s", async (ttl) => {
		const ran = await runCommand(NodeToken, "node token", ["--ttl", ttl]);
		expect(ran.stderr).toBe(`Cannot make a token: --ttl is "${ttl}", wanted a time such as 10m or 1h\n`);
		expect(ran.exitCode).toBe(2);
	});
});
