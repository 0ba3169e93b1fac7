import { describe, expect, it } from "vitest";
import Resume from "../../../src/cli/commands/resume.js";
import { fakeDaemon } from "../fake-daemon.js";
import { containerRow } from "../rows.js";
import { runCommand } from "../run.js";

const rows = [containerRow({ phase: "running" })];
const routes = { "POST /v1/workloads/web/resume": () => rows };

describe("swarm resume", () => {
	it("shows the containers as they are afterwards", async () => {
		const daemon = await fakeDaemon(routes);
		const ran = await runCommand(Resume, "resume", ["web", "--state", daemon.stateDirectory]);
		expect(ran.stdout).toMatch(/web\.0 +n1 +running/);
		expect(ran.exitCode).toBe(0);
	});

	it("gives them as JSON", async () => {
		const daemon = await fakeDaemon(routes);
		const { stdout } = await runCommand(Resume, "resume", ["web", "--json", "--state", daemon.stateDirectory]);
		expect(JSON.parse(stdout)).toEqual(rows);
	});

	it("needs to know which workload", async () => {
		const ran = await runCommand(Resume, "resume", []);
		expect(ran.stderr).toBe("Cannot run `swarm resume`: WORKLOAD is missing, see `swarm resume --help`\n");
		expect(ran.exitCode).toBe(2);
	});
});
