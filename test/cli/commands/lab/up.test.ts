import { afterEach, describe, expect, it, vi } from "vitest";
import LabUp from "../../../../src/cli/commands/lab/up.js";
import { labUp } from "../../../../src/node/lab/lab.js";
import { lab } from "../../lab-fixture.js";
import { runCommand } from "../../run.js";

vi.mock("../../../../src/node/lab/lab.js", () => ({ labUp: vi.fn() }));
const up = vi.mocked(labUp);

afterEach(() => {
	up.mockReset();
});

describe("swarm lab up", () => {
	it("brings up three nodes unless told otherwise, with progress on standard error", async () => {
		up.mockImplementation(async ({ onProgress }) => {
			onProgress("n1 started at 10.88.1.1");
			return lab;
		});
		const ran = await runCommand(LabUp, "lab up", []);
		expect(up.mock.calls[0]?.[0]).toMatchObject({ name: "lab", nodes: 3 });
		expect(ran.stderr).toBe("n1 started at 10.88.1.1\n");
		expect(ran.stdout).toMatch(/^n1 +10\.88\.1\.1 /m);
	});

	it("gives the lab as JSON", async () => {
		up.mockResolvedValue(lab);
		const { stdout } = await runCommand(LabUp, "lab up", ["--name", "two", "--nodes", "2", "--json"]);
		expect(JSON.parse(stdout)).toEqual(lab);
		expect(up.mock.calls[0]?.[0]).toMatchObject({ name: "two", nodes: 2 });
	});
});
