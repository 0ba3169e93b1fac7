import { describe, expect, it, vi } from "vitest";
import NodeJoin from "../../../../src/cli/commands/node/join.js";
import { fakeDaemon } from "../../fake-daemon.js";
import { ping } from "../../rows.js";
import { runCommand } from "../../run.js";

const address = "/ip4/10.0.0.5/tcp/7749/p2p/12D3KooW";

describe("swarm node join", () => {
	it("refuses to join with a daemon that already runs", async () => {
		const daemon = await fakeDaemon({ "GET /v1/ping": () => ping });
		const argv = [address, "--token", "secret", "--state", daemon.stateDirectory];
		const ran = await runCommand(NodeJoin, "node join", argv);
		expect(ran.stderr).toMatch(/^Cannot start the node: n1 already runs in /);
		expect(ran.stderr).not.toContain("secret");
		expect(ran.exitCode).toBe(5);
	});

	it("needs a token, which holds addresses itself", async () => {
		expect((await runCommand(NodeJoin, "node join", [address])).stderr).toContain("--token is missing");
	});

	it("takes the token from the environment, too", async () => {
		vi.stubEnv("SWARM_TOKEN", "secret");
		const daemon = await fakeDaemon({ "GET /v1/ping": () => ping });
		const ran = await runCommand(NodeJoin, "node join", [address, "--state", daemon.stateDirectory]);
		vi.unstubAllEnvs();
		expect(ran.exitCode).toBe(5);
	});
});
