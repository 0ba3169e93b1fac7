import { afterEach, describe, expect, it, vi } from "vitest";
import LabExec from "../../../../src/cli/commands/lab/exec.js";
import { labExec } from "../../../../src/node/lab/lab.js";
import { runCommand } from "../../run.js";

vi.mock("../../../../src/node/lab/lab.js", () => ({ labExec: vi.fn() }));
const exec = vi.mocked(labExec);

afterEach(() => {
	exec.mockReset();
});

describe("swarm lab exec", () => {
	it("runs what stands after -- and passes the exit code on", async () => {
		exec.mockResolvedValue(7);
		const ran = await runCommand(LabExec, "lab exec", ["n2", "--", "swarm", "ps", "--json"]);
		expect(exec).toHaveBeenCalledWith("lab", "n2", ["swarm", "ps", "--json"]);
		expect(ran).toEqual({ stdout: "", stderr: "", exitCode: 7 });
	});

	it("takes the lab's name before the --", async () => {
		exec.mockResolvedValue(0);
		await runCommand(LabExec, "lab exec", ["--name", "two", "n1", "--", "true"]);
		expect(exec).toHaveBeenCalledWith("two", "n1", ["true"]);
	});

	it("asks for a command", async () => {
		const ran = await runCommand(LabExec, "lab exec", ["n1"]);
		expect(ran.stderr).toBe("Cannot run on n1: no command was given, wanted it after --\n");
		expect(ran.exitCode).toBe(2);
	});
});
