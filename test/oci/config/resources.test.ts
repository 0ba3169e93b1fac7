// config-linux.md#control-groups: what is written where, on v2 and on v1.

import { describe, expect, it } from "vitest";
import { resourceWrites } from "../../../src/oci/config/resources.js";

const written = (resources: Readonly<Record<string, unknown>>, version: 1 | 2 = 2) =>
	resourceWrites({ path: "linux.resources", value: resources }, () => version).map(
		({ file, value }) => `${file} ${value}`,
	);

describe("config-linux.md#memory", () => {
	const memory = { limit: 1000, swap: 1500, reservation: 500 };

	it("counts memory in swap, which v2 does not", () => {
		expect(written({ memory })).toEqual(["memory.max 1000", "memory.swap.max 500", "memory.low 500"]);
		expect(written({ memory }, 1)).toEqual([
			"memory.limit_in_bytes 1000",
			"memory.memsw.limit_in_bytes 1500",
			"memory.soft_limit_in_bytes 500",
		]);
	});

	it("lifts limits with -1, in v1 the wider one first", () => {
		expect(written({ memory: { limit: -1, swap: -1 } })).toEqual(["memory.max max", "memory.swap.max max"]);
		expect(written({ memory: { limit: -1, swap: -1 } }, 1)).toEqual([
			"memory.memsw.limit_in_bytes -1",
			"memory.limit_in_bytes -1",
		]);
	});

	it.each([
		[{ limit: 10, swap: 5 }, "linux.resources.memory.swap is 5, wanted at least the memory limit"],
		[{ swap: 5 }, "linux.resources.memory.limit is absent"],
		[{ limit: "1G" }, 'linux.resources.memory.limit is "1G"'],
		[{ limit: -2 }, "linux.resources.memory.limit is -2"],
		[{ kernel: 5 }, "linux.resources.memory.kernel is set, but"],
		[{ disableOOMKiller: true }, "linux.resources.memory.disableOOMKiller is set, but"],
	])("refuses %j", (given, reason) => {
		expect(() => written({ memory: given })).toThrow(reason);
	});
});

describe("config-linux.md#cpu", () => {
	it("turns shares into a weight, and quota and period into cpu.max", () => {
		expect(written({ cpu: { shares: 1024, quota: 50_000, period: 100_000 } })).toEqual([
			"cpu.weight 39",
			"cpu.max 50000 100000",
		]);
		expect(written({ cpu: { shares: 2 } })).toEqual(["cpu.weight 1"]);
		expect(written({ cpu: { shares: 262_144 } })).toEqual(["cpu.weight 10000"]);
		expect(written({ cpu: { quota: -1 } })).toEqual(["cpu.max max 100000"]);
		expect(written({ cpu: { period: 50_000 } })).toEqual(["cpu.max max 50000"]);
		expect(written({ cpu: { shares: 512, quota: -1, period: 100_000 } }, 1)).toEqual([
			"cpu.shares 512",
			"cpu.cfs_period_us 100000",
			"cpu.cfs_quota_us -1",
		]);
	});

	it("leaves zeros alone, has sets, burst and idle, and no real time on v2", () => {
		expect(written({ cpu: { shares: 0, quota: 0, period: 0 } })).toEqual([]);
		expect(written({ cpu: { cpus: "0-1", mems: "0", burst: 5, idle: 1 } })).toEqual([
			"cpu.max.burst 5",
			"cpu.idle 1",
			"cpuset.cpus 0-1",
			"cpuset.mems 0",
		]);
		expect(() => written({ cpu: { realtimeRuntime: 5 } })).toThrow("linux.resources.cpu.realtimeRuntime is set, but");
	});
});

describe("config-linux.md#pids, #block-io, #huge-page-limits, #rdma, #unified, #network", () => {
	it("are lines of their files", () => {
		expect(written({ pids: { limit: 5 } })).toEqual(["pids.max 5"]);
		expect(written({ pids: { limit: -1 } })).toEqual(["pids.max max"]);
		const blockIO = { throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 100 }] };
		expect(written({ blockIO })).toEqual(["io.max 8:0 rbps=100"]);
		expect(written({ blockIO }, 1)).toEqual(["blkio.throttle.read_bps_device 8:0 100"]);
		expect(written({ hugepageLimits: [{ pageSize: "2MB", limit: 4 }] })).toEqual([
			"hugetlb.2MB.rsvd.max 4",
			"hugetlb.2MB.max 4",
		]);
		expect(written({ rdma: { mlx5_1: { hcaHandles: 3, hcaObjects: 4 } } })).toEqual([
			"rdma.max mlx5_1 hca_handle=3 hca_object=4",
		]);
		expect(written({ unified: { "memory.high": "5" } })).toEqual(["memory.high 5"]);
	});

	it.each([
		[{ unified: { "../x": "1" } }, "linux.resources.unified.../x"],
		[{ unified: { "cgroup.procs": "1" } }, "linux.resources.unified.cgroup.procs"],
		[{ hugepageLimits: [{ pageSize: "2 MB", limit: 1 }] }, "linux.resources.hugepageLimits[0].pageSize"],
		[{ network: { classID: 1 } }, "linux.resources.network is set, but"],
	])("refuses %j", (resources, reason) => {
		expect(() => written(resources)).toThrow(reason);
	});
});
