import { describe, expect, it } from "vitest";
import NodeStart from "../../../../src/cli/commands/node/start.js";
import { startInWords } from "../../../../src/cli/daemon.js";
import { fakeDaemon } from "../../fake-daemon.js";
import { ping } from "../../rows.js";
import { runCommand } from "../../run.js";

describe("swarm node start", () => {
	it("refuses to start a second daemon in the same state directory", async () => {
		const daemon = await fakeDaemon({ "GET /v1/ping": () => ping });
		const ran = await runCommand(NodeStart, "node start", ["--state", daemon.stateDirectory]);
		expect(ran.stderr).toMatch(/^Cannot start the node: n1 already runs in .* \(pid \d+\), stop it first with .*\n$/);
		expect(ran.exitCode).toBe(5);
	});

	it.each([
		[["--listen", "somewhere"], '--listen is "somewhere", wanted an IPv4 address as HOST[:PORT]'],
		[["--listen", "1.2.3.999"], '--listen is "1.2.3.999"'],
		[["--listen", "1.2.3.4:99999"], "port is 99999, wanted 1 to 65535"],
		[["--name", "N_1"], 'name is "N_1"'],
		[["--label", "ssd"], '--label: it is "ssd", wanted KEY=VALUE'],
	])("refuses %j before anything is started", async (argv, reason) => {
		const ran = await runCommand(NodeStart, "node start", [...argv, "--state", "/does/not/exist"]);
		expect(ran.stderr).toContain(reason);
		expect(ran).toMatchObject({ stdout: "", exitCode: 2 });
	});

	it("prints the join line last, ready to be copied", () => {
		const command = "swarm node join /ip4/10.0.0.1/tcp/7749/p2p/x --token t";
		const text = startInWords({
			ping,
			join: { id: "00", address: "/ip4/10.0.0.1", token: "t", command, expiresAtMs: 0 },
		});
		expect(text).toMatch(/^node: +n1$/m);
		expect(text.endsWith(`Join another machine with\n  ${command}\n`)).toBe(true);
		expect(startInWords({ ping, join: null })).toMatch(/Join another machine with the line of `swarm token create`\n$/);
	});
});
