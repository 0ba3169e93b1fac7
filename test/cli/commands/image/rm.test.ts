import { describe, expect, it } from "vitest";
import ImageRm from "../../../../src/cli/commands/image/rm.js";
import { fakeDaemon } from "../../fake-daemon.js";
import { runCommand } from "../../run.js";

const routes = { "DELETE /v1/images/redis:7": () => ({}) };

describe("swarm image rm", () => {
	it("removes the image, also one with a tag", async () => {
		const daemon = await fakeDaemon(routes);
		const ran = await runCommand(ImageRm, "image rm", ["redis:7", "--state", daemon.stateDirectory]);
		expect(ran).toEqual({ stdout: "redis:7 removed\n", stderr: "", exitCode: 0 });
	});

	it("says so as JSON", async () => {
		const daemon = await fakeDaemon(routes);
		const { stdout } = await runCommand(ImageRm, "image rm", ["redis:7", "--json", "--state", daemon.stateDirectory]);
		expect(JSON.parse(stdout)).toEqual({ removed: "redis:7" });
	});
});
