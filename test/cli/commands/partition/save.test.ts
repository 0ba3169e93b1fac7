import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import PartitionSave from "../../../../src/cli/commands/partition/save.js";
import { fakeDaemon } from "../../fake-daemon.js";
import { runCommand } from "../../run.js";

it("swarm partition save asks the node that keeps the copy, and writes it", async () => {
	const made = mkdtempSync(join(tmpdir(), "swarm-save-"));
	onTestFinished(() => rmSync(made, { recursive: true }));
	const daemon = await fakeDaemon({ "GET /v1/superseded/5-web.0-1": () => ({ an: "archive" }) });
	const args = ["5-web.0-1", join(made, "web.tar"), "--node", "n2", "--state", daemon.stateDirectory];
	const { exitCode, stdout } = await runCommand(PartitionSave, "partition save", args);
	expect(exitCode).toBe(0);
	expect(stdout).toContain("web.tar");
	expect(daemon.asked[0]?.query).toEqual({ node: "n2" });
});
