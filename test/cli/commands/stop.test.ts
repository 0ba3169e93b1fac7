import { describe, expect, it } from "vitest";
import Stop from "../../../src/cli/commands/stop.js";
import { fakeDaemon } from "../fake-daemon.js";
import { containerRow } from "../rows.js";
import { runCommand } from "../run.js";

const rows = [containerRow({ phase: "stopped", exitCode: 143 })];

describe("swarm stop", () => {
	it("shows the containers as they are afterwards", async () => {
		const daemon = await fakeDaemon({ "POST /v1/workloads/web/stop": () => rows });
		const ran = await runCommand(Stop, "stop", ["web", "--state", daemon.stateDirectory]);
		expect(ran.stdout).toMatch(/web\.0 +n1 +stopped \(143\)/);
		expect(ran.exitCode).toBe(0);
	});

	it("gives them as JSON", async () => {
		const daemon = await fakeDaemon({ "POST /v1/workloads/web/stop": () => rows });
		const { stdout } = await runCommand(Stop, "stop", ["web", "--json", "--state", daemon.stateDirectory]);
		expect(JSON.parse(stdout)).toEqual(rows);
	});

	it("needs to know which workload", async () => {
		const ran = await runCommand(Stop, "stop", []);
		expect(ran.stderr).toBe("Cannot run `swarm stop`: WORKLOAD is missing, see `swarm stop --help`\n");
		expect(ran.exitCode).toBe(2);
	});
});
