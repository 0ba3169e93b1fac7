import { afterEach, describe, expect, it, vi } from "vitest";
import LabLs from "../../../../src/cli/commands/lab/ls.js";
import { labStatus } from "../../../../src/node/lab/lab.js";
import { listLabs } from "../../../../src/node/lab/record.js";
import { lab } from "../../lab-fixture.js";
import { runCommand } from "../../run.js";

vi.mock("../../../../src/node/lab/lab.js", () => ({ labStatus: vi.fn() }));
vi.mock("../../../../src/node/lab/record.js", () => ({ listLabs: vi.fn() }));

afterEach(() => {
	vi.resetAllMocks();
});

describe("swarm lab ls", () => {
	it("shows each lab with its nodes and cuts", async () => {
		vi.mocked(listLabs).mockResolvedValue([{ ...lab, index: 1, namespace: "swarm-lab-lab" }]);
		vi.mocked(labStatus).mockResolvedValue(lab);
		const { stdout } = await runCommand(LabLs, "lab ls", []);
		expect(stdout).toMatch(/^lab lab\nNODE /);
		expect(stdout).toContain("Cut: n1 ⇄ n2\n");
		expect(JSON.parse((await runCommand(LabLs, "lab ls", ["--json"])).stdout)).toEqual([lab]);
	});

	it("says how to start one when there is none", async () => {
		vi.mocked(listLabs).mockResolvedValue([]);
		expect((await runCommand(LabLs, "lab ls", [])).stdout).toBe("no lab is up, start one with `swarm lab up`\n");
	});
});
