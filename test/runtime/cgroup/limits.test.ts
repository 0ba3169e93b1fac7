import { describe, expect, it } from "vitest";
import { controllersNeeded, limitWrites } from "../../../src/runtime/cgroup/limits.js";

const MIB = 2 ** 20;
const all = { cpus: 1.5, memoryBytes: 64 * MIB, pids: 20 };
const texts = (version: 1 | 2) => limitWrites(all, () => version).map(({ file, value }) => `${file}=${value}`);

describe("limits", () => {
	it("writes memory without extra swap, quota, weight and pids on v2", () => {
		expect(texts(2)).toEqual([
			"memory.max=67108864",
			"memory.swap.max=0",
			"cpu.max=150000 100000",
			"cpu.weight=150",
			"pids.max=20",
		]);
	});

	it("writes the same limits under their v1 names, the memory limit before that of memory and swap", () => {
		expect(texts(1)).toEqual([
			"memory.limit_in_bytes=67108864",
			"memory.memsw.limit_in_bytes=67108864",
			"cpu.cfs_period_us=100000",
			"cpu.cfs_quota_us=150000",
			"cpu.shares=1536",
			"pids.max=20",
		]);
	});

	it("lets swap files be absent, and no other file", () => {
		const optional = limitWrites(all, () => 2).filter((write) => write.optional);
		expect(optional.map(({ file }) => file)).toEqual(["memory.swap.max"]);
	});

	it("writes nothing and needs no controller when nothing is asked for", () => {
		const none = { cpus: null, memoryBytes: null, pids: null };
		expect(limitWrites(none, () => 2)).toEqual([]);
		expect(controllersNeeded(none)).toEqual([]);
		expect(controllersNeeded({ ...none, pids: 3 })).toEqual(["pids"]);
	});

	it("stays within what the kernel takes for tiny and huge shares", () => {
		const write = (cpus: number, version: 1 | 2) =>
			limitWrites({ cpus, memoryBytes: null, pids: null }, () => version).map(({ value }) => value);
		expect(write(0.001, 2)).toEqual(["1000 100000", "1"]);
		expect(write(1_000, 2)).toEqual(["100000000 100000", "10000"]);
		expect(write(0.001, 1)).toEqual(["100000", "1000", "2"]);
	});
});
