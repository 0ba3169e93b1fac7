import { describe, expect, it } from "vitest";
import Stats from "../../../src/cli/commands/stats.js";
import { fakeDaemon } from "../fake-daemon.js";
import { containerStats } from "../rows.js";
import { runCommand } from "../run.js";

/** A second of one busy CPU between the readings. */
function readings() {
	let asked = 0;
	return () => {
		asked += 1;
		const stats = containerStats({ takenAtMonotonicMs: asked * 1_000, cpuUsageUs: asked * 1_000_000 });
		const rows = ["web.0", "api.0"].map((container) => ({
			...{ container, workload: container.slice(0, 3), node: "n1", stats },
		}));
		return { rows, missing: [{ node: "n2", reason: "it is down" }] };
	};
}

describe("swarm stats", () => {
	it("shows rates between two readings, and who did not answer", async () => {
		const daemon = await fakeDaemon({ "GET /v1/stats": readings() });
		const ran = await runCommand(Stats, "stats", ["--state", daemon.stateDirectory, "--node", "n1"]);
		expect(ran.stdout).toMatch(/api\.0 +n1 +100\.0 %.*\nweb\.0 +n1 +100\.0 %/);
		expect(ran.stderr).toBe("n2 is missing: it is down\n");
		expect(daemon.asked.map(({ query }) => query)).toEqual([{ node: "n1" }, { node: "n1" }]);
	});

	it("gives one workload as JSON", async () => {
		const daemon = await fakeDaemon({ "GET /v1/stats": readings() });
		const { stdout } = await runCommand(Stats, "stats", ["web", "--json", "--state", daemon.stateDirectory]);
		expect(JSON.parse(stdout)).toMatchObject([{ container: "web.0", cpuPercent: 100, stats: { pids: 1 } }]);
	});

	it("says when there is nothing of that name", async () => {
		const daemon = await fakeDaemon({ "GET /v1/stats": readings() });
		const ran = await runCommand(Stats, "stats", ["other", "--state", daemon.stateDirectory]);
		expect(ran.stderr).toContain("Cannot measure other: no such container runs");
		expect(ran.exitCode).toBe(4);
	});
});
