import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ResourceRequest } from "../../../src/model.js";
import { controllersNeeded, limitsNeeded, settingChanges, settingsOf } from "../../../src/runtime/cgroup/limits.js";

const MIB = 2 ** 20;
const none: ResourceRequest = { cpus: null, memoryBytes: null, pids: null };
const all: ResourceRequest = { cpus: 1.5, memoryBytes: 64 * MIB, pids: 20 };
const settings = (request: ResourceRequest, version: 1 | 2) =>
	settingsOf(request, { versionOf: () => version, deviceOf: () => "8:0", cpusOf: ({ cpus }) => cpus ?? 4 });
const texts = (request: ResourceRequest, version: 1 | 2) =>
	settings(request, version).map(({ file, value }) => `${file}=${value}`);

describe("limits", () => {
	it("writes memory without extra swap, quota, weight and pids on v2", () => {
		expect(texts(all, 2)).toEqual([
			"memory.max=67108864",
			"memory.swap.max=0",
			"cpu.max=150000 100000",
			"cpu.weight=150",
			"pids.max=20",
		]);
	});

	it("writes the same limits under their v1 names, the memory limit before that of memory and swap", () => {
		expect(texts(all, 1)).toEqual([
			"memory.limit_in_bytes=67108864",
			"memory.memsw.limit_in_bytes=67108864",
			"cpu.cfs_period_us=100000",
			"cpu.cfs_quota_us=150000",
			"cpu.shares=1536",
			"pids.max=20",
		]);
	});

	it("writes weights, CPU sets, high memory, swap, I/O and huge pages on v2", () => {
		expect(
			texts(
				{
					...none,
					memoryBytes: 64 * MIB,
					cpuWeight: 300,
					cpusetCpus: "0-3",
					cpusetMems: "0",
					memoryHighBytes: 32 * MIB,
					swapBytes: MIB,
					io: [{ ...noRates, device: "/dev/sda", readBytesPerSecond: MIB, writeOperationsPerSecond: 100 }],
					hugepages: [{ pageSize: "2MB", bytes: 4 * MIB }],
				},
				2,
			),
		).toEqual([
			"memory.max=67108864",
			"memory.swap.max=1048576",
			"memory.high=33554432",
			"cpu.weight=300",
			"cpuset.cpus=0-3",
			"cpuset.mems=0",
			"io.max=8:0 rbps=1048576 wbps=max riops=max wiops=100",
			"hugetlb.2MB.rsvd.max=4194304",
			"hugetlb.2MB.max=4194304",
		]);
	});

	it("writes them under their v1 names: swap with memory, one file for each rate", () => {
		const io = [{ ...noRates, device: "/dev/sda", readBytesPerSecond: MIB, writeOperationsPerSecond: 100 }];
		expect(texts({ ...none, memoryBytes: MIB, swapBytes: MIB, cpuWeight: 50, io }, 1)).toEqual([
			"memory.limit_in_bytes=1048576",
			"memory.memsw.limit_in_bytes=2097152",
			"cpu.shares=512",
			"blkio.throttle.read_bps_device=8:0 1048576",
			"blkio.throttle.write_iops_device=8:0 100",
		]);
	});

	it("lets files of swap be absent unless swap was asked for, and no other file of memory", () => {
		const optional = (request: ResourceRequest) =>
			settings(request, 2)
				.filter((setting) => setting.optional)
				.map(({ file }) => file);
		expect(optional(all)).toEqual(["memory.swap.max"]);
		expect(optional({ ...all, swapBytes: MIB })).toEqual([]);
	});

	it("writes nothing and needs no controller when nothing is asked for", () => {
		expect(settings(none, 2)).toEqual([]);
		expect(controllersNeeded(none)).toEqual([]);
		expect(controllersNeeded({ ...none, pids: 3 })).toEqual(["pids"]);
		expect(limitsNeeded({ ...none, memoryHighBytes: MIB, cpusetMems: "0" })).toEqual(["memory.high", "cpuset"]);
	});

	it("begins with the most of its CPU mode, in short periods", () => {
		expect(texts({ ...none, cpuMode: "batch" }, 2)).toEqual(["cpu.max=40000 20000", "cpu.weight=100"]);
		expect(texts({ ...none, cpus: 1, cpuMode: "low-latency" }, 1)).toEqual([
			"cpu.cfs_period_us=20000",
			"cpu.cfs_quota_us=20000",
			"cpu.shares=1024",
		]);
		expect(limitsNeeded({ ...none, cpuMode: "default" })).toEqual(["cpu", "cpu.mode"]);
	});

	it("stays within what the kernel takes for tiny and huge shares", () => {
		const values = (cpus: number, version: 1 | 2) => settings({ ...none, cpus }, version).map(({ value }) => value);
		expect(values(0.001, 2)).toEqual(["1000 100000", "1"]);
		expect(values(1_000, 2)).toEqual(["100000000 100000", "10000"]);
		expect(values(0.001, 1)).toEqual(["100000", "1000", "2"]);
	});
});

