import { describe, expect, it } from "vitest";
import PoolLs from "../../../../src/cli/commands/pool/ls.js";
import { fakeDaemon } from "../../fake-daemon.js";
import { runCommand } from "../../run.js";

const state = {
	standing: { ready: 16, max: 16, directories: 4, made: 20, madeMs: 50 },
	warm: [{ workload: "web", passing: false, ready: 2, wanted: 3, made: 0, madeMs: 0 }],
	warmMax: 64,
};

describe("swarm pool ls", () => {
	it("shows what is ready for any container and for each workload", async () => {
		const daemon = await fakeDaemon({ "GET /v1/pool": () => state });
		const ran = await runCommand(PoolLs, "pool ls", ["--state", daemon.stateDirectory]);
		expect(ran.exitCode).toBe(0);
		expect(ran.stdout.split("\n").map((line) => line.split(/\s\s+/))).toEqual([
			["FOR", "KIND", "READY", "AT MOST", "MADE", "MS EACH"],
			["any", "standing", "16", "16", "20", "2.5"],
			["web", "workload", "2", "3", "0", "-"],
			[""],
		]);
	});

	it("gives the same as JSON", async () => {
		const daemon = await fakeDaemon({ "GET /v1/pool": () => state });
		const { stdout } = await runCommand(PoolLs, "pool ls", ["--json", "--state", daemon.stateDirectory]);
		expect(JSON.parse(stdout)).toEqual(state);
	});
});
