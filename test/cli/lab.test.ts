import { describe, expect, it } from "vitest";
import { cutsInWords, labTable, namesOf } from "../../src/cli/lab.js";
import { lab } from "./lab-fixture.js";

describe("lab", () => {
	it("shows what each node sees of the others, and the cuts", () => {
		const text = labTable(lab);
		expect(text).toMatch(/^n1 +10\.88\.1\.1 +4242 +n2 down +\/labs\/lab\/n1$/m);
		expect(text).toMatch(/^n2 +10\.88\.1\.2 +- +- +\/labs\/lab\/n2$/m);
		expect(text.endsWith("Cut: n1 ⇄ n2\n")).toBe(true);
	});

	it("tells one-way cuts from those both ways", () => {
		expect(cutsInWords([{ from: "n3", to: "n1" }, ...lab.cuts])).toBe("Cut: n1 ⇄ n2, n3 → n1\n");
		expect(cutsInWords([])).toBe("");
	});

	it("reads several names", () => {
		expect(namesOf("n1,n2,")).toEqual(["n1", "n2"]);
	});
});
