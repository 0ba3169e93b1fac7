import { afterEach, describe, expect, it, vi } from "vitest";
import LabStart from "../../../../src/cli/commands/lab/start.js";
import { labStart } from "../../../../src/node/lab/lab.js";
import { runCommand } from "../../run.js";

vi.mock("../../../../src/node/lab/lab.js", () => ({ labStart: vi.fn() }));
const start = vi.mocked(labStart);

afterEach(() => {
	start.mockReset();
});

describe("swarm lab start", () => {
	it("starts the node's daemon and says its pid", async () => {
		start.mockResolvedValue(4242);
		expect((await runCommand(LabStart, "lab start", ["n2"])).stdout).toBe("n2 runs with pid 4242\n");
		expect(start.mock.calls[0]?.slice(0, 2)).toEqual(["lab", "n2"]);
	});

	it("gives it as JSON", async () => {
		start.mockResolvedValue(4242);
		const { stdout } = await runCommand(LabStart, "lab start", ["n2", "--json"]);
		expect(JSON.parse(stdout)).toEqual({ node: "n2", pid: 4242 });
	});
});
