import { describe, expect, it } from "vitest";
import Ps from "../../../src/cli/commands/ps.js";
import { fakeDaemon } from "../fake-daemon.js";
import { containerRow } from "../rows.js";
import { runCommand } from "../run.js";

const rows = [containerRow(), containerRow({ workload: "db", phase: "failed", exitCode: 127, error: "no such file" })];
const routes = { "GET /v1/containers": () => rows };

describe("swarm ps", () => {
	it("shows who holds each container, and the error of one that failed", async () => {
		const daemon = await fakeDaemon(routes);
		const { stdout, exitCode } = await runCommand(Ps, "ps", ["--state", daemon.stateDirectory]);
		expect(exitCode).toBe(0);
		expect(stdout.split("\n")[0]).toMatch(
			/^CONTAINER +NODE +PHASE +RESTARTS +EPOCH +IMAGE +ADDRESS +PORTS +STARTED +ERROR$/,
		);
		expect(stdout).toMatch(/web\.0 +n1 +running +0 +1 +host +10\.99\.0\.2 +tcp\/8080→80 +\d+ d ago +-/);
		expect(stdout).toMatch(/failed \(127\).*no such file/);
	});

	it("gives the rows of one workload as JSON", async () => {
		const daemon = await fakeDaemon(routes);
		const { stdout } = await runCommand(Ps, "ps", ["web", "--json", "--state", daemon.stateDirectory]);
		expect(JSON.parse(stdout)).toEqual([rows[0]]);
	});

	it("says in one line that no daemon answers", async () => {
		const ran = await runCommand(Ps, "ps", ["--state", "/does/not/exist"]);
		expect(ran).toMatchObject({ stdout: "", exitCode: 3 });
		expect(ran.stderr).toMatch(/^Cannot reach the node in \/does\/not\/exist: .*swarm node start.*\n$/);
	});
});
