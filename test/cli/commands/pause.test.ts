import { describe, expect, it } from "vitest";
import Pause from "../../../src/cli/commands/pause.js";
import { fakeDaemon } from "../fake-daemon.js";
import { containerRow } from "../rows.js";
import { runCommand } from "../run.js";

const rows = [containerRow({ phase: "paused" })];
const routes = { "POST /v1/workloads/web/pause": () => rows };

describe("swarm pause", () => {
	it("shows the containers as they are afterwards", async () => {
		const daemon = await fakeDaemon(routes);
		const ran = await runCommand(Pause, "pause", ["web", "--state", daemon.stateDirectory]);
		expect(ran.stdout).toMatch(/web\.0 +n1 +paused/);
		expect(ran.exitCode).toBe(0);
	});

	it("gives them as JSON", async () => {
		const daemon = await fakeDaemon(routes);
		const { stdout } = await runCommand(Pause, "pause", ["web", "--json", "--state", daemon.stateDirectory]);
		expect(JSON.parse(stdout)).toEqual(rows);
	});

	it("needs to know which workload", async () => {
		const ran = await runCommand(Pause, "pause", []);
		expect(ran.stderr).toBe("Cannot run `swarm pause`: WORKLOAD is missing, see `swarm pause --help`\n");
		expect(ran.exitCode).toBe(2);
	});
});
