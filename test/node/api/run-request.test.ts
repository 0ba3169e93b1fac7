import { describe, expect, it } from "vitest";
import { runRequestOf } from "../../../src/node/api/run-request.js";

const text = (name: string, more: object = {}) => JSON.stringify({ spec: { name, command: ["/bin/true"], ...more } });

describe("the body of a run", () => {
	it("is checked, and the same text gives the same spec again", () => {
		const first = runRequestOf(text("a"));
		expect(first.spec).toMatchObject({ name: "a", image: "host" });
		expect(runRequestOf(text("a")).spec).toBe(first.spec);
		expect(runRequestOf(text("a", { pool: 1 })).spec).toMatchObject({ pool: 1 });
	});

	it("is refused each time when it is wrong", () => {
		for (let round = 0; round < 2; round++)
			expect(() => runRequestOf(text("A"))).toThrow(expect.objectContaining({ code: "usage" }));
	});

	it("is remembered for a few specs only", () => {
		const first = runRequestOf(text("a")).spec;
		for (let count = 0; count < 8; count++) runRequestOf(text(`b${count}`));
		const again = runRequestOf(text("a")).spec;
		expect(again).not.toBe(first);
		expect(again).toEqual(first);
	});
});
