import { describe, expect, it } from "vitest";
import VolumeCreate from "../../../../src/cli/commands/volume/create.js";
import { fakeDaemon } from "../../fake-daemon.js";
import { runCommand } from "../../run.js";

const row = { name: "data", node: "n2", labels: { team: "web" }, createdAtMs: 0, workloads: [] };

describe("swarm volume create", () => {
	it("sends name and labels, and says where it is", async () => {
		const daemon = await fakeDaemon({ "POST /v1/volumes": () => row });
		const flags = ["data", "--label", "team=web", "--node", "n2", "--state", daemon.stateDirectory];
		const ran = await runCommand(VolumeCreate, "volume create", flags);
		expect(ran).toEqual({ stdout: "data created on n2\n", stderr: "", exitCode: 0 });
		expect(daemon.asked[0]).toMatchObject({ query: { node: "n2" }, body: { name: "data", labels: { team: "web" } } });
	});

	it("gives the row as JSON", async () => {
		const daemon = await fakeDaemon({ "POST /v1/volumes": () => row });
		const { stdout } = await runCommand(VolumeCreate, "volume create", [
			"data",
			"--json",
			"--state",
			daemon.stateDirectory,
		]);
		expect(JSON.parse(stdout)).toEqual(row);
	});
});
