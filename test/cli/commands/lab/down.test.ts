import { afterEach, describe, expect, it, vi } from "vitest";
import LabDown from "../../../../src/cli/commands/lab/down.js";
import { labDown } from "../../../../src/node/lab/lab.js";
import { runCommand } from "../../run.js";

vi.mock("../../../../src/node/lab/lab.js", () => ({ labDown: vi.fn() }));
const down = vi.mocked(labDown);

afterEach(() => {
	down.mockReset();
});

describe("swarm lab down", () => {
	it("takes the lab down", async () => {
		down.mockResolvedValue(true);
		expect(await runCommand(LabDown, "lab down", [])).toEqual({ stdout: "lab lab is down\n", stderr: "", exitCode: 0 });
		expect(down).toHaveBeenCalledWith({ name: "lab" });
	});

	it("says as JSON which lab", async () => {
		down.mockResolvedValue(true);
		const { stdout } = await runCommand(LabDown, "lab down", ["--name", "two", "--json"]);
		expect(JSON.parse(stdout)).toEqual({ down: "two" });
	});

	it("ends with 4 when there is no such lab", async () => {
		down.mockResolvedValue(false);
		const ran = await runCommand(LabDown, "lab down", ["--name", "two"]);
		expect(ran).toEqual({ stdout: "", stderr: "Cannot take down the lab two: it is not up\n", exitCode: 4 });
	});
});
