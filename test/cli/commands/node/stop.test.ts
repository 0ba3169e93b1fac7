import { spawn } from "node:child_process";
import { describe, expect, it } from "vitest";
import NodeStop from "../../../../src/cli/commands/node/stop.js";
import { fakeDaemon } from "../../fake-daemon.js";
import { ping } from "../../rows.js";
import { runCommand } from "../../run.js";

describe("swarm node stop", () => {
	it("returns only when the daemon's process is gone", async () => {
		const process = spawn("sleep", ["60"]);
		let gone = false;
		process.once("exit", () => {
			gone = true;
		});
		const daemon = await fakeDaemon({
			"GET /v1/ping": () => ({ ...ping, pid: process.pid }),
			"POST /v1/node/stop": () => {
				process.kill();
				return {};
			},
		});
		const ran = await runCommand(NodeStop, "node stop", ["--state", daemon.stateDirectory]);
		expect(gone).toBe(true);
		expect(ran).toEqual({ stdout: "n1 stopped; its containers go on\n", stderr: "", exitCode: 0 });
	});

	it("says so as JSON", async () => {
		const daemon = await fakeDaemon({ "GET /v1/ping": () => ping, "POST /v1/node/stop": () => ({}) });
		const { stdout } = await runCommand(NodeStop, "node stop", ["--json", "--state", daemon.stateDirectory]);
		expect(JSON.parse(stdout)).toEqual({ stopped: "n1" });
	});

	it("ends with 3 when there is no daemon", async () => {
		expect((await runCommand(NodeStop, "node stop", ["--state", "/does/not/exist"])).exitCode).toBe(3);
	});
});
