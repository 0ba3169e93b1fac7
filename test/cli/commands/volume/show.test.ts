import { describe, expect, it } from "vitest";
import VolumeShow from "../../../../src/cli/commands/volume/show.js";
import { fakeDaemon } from "../../fake-daemon.js";
import { runCommand } from "../../run.js";

const detail = {
	...{ name: "data", node: "n1", labels: {}, createdAtMs: 0, workloads: ["db"] },
	...{ containers: ["db.0"], sizeBytes: 3 * 1024 ** 2, path: "/state/volumes/data/data" },
};

describe("swarm volume show", () => {
	it("shows where it is, how large and who has it", async () => {
		const daemon = await fakeDaemon({ "GET /v1/volumes/data": () => detail });
		const { stdout } = await runCommand(VolumeShow, "volume show", ["data", "--state", daemon.stateDirectory]);
		expect(stdout).toMatch(/^size: +3 MiB$/m);
		expect(stdout).toMatch(/^containers: +db\.0$/m);
	});

	it("asks for the one of a node", async () => {
		const daemon = await fakeDaemon({ "GET /v1/volumes/data": () => detail });
		const flags = ["data", "--node", "n1", "--json", "--state", daemon.stateDirectory];
		const { stdout } = await runCommand(VolumeShow, "volume show", flags);
		expect(JSON.parse(stdout)).toEqual(detail);
		expect(daemon.asked[0]?.query).toEqual({ node: "n1" });
	});
});
