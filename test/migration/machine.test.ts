import { describe, expect, it } from "vitest";
import { sourceTable, stepSource } from "../../src/migration/source-machine.js";
import { stepTarget, targetTable } from "../../src/migration/target-machine.js";
import { explore } from "./support/explore.js";

describe("a move, in every order of its events", () => {
	it("ends with the copy on the target when nothing fails", () => {
		expect([...explore(0).ends]).toEqual(["moved arrived none runs target"]);
	});

	it("never has two running copies, never none, and ends well, with a failure, cut or crash at every step", () => {
		const { ends, phasesSeen } = explore(1);
		expect([...ends].every((end) => end.includes("runs"))).toBe(true);
		for (const phase of Object.keys(sourceTable)) if (phase !== "gone") expect(phasesSeen).toContain(`source ${phase}`);
		for (const phase of Object.keys(targetTable)) expect(phasesSeen).toContain(`target ${phase}`);
	});

	it("keeps that with three faults in one move", () => {
		expect(explore(3).states).toBeGreaterThan(300);
	});
});

describe("the tables", () => {
	it("let nothing thaw the source after the claim but a claim of a higher epoch", () => {
		for (const phase of ["handed", "reclaiming", "removing"] as const)
			for (const [event, step] of Object.entries(sourceTable[phase].on))
				if (step.effects.includes("thaw"))
					expect([phase, event]).toEqual([phase, phase === "reclaiming" && event === "done" ? "done" : "taken-back"]);
	});

	it("let the target run on nothing but the decision", () => {
		for (const [phase, row] of Object.entries(targetTable))
			for (const [event, step] of Object.entries(row.on))
				if (step.effects.includes("release"))
					expect([phase, event]).toEqual(phase === "prepared" ? ["prepared", "go"] : ["releasing", "boot"]);
	});

	it("change nothing for an event that comes too late", () => {
		expect(stepSource("moved", "failed")).toBeNull();
		expect(stepSource("deciding", "link-lost")).toBeNull();
		expect(stepTarget("arrived", "abort")).toBeNull();
	});

	it("do not abort for a source that asks to after the claim was seen", () => {
		expect(stepTarget("releasing", "abort")).toBeNull();
	});
});
