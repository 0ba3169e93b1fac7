import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { containerIdOf } from "../../src/model.js";
import { openFences, refuseFenced } from "../../src/runtime/fences.js";

const directory = mkdtempSync(join(tmpdir(), "swarm-fences-"));
const path = join(directory, "fences");
const web = containerIdOf("web", 0);
afterAll(() => rmSync(directory, { recursive: true }));

describe("fences", () => {
	it("remember the highest epoch of a removed container over a restart and a torn line", () => {
		const fences = openFences(path);
		expect(fences.epochOf(web)).toBe(0);
		fences.raise(web, 3);
		fences.raise(web, 2);
		fences.raise(web, 4);
		appendFileSync(path, "db.0 1");
		appendFileSync(path, "2x");
		expect(openFences(path).epochOf(web)).toBe(4);
		expect(readFileSync(path, "utf8")).toBe("web.0 4\n");
	});

	it("refuse a lower epoch as fenced and let the same and higher ones pass", () => {
		expect(() => refuseFenced("start", web, 3, 4)).toThrow(expect.objectContaining({ code: "fenced" }));
		expect(() => refuseFenced("start", web, 0, 0)).toThrow(expect.objectContaining({ code: "usage" }));
		refuseFenced("start", web, 4, 4);
		refuseFenced("start", web, 5, 4);
	});
});
