import { describe, expect, it } from "vitest";
import Inspect from "../../../src/cli/commands/inspect.js";
import { fakeDaemon } from "../fake-daemon.js";
import { containerDetail } from "../rows.js";
import { runCommand } from "../run.js";

const routes = { "GET /v1/containers/web": () => containerDetail() };

describe("swarm inspect", () => {
	it("shows state, limits and use in a person's units", async () => {
		const daemon = await fakeDaemon(routes);
		const { stdout } = await runCommand(Inspect, "inspect", ["web", "--state", daemon.stateDirectory]);
		expect(stdout).toMatch(/^container: +web\.0$/m);
		expect(stdout).toMatch(/^command: +sleep 60$/m);
		expect(stdout).toMatch(/^memory: +8 MiB of 64 MiB$/m);
		expect(stdout).toMatch(/^cpu time: +1\.50 s$/m);
		expect(stdout).toMatch(/^pids: +3 of no limit$/m);
	});

	it("gives everything as JSON", async () => {
		const daemon = await fakeDaemon(routes);
		const { stdout } = await runCommand(Inspect, "inspect", ["web", "--json", "--state", daemon.stateDirectory]);
		expect(JSON.parse(stdout)).toEqual(JSON.parse(JSON.stringify(containerDetail())));
	});

	it("shows ? for what a node that does not answer would tell", async () => {
		const daemon = await fakeDaemon({
			"GET /v1/containers/web": () => ({ ...containerDetail(), state: null, stats: null }),
		});
		const { stdout } = await runCommand(Inspect, "inspect", ["web", "--state", daemon.stateDirectory]);
		expect(stdout).toMatch(/^memory: +\? of 64 MiB$/m);
		expect(stdout).toMatch(/^pid: +-$/m);
	});
});
