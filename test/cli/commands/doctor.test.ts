import { afterEach, describe, expect, it, vi } from "vitest";
import Doctor from "../../../src/cli/commands/doctor.js";
import { doctor } from "../../../src/node/doctor/doctor.js";
import { runCommand } from "../run.js";

vi.mock("../../../src/node/doctor/doctor.js", () => ({ doctor: vi.fn() }));
const report = vi.mocked(doctor);

const fine = { name: "kernel", status: "ok", found: "6.12", wanted: "5.15 or newer", fix: null } as const;
const lack = {
	name: "criu",
	status: "missing",
	found: "none",
	wanted: "CRIU 4.2",
	fix: "bash scripts/criu.sh",
} as const;

afterEach(() => {
	report.mockReset();
});

describe("swarm doctor", () => {
	it("shows every finding and what helps for each lack", async () => {
		report.mockResolvedValue([fine, lack]);
		const { stdout, exitCode } = await runCommand(Doctor, "doctor", []);
		expect(stdout).toMatch(/^kernel +ok +6\.12$/m);
		expect(stdout.endsWith("\nWhat helps:\n  criu, wanted CRIU 4.2: bash scripts/criu.sh\n")).toBe(true);
		expect(exitCode).toBe(0);
	});

	it("says when nothing is missing", async () => {
		report.mockResolvedValue([fine]);
		expect((await runCommand(Doctor, "doctor", [])).stdout).toContain("\nNothing is missing.\n");
	});

	it("gives the findings as JSON", async () => {
		report.mockResolvedValue([fine, lack]);
		expect(JSON.parse((await runCommand(Doctor, "doctor", ["--json"])).stdout)).toEqual([fine, lack]);
	});
});
