import { describe, expect, it } from "vitest";
import Top from "../../../src/cli/commands/top.js";
import { fakeDaemon } from "../fake-daemon.js";
import { containerStats } from "../rows.js";
import { runCommand } from "../run.js";

const rows = (asked: number) =>
	[1, 2].map((index) => ({
		...{ container: `web.${index}`, workload: "web", node: "n1" },
		stats: containerStats({ takenAtMonotonicMs: asked * 1_000, cpuUsageUs: asked * index * 100_000 }),
	}));

function routes() {
	let asked = 0;
	return { "GET /v1/stats": () => ({ rows: rows(asked++), missing: [] }) };
}

describe("swarm top", () => {
	it("prints one table, the busiest first, where there is no terminal", async () => {
		const daemon = await fakeDaemon(routes());
		const ran = await runCommand(Top, "top", ["--state", daemon.stateDirectory]);
		expect(ran.stdout).toMatch(/web\.2 +n1 +20\.0 %.*\nweb\.1 +n1 +10\.0 %/);
		expect(ran.stdout).not.toContain("\u001b");
	});

	it("gives the rows as JSON in the order that was asked for", async () => {
		const daemon = await fakeDaemon(routes());
		const args = ["--once", "--json", "--sort", "name", "--state", daemon.stateDirectory];
		const found = JSON.parse((await runCommand(Top, "top", args)).stdout) as readonly { container: string }[];
		expect(found.map(({ container }) => container)).toEqual(["web.1", "web.2"]);
	});

	it("knows what it can sort by", async () => {
		expect((await runCommand(Top, "top", ["--sort", "colour"])).exitCode).toBe(2);
	});
});
