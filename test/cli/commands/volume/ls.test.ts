import { describe, expect, it } from "vitest";
import VolumeLs from "../../../../src/cli/commands/volume/ls.js";
import { fakeDaemon } from "../../fake-daemon.js";
import { runCommand } from "../../run.js";

const rows = [
	{ name: "data", node: "n1", labels: { team: "web" }, createdAtMs: 0, workloads: ["db"] },
	{ name: "old", node: "n2", labels: {}, createdAtMs: 0, workloads: [] },
];

describe("swarm volume ls", () => {
	it("shows each volume with its node, labels and the workloads that use it", async () => {
		const daemon = await fakeDaemon({ "GET /v1/volumes": () => rows });
		const { stdout } = await runCommand(VolumeLs, "volume ls", ["--state", daemon.stateDirectory]);
		expect(stdout).toMatch(/^data +n1 +db +team=web +1970-/m);
		expect(stdout).toMatch(/^old +n2 +- +- +1970-/m);
	});

	it("gives them as JSON", async () => {
		const daemon = await fakeDaemon({ "GET /v1/volumes": () => rows });
		const { stdout } = await runCommand(VolumeLs, "volume ls", ["--json", "--state", daemon.stateDirectory]);
		expect(JSON.parse(stdout)).toEqual(rows);
	});
});
