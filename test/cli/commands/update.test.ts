import { describe, expect, it } from "vitest";
import Update from "../../../src/cli/commands/update.js";
import { fakeDaemon } from "../fake-daemon.js";
import { containerRow } from "../rows.js";
import { runCommand } from "../run.js";

const rows = [containerRow({})];
const routes = { "POST /v1/workloads/web/resources": () => rows };

describe("swarm update", () => {
	it("sends only the limits that were given, none as null, and shows the containers", async () => {
		const daemon = await fakeDaemon(routes);
		const flags = ["--cpus", "0.5", "--memory", "64M", "--pids", "none", "--io", "/dev/vda,read=1M"];
		const ran = await runCommand(Update, "update", ["web", ...flags, "--state", daemon.stateDirectory]);
		expect(daemon.asked[0]?.body).toEqual({ cpus: 0.5, memory: "64M", pids: null, io: ["/dev/vda,read=1M"] });
		expect(ran.stdout).toMatch(/web\.0 +n1 +running/);
		expect(ran.exitCode).toBe(0);
	});

	it("gives the rows as JSON", async () => {
		const daemon = await fakeDaemon(routes);
		const args = ["web", "--cpus", "1", "--json", "--state", daemon.stateDirectory];
		expect(JSON.parse((await runCommand(Update, "update", args)).stdout)).toEqual(rows);
	});

	it("needs a limit to change", async () => {
		const ran = await runCommand(Update, "update", ["web"]);
		expect(ran.stderr).toBe("Cannot update web: no limit is given, wanted one such as --memory 256M\n");
		expect(ran.exitCode).toBe(2);
	});
});
