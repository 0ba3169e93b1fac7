import { describe, expect, it } from "vitest";
import { sortedBy, useRows, useTable } from "../../src/cli/stats-rows.js";
import { type ContainerId, type ContainerStats, containerIdOf } from "../../src/model.js";
import { containerStats } from "./rows.js";

const row = (container: ContainerId, stats: Partial<ContainerStats>) => ({
	...{ container, workload: "web", node: "n1" },
	stats: containerStats(stats),
});
const [web0, web1] = [containerIdOf("web", 0), containerIdOf("web", 1)];

describe("rows of use", () => {
	it("are the differences of two readings by the time between them", () => {
		const before = [row(web0, { throttledUs: 0 })];
		const after = [
			row(web0, {
				takenAtMonotonicMs: 2_000,
				cpuUsageUs: 3_000_000,
				throttledUs: 500_000,
				networkReceivedBytes: 4_096,
			}),
		];
		expect(useRows(before, after)).toMatchObject([
			{
				cpuPercent: 150,
				throttledPercent: 25,
				networkReceivedBytesPerSecond: 2_048,
				networkSentBytesPerSecond: 0,
				ioReadBytesPerSecond: null,
			},
		]);
	});

	it("leave out what was not there before, or was started again in between", () => {
		const before = [row(web0, { cpuUsageUs: 100 })];
		const after = [row(web0, { cpuUsageUs: 5, takenAtMonotonicMs: 1 }), row(web1, {})];
		expect(useRows(before, after)).toEqual([]);
	});

	it("come with the largest first, equal ones by name", () => {
		const rows = useRows(
			[row(web0, {}), row(web1, {})],
			[row(web0, { takenAtMonotonicMs: 1 }), row(web1, { takenAtMonotonicMs: 1, memoryBytes: 2 ** 30 })],
		);
		const names = (key: "memory" | "cpu") => sortedBy(rows, key).map(({ container }) => container);
		expect(names("memory")).toEqual([web1, web0]);
		expect(names("cpu")).toEqual([web0, web1]);
	});

	it("show what is not counted as a dash", () => {
		const rows = useRows([row(web0, {})], [row(web0, { takenAtMonotonicMs: 1_000, cpuUsageUs: 10_000, pidsLimit: 5 })]);
		expect(useTable(rows)).toMatch(/web\.0 +n1 +1\.0 % +- +1 MiB of 64 MiB +1 of 5 +- +- +0 B\/s +0 B\/s +0\.0 0\.0 -/);
	});
});
