import { describe, expect, it } from "vitest";
import CaRotate from "../../../../src/cli/commands/ca/rotate.js";
import { fakeDaemon } from "../../fake-daemon.js";
import { runCommand } from "../../run.js";

const change = { fingerprint: "abc", oldUntilMs: 0 };
const routes = { "POST /v1/authority": () => change };

describe("swarm ca rotate", () => {
	it("accepts the old key for a week unless told otherwise, and says until when", async () => {
		const daemon = await fakeDaemon(routes);
		const { stdout } = await runCommand(CaRotate, "ca rotate", ["--state", daemon.stateDirectory]);
		expect(stdout).toBe("abc signs from now on, the old key counts until 1970-01-01T00:00:00.000Z\n");
		expect(daemon.asked[0]?.body).toEqual({ graceMs: 7 * 86_400_000 });
	});

	it("takes another grace and answers as JSON", async () => {
		const daemon = await fakeDaemon(routes);
		const argv = ["--grace", "2m", "--json", "--state", daemon.stateDirectory];
		expect(JSON.parse((await runCommand(CaRotate, "ca rotate", argv)).stdout)).toEqual(change);
		expect(daemon.asked[0]?.body).toEqual({ graceMs: 120_000 });
		expect((await runCommand(CaRotate, "ca rotate", ["--grace", "never"])).exitCode).toBe(2);
	});
});
