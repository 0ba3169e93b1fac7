import { describe, expect, it } from "vitest";
import { mergedResources } from "../../../src/node/api/resources.js";

const before = { cpus: 1, memoryBytes: 2 ** 20, pids: null, cpusetCpus: "0" };

describe("resources of an update", () => {
	it("keeps what is not given", () => {
		expect(mergedResources(before, { cpus: 2 }, "web")).toEqual({ ...before, cpus: 2 });
	});

	it("replaces a size given by its short name, and lifts what is null", () => {
		expect(mergedResources(before, { memory: "2M" }, "web")).toEqual({ ...before, memoryBytes: 2 ** 21 });
		expect(mergedResources(before, { memoryBytes: 2 ** 22 }, "web").memoryBytes).toBe(2 ** 22);
		expect(mergedResources(before, { memory: null, cpusetCpus: null }, "web")).toEqual({
			cpus: 1,
			memoryBytes: null,
			pids: null,
		});
	});

	it("refuses what no spec may have", () => {
		expect(() => mergedResources(before, { memory: null, swap: "1M" }, "web")).toThrow(/swap is given without memory/);
		expect(() => mergedResources(before, { colour: 1 }, "web")).toThrow(/colour is not a known field/);
	});
});
