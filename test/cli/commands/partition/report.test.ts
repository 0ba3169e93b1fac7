import { expect, it } from "vitest";
import PartitionReport from "../../../../src/cli/commands/partition/report.js";
import { fakeDaemon } from "../../fake-daemon.js";
import { runCommand } from "../../run.js";

const act = { subject: "web.0", kept: null, path: null };
const answer = {
	nodes: [
		{
			node: "n1",
			splits: [
				{
					beganAtMs: 1_000,
					endedAtMs: 31_000,
					missed: [{ node: "n2", fromMs: 1_000, toMs: 31_000 }],
					acts: [{ ...act, timeMs: 9_000, kind: "container.adopted", message: "web.0 adopted by n1" }],
				},
			],
		},
		{
			node: "n2",
			splits: [
				{
					beganAtMs: 3_000,
					endedAtMs: 30_000,
					missed: [{ node: "n1", fromMs: 3_000, toMs: 30_000 }],
					acts: [
						{
							...act,
							...{ timeMs: 33_000, kind: "container.superseded", message: "the copy on n2 lost" },
							...{ kept: "5-web.0-1", path: "/state/superseded/5-web.0-1" },
						},
					],
				},
			],
		},
	],
	missing: [{ node: "n3", reason: "it is down" }],
};

it("swarm partition report tells when, who missed whom, what became of each container and how to get the loser back", async () => {
	const daemon = await fakeDaemon({ "GET /v1/splits": () => answer });
	const flags = ["--last", "--state", daemon.stateDirectory];
	const { stdout } = await runCommand(PartitionReport, "partition report", flags);
	expect(stdout).toMatch(/^split from .* until .* \(30/m);
	expect(stdout).toContain("n1 missed n2 from");
	expect(stdout).toContain("n2 missed n1 from");
	expect(stdout).toContain("n1: web.0 adopted by n1");
	expect(stdout).toContain("kept on n2 in /state/superseded/5-web.0-1");
	expect(stdout).toContain("swarm partition save 5-web.0-1 copy.tar --node n2");
	expect(stdout).toContain("n3 was not asked: it is down");
});

it("swarm partition report says that nothing happened, and gives stories as JSON", async () => {
	const daemon = await fakeDaemon({ "GET /v1/splits": () => ({ nodes: [], missing: [] }) });
	const flags = ["--state", daemon.stateDirectory];
	expect((await runCommand(PartitionReport, "partition report", flags)).stdout).toContain("No node has missed");
	const { stdout } = await runCommand(PartitionReport, "partition report", ["--json", ...flags]);
	expect(JSON.parse(stdout)).toEqual({ stories: [], missing: [] });
});
