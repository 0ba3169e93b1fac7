import { describe, expect, it } from "vitest";
import Start from "../../../src/cli/commands/start.js";
import { fakeDaemon } from "../fake-daemon.js";
import { containerRow } from "../rows.js";
import { runCommand } from "../run.js";

const rows = [containerRow({ phase: "running" })];

describe("swarm start", () => {
	it("shows the containers as they are afterwards", async () => {
		const daemon = await fakeDaemon({ "POST /v1/workloads/web/start": () => rows });
		const ran = await runCommand(Start, "start", ["web", "--state", daemon.stateDirectory]);
		expect(ran.stdout).toMatch(/web\.0 +n1 +running/);
		expect(ran.exitCode).toBe(0);
	});

	it("gives them as JSON", async () => {
		const daemon = await fakeDaemon({ "POST /v1/workloads/web/start": () => rows });
		const { stdout } = await runCommand(Start, "start", ["web", "--json", "--state", daemon.stateDirectory]);
		expect(JSON.parse(stdout)).toEqual(rows);
	});

	it("needs to know which workload", async () => {
		const ran = await runCommand(Start, "start", []);
		expect(ran.stderr).toBe("Cannot run `swarm start`: WORKLOAD is missing, see `swarm start --help`\n");
		expect(ran.exitCode).toBe(2);
	});
});
