import { afterEach, describe, expect, it, vi } from "vitest";
import LabHeal from "../../../../src/cli/commands/lab/heal.js";
import { labHeal } from "../../../../src/node/lab/lab.js";
import { lab } from "../../lab-fixture.js";
import { runCommand } from "../../run.js";

vi.mock("../../../../src/node/lab/lab.js", () => ({ labHeal: vi.fn() }));
const heal = vi.mocked(labHeal);

afterEach(() => {
	heal.mockReset();
});

describe("swarm lab heal", () => {
	it("undoes every cut", async () => {
		heal.mockResolvedValue([]);
		expect((await runCommand(LabHeal, "lab heal", [])).stdout).toBe("nothing is cut\n");
		expect(heal).toHaveBeenCalledWith({ lab: "lab", node: null });
	});

	it("undoes those of one node and shows what stays", async () => {
		heal.mockResolvedValue(lab.cuts);
		expect((await runCommand(LabHeal, "lab heal", ["n3"])).stdout).toBe("Cut: n1 ⇄ n2\n");
		expect(heal).toHaveBeenCalledWith({ lab: "lab", node: "n3" });
		expect(JSON.parse((await runCommand(LabHeal, "lab heal", ["n3", "--json"])).stdout)).toEqual(lab.cuts);
	});
});
