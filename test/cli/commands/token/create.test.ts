import { describe, expect, it } from "vitest";
import TokenCreate from "../../../../src/cli/commands/token/create.js";
import { fakeDaemon } from "../../fake-daemon.js";
import { runCommand } from "../../run.js";

const line = {
	id: "00112233445566ff",
	address: "/ip4/10.0.0.1",
	token: "t",
	command: "swarm node join /ip4/10.0.0.1 --token t",
	expiresAtMs: 0,
};
const routes = { "POST /v1/tokens": () => line };

describe("swarm token create", () => {
	it("prints nothing but the join line on standard output", async () => {
		const daemon = await fakeDaemon(routes);
		const argv = ["--ttl", "10m", "--uses", "2", "--state", daemon.stateDirectory];
		const ran = await runCommand(TokenCreate, "token create", argv);
		expect(ran.stdout).toBe(`${line.command}\n`);
		expect(ran.stderr).toBe("token 00112233445566ff, valid until 1970-01-01T00:00:00.000Z for 2 nodes as member\n");
		expect(daemon.asked[0]?.body).toEqual({ ttlMs: 600_000, uses: 2, role: "member" });
	});

	it("is valid for one node and one hour unless told otherwise", async () => {
		const daemon = await fakeDaemon(routes);
		const { stdout } = await runCommand(TokenCreate, "token create", ["--json", "--state", daemon.stateDirectory]);
		expect(JSON.parse(stdout)).toEqual(line);
		expect(daemon.asked[0]?.body).toEqual({ ttlMs: 3_600_000, uses: 1, role: "member" });
	});

	it.each(["soon", "0s"])("refuses a ttl of %s", async (ttl) => {
		const ran = await runCommand(TokenCreate, "token create", ["--ttl", ttl]);
		expect(ran.stderr).toBe(`Cannot make a token: --ttl is "${ttl}", wanted a time such as 10m or 1h\n`);
		expect(ran.exitCode).toBe(2);
	});

	it("asks for another role, and refuses one that does not exist", async () => {
		const daemon = await fakeDaemon(routes);
		await runCommand(TokenCreate, "token create", ["--role", "reader", "--state", daemon.stateDirectory]);
		expect(daemon.asked[0]?.body).toMatchObject({ role: "reader" });
		const ran = await runCommand(TokenCreate, "token create", ["--role", "king"]);
		expect(ran.exitCode).toBe(2);
		expect(ran.stderr).toContain("member, witness, reader");
	});
});