describe("changes of limits", () => {
	const between = (before: ResourceRequest, after: ResourceRequest, version: 1 | 2) => {
		const { apply, undo } = settingChanges(settings(before, version), settings(after, version));
		const lines = (writes: typeof apply) => writes.map(({ file, value }) => `${file}=${value ?? "(parent)"}`);
		return { apply: lines(apply), undo: lines(undo) };
	};

	it("writes only what differs, and undoes it in reverse", () => {
		expect(between(all, { ...all, cpus: 2, pids: 30 }, 2)).toEqual({
			apply: ["cpu.max=200000 100000", "cpu.weight=200", "pids.max=30"],
			undo: ["pids.max=20", "cpu.weight=150", "cpu.max=150000 100000"],
		});
	});

	it("lifts what is no longer asked for", () => {
		expect(between({ ...all, cpusetCpus: "0" }, none, 2).apply).toEqual([
			"memory.max=max",
			"memory.swap.max=max",
			"cpu.max=max 100000",
			"cpu.weight=100",
			"cpuset.cpus=\n",
			"pids.max=max",
		]);
		expect(between({ ...none, cpusetCpus: "0" }, none, 1).apply).toEqual(["cpuset.cpus=(parent)"]);
	});

	it("raises memory with swap before memory in v1, and lowers it after", () => {
		const memory = (mib: number) => ({ ...none, memoryBytes: mib * MIB });
		const files = (from: number, to: number) =>
			between(memory(from), memory(to), 1).apply.map((line) => line.split("=")[0]);
		expect(files(64, 128)).toEqual(["memory.memsw.limit_in_bytes", "memory.limit_in_bytes"]);
		expect(files(128, 64)).toEqual(["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"]);
		expect(between(memory(64), none, 1).apply[0]).toBe("memory.memsw.limit_in_bytes=-1");
	});

	it("leaves each file as it was after apply and undo, whatever the requests", () => {
		const request = fc.record({
			cpus: fc.option(fc.constantFrom(0.5, 1, 2)),
			memoryBytes: fc.option(fc.constantFrom(MIB, 2 * MIB)),
			pids: fc.option(fc.constantFrom(10, 20)),
			cpusetCpus: fc.option(fc.constantFrom("0", "1")),
			io: fc.option(fc.constantFrom([{ ...noRates, device: "a", readBytesPerSecond: 5 }])),
		});
		fc.assert(
			fc.property(request, request, fc.constantFrom(1 as const, 2 as const), (before, after, version) => {
				const files = new Map<string, string | null>();
				const put = (writes: readonly { file: string; value: string | null; unlimited: string | null }[]) => {
					for (const { file, value, unlimited } of writes)
						if (value === unlimited) files.delete(file);
						else files.set(file, value);
				};
				put(settings(before, version));
				const [first, { apply, undo }] = [
					new Map(files),
					settingChanges(settings(before, version), settings(after, version)),
				];
				put(apply);
				const wanted = settings(after, version).filter(({ value, unlimited }) => value !== unlimited);
				expect(files).toEqual(new Map(wanted.map(({ file, value }) => [file, value])));
				put(undo);
				expect(files).toEqual(first);
			}),
		);
	});
});

const noRates = {
	readBytesPerSecond: null,
	writeBytesPerSecond: null,
	readOperationsPerSecond: null,
	writeOperationsPerSecond: null,
};
