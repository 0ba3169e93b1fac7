import { afterEach, describe, expect, it, vi } from "vitest";
import LabPartition from "../../../../src/cli/commands/lab/partition.js";
import { labPartition } from "../../../../src/node/lab/lab.js";
import { lab } from "../../lab-fixture.js";
import { runCommand } from "../../run.js";

vi.mock("../../../../src/node/lab/lab.js", () => ({ labPartition: vi.fn() }));
const partition = vi.mocked(labPartition);

afterEach(() => {
	partition.mockReset();
});

describe("swarm lab partition", () => {
	it("cuts both ways between the sides and shows all cuts", async () => {
		partition.mockResolvedValue(lab.cuts);
		const { stdout } = await runCommand(LabPartition, "lab partition", ["n1", "n2"]);
		expect(partition).toHaveBeenCalledWith({ lab: "lab", from: ["n1"], to: ["n2"], oneWay: false });
		expect(stdout).toBe("Cut: n1 ⇄ n2\n");
	});

	it("takes several nodes a side, one way, and gives JSON", async () => {
		partition.mockResolvedValue(lab.cuts);
		const { stdout } = await runCommand(LabPartition, "lab partition", ["n1,n2", "n3", "--one-way", "--json"]);
		expect(partition).toHaveBeenCalledWith({ lab: "lab", from: ["n1", "n2"], to: ["n3"], oneWay: true });
		expect(JSON.parse(stdout)).toEqual(lab.cuts);
	});
});
