// config-linux.md#control-groups: linux.resources as the files that cgroups want written, each in the tree that has its controller. Pure.
// Names and conversions: cgroup-v2.rst and cgroup-v1 of the kernel documentation; shares to weight as crun and runc do.

import {
	at,
	type Field,
	filledText,
	flag,
	isAbsent,
	list,
	object,
	optional,
	refuseField,
	refuseUnsupported,
	text,
	texts,
	uint32,
	whole,
} from "./fields.js";

export interface ResourceWrite {
	/** By its v2 name; null: the cgroup itself (linux.resources.unified). */
	readonly controller: "cpu" | "cpuset" | "memory" | "pids" | "io" | "hugetlb" | "rdma" | null;
	readonly file: string;
	readonly value: string;
	/** The field that wants it. */
	readonly field: string;
	/** The file may be absent, when the value is what the kernel does anyway. */
	readonly optional: boolean;
}

type Version = 1 | 2;
export type VersionOf = (controller: NonNullable<ResourceWrite["controller"]>) => Version;

/** Of files that depend on each other, the order matters. */
export function resourceWrites(resources: Field, versionOf: VersionOf): readonly ResourceWrite[] {
	const part = (name: string) =>
		optional(at(resources, name), object, { path: `${resources.path}.${name}`, value: {} });
	if (!isAbsent(at(resources, "network"))) refuseNetwork(at(resources, "network"));
	return [
		...memoryWrites(part("memory"), versionOf("memory")),
		...cpuWrites(part("cpu"), versionOf("cpu")),
		...cpusetWrites(part("cpu")),
		...pidsWrites(part("pids")),
		...blockWrites(part("blockIO"), versionOf("io")),
		...hugepageWrites(at(resources, "hugepageLimits"), versionOf("hugetlb")),
		...rdmaWrites(at(resources, "rdma")),
		...unifiedWrites(at(resources, "unified")),
	];
}

function refuseNetwork(field: Field): void {
	if (Object.keys(object(field).value as object).length > 0)
		refuseUnsupported(field, "classes and priorities of packets (net_cls, net_prio) are not offered");
}

function write(
	controller: ResourceWrite["controller"],
	file: string,
	value: string | number,
	field: Field,
	isOptional = false,
): ResourceWrite {
	return { controller, file, value: String(value), field: field.path, optional: isOptional };
}

/** -1 is "unlimited" in the configuration and in v1, "max" in v2. */
function bytes(field: Field, version: Version): string {
	const value = whole(field);
	if (value < -1) refuseField(field, "a whole number from -1");
	return value === -1 && version === 2 ? "max" : String(value);
}

function memoryWrites(memory: Field, version: Version): readonly ResourceWrite[] {
	const [limit, swap, reservation] = [at(memory, "limit"), at(memory, "swap"), at(memory, "reservation")];
	const writes: ResourceWrite[] = [];
	for (const name of ["kernel", "kernelTCP"])
		if (optional(at(memory, name), whole, -1) > 0)
			refuseUnsupported(at(memory, name), "kernels no longer limit it by itself");
	if (optional(at(memory, "disableOOMKiller"), flag, false))
		if (version === 1) writes.push(write("memory", "memory.oom_control", 1, at(memory, "disableOOMKiller")));
		else refuseUnsupported(at(memory, "disableOOMKiller"), "cgroup v2 has no such switch");
	if (!isAbsent(at(memory, "swappiness")) && version === 1)
		writes.push(write("memory", "memory.swappiness", uint32(at(memory, "swappiness")), at(memory, "swappiness")));
	if (version === 2) return [...writes, ...unifiedMemory(limit, swap, reservation)];
	const plain = (field: Field, file: string) =>
		isAbsent(field) ? [] : [write("memory", file, bytes(field, 1), field)];
	const both = [...plain(limit, "memory.limit_in_bytes"), ...plain(swap, "memory.memsw.limit_in_bytes")];
	// v1 refuses memory above memory and swap: without a limit of the former the latter goes first.
	const ordered = limit.value === -1 ? both.reverse() : both;
	return [...writes, ...ordered, ...plain(reservation, "memory.soft_limit_in_bytes")];
}

/** In the configuration swap counts memory too, in v2 it does not. */
function unifiedMemory(limit: Field, swap: Field, reservation: Field): readonly ResourceWrite[] {
	const plain = (field: Field, file: string) =>
		isAbsent(field) ? [] : [write("memory", file, bytes(field, 2), field)];
	return [...plain(limit, "memory.max"), ...unifiedSwap(limit, swap), ...plain(reservation, "memory.low")];
}

function unifiedSwap(limit: Field, swap: Field): readonly ResourceWrite[] {
	if (isAbsent(swap)) return [];
	const total = whole(swap);
	if (total === -1) return [write("memory", "memory.swap.max", "max", swap, true)];
	if (total === 0 && isAbsent(limit)) return [];
	const memory = isAbsent(limit) ? refuseField(limit, "a limit beside swap, which counts memory too") : whole(limit);
	if (total < memory) refuseField(swap, "at least the memory limit, which it counts too");
	return [write("memory", "memory.swap.max", total - memory, swap, total === memory)];
}

const SHARES_MIN = 2;
const SHARES_MAX = 262_144;
const WEIGHT_MAX = 10_000;
const PERIOD_US = 100_000;

function cpuWrites(cpu: Field, version: Version): readonly ResourceWrite[] {
	const [shares, quota, period, burst, idle] = ["shares", "quota", "period", "burst", "idle"].map((name) =>
		at(cpu, name),
	) as [Field, Field, Field, Field, Field];
	for (const name of ["realtimeRuntime", "realtimePeriod"])
		if (optional(at(cpu, name), whole, 0) !== 0 && version === 2)
			refuseUnsupported(at(cpu, name), "cgroup v2 has no real-time budget");
	const plain = (field: Field, file: string) => (isAbsent(field) ? [] : [write("cpu", file, whole(field), field)]);
	if (version === 1)
		return [
			...(optional(shares, whole, 0) > 0 ? plain(shares, "cpu.shares") : []),
			...(optional(period, whole, 0) > 0 ? plain(period, "cpu.cfs_period_us") : []),
			...(optional(quota, whole, 0) !== 0 ? plain(quota, "cpu.cfs_quota_us") : []),
			...plain(burst, "cpu.cfs_burst_us"),
			...(optional(at(cpu, "realtimePeriod"), whole, 0) > 0
				? plain(at(cpu, "realtimePeriod"), "cpu.rt_period_us")
				: []),
			...(optional(at(cpu, "realtimeRuntime"), whole, 0) > 0
				? plain(at(cpu, "realtimeRuntime"), "cpu.rt_runtime_us")
				: []),
			...plain(idle, "cpu.idle"),
		];
	const weight = optional(shares, whole, 0);
	return [
		...(weight > 0 ? [write("cpu", "cpu.weight", weightOf(weight), shares)] : []),
		...quotaWrites(quota, period),
		...plain(burst, "cpu.max.burst"),
		...plain(idle, "cpu.idle"),
	];
}

/** 2 … 262,144 → 1 … 10,000. */
function weightOf(shares: number): number {
	const within = Math.min(SHARES_MAX, Math.max(SHARES_MIN, shares));
	return 1 + Math.floor(((within - SHARES_MIN) * (WEIGHT_MAX - 1)) / (SHARES_MAX - SHARES_MIN));
}

function quotaWrites(quota: Field, period: Field): readonly ResourceWrite[] {
	const periodUs = optional(period, whole, 0);
	const quotaUs = optional(quota, whole, 0);
	if (quotaUs === 0 && periodUs === 0) return [];
	const field = quotaUs === 0 ? period : quota;
	return [write("cpu", "cpu.max", `${quotaUs > 0 ? quotaUs : "max"} ${periodUs > 0 ? periodUs : PERIOD_US}`, field)];
}

function cpusetWrites(cpu: Field): readonly ResourceWrite[] {
	return ["cpus", "mems"].flatMap((name) => {
		const value = optional(at(cpu, name), text, "");
		return value === "" ? [] : [write("cpuset", `cpuset.${name}`, value, at(cpu, name))];
	});
}

/** 0 and below: no limit, as runc and crun read it. */
function pidsWrites(pids: Field): readonly ResourceWrite[] {
	const limit = at(pids, "limit");
	return optional(limit, (field) => [write("pids", "pids.max", whole(field) > 0 ? whole(field) : "max", field)], []);
}

function blockWrites(block: Field, version: Version): readonly ResourceWrite[] {
	const rates = [
		["throttleReadBpsDevice", "rbps", "read_bps"],
		["throttleWriteBpsDevice", "wbps", "write_bps"],
		["throttleReadIOPSDevice", "riops", "read_iops"],
		["throttleWriteIOPSDevice", "wiops", "write_iops"],
	] as const;
	const throttles = rates.flatMap(([name, key, old]) =>
		optional(at(block, name), (devices) => list(devices, object), []).map((device) => {
			const number = `${uint32(at(device, "major"))}:${uint32(at(device, "minor"))}`;
			const rate = whole(at(device, "rate"));
			return version === 2
				? write("io", "io.max", `${number} ${key}=${rate > 0 ? rate : "max"}`, device)
				: write("io", `blkio.throttle.${old}_device`, `${number} ${rate}`, device);
		}),
	);
	return [...weightWrites(block, version), ...throttles];
}

/** 10 … 1,000 of the configuration is 1 … 10,000 of io.weight; schedulers without weights have no such file. */
function weightWrites(block: Field, version: Version): readonly ResourceWrite[] {
	for (const name of ["leafWeight"])
		if (optional(at(block, name), whole, 0) !== 0) refuseUnsupported(at(block, name), "kernels no longer have it");
	const [weight, devices] = [at(block, "weight"), at(block, "weightDevice")];
	const one = (prefix: string, field: Field) => {
		const value = optional(field, whole, 0);
		if (value === 0) return [];
		const scaled = Math.floor(1 + ((value - 10) * 9_999) / 990);
		return version === 2
			? [
					write("io", "io.bfq.weight", `${prefix}${value}`, field, true),
					write("io", "io.weight", `${prefix || "default "}${scaled}`, field, true),
				]
			: [write("io", prefix === "" ? "blkio.bfq.weight" : "blkio.bfq.weight_device", `${prefix}${value}`, field, true)];
	};
	return [
		...one("", weight),
		...optional(devices, (given) => list(given, object), []).flatMap((device) =>
			one(`${uint32(at(device, "major"))}:${uint32(at(device, "minor"))} `, at(device, "weight")),
		),
	];
}

function hugepageWrites(field: Field, version: Version): readonly ResourceWrite[] {
	const file = version === 2 ? "max" : "limit_in_bytes";
	return optional(field, (limits) => list(limits, object), []).flatMap((limit) => {
		const size = filledText(at(limit, "pageSize"));
		if (!/^\d+[KMG]B$/.test(size)) refuseField(at(limit, "pageSize"), "a size like 2MB");
		const value = whole(at(limit, "limit"));
		return [
			write("hugetlb", `hugetlb.${size}.rsvd.${file}`, value, limit, true),
			write("hugetlb", `hugetlb.${size}.${file}`, value, limit),
		];
	});
}

function rdmaWrites(field: Field): readonly ResourceWrite[] {
	return optional(
		field,
		(devices) =>
			Object.keys(object(devices).value as object).map((name) => {
				const limit = object(at(devices, name));
				const part = (key: string, word: string) =>
					optional(at(limit, key), (value) => [`${word}=${uint32(value)}`], []);
				const values = [...part("hcaHandles", "hca_handle"), ...part("hcaObjects", "hca_object")];
				return write("rdma", "rdma.max", [name, ...values].join(" "), limit);
			}),
		[],
	);
}

/** Files of v2 by name: "the runtime MUST generate an error" where there is no such file. */
function unifiedWrites(field: Field): readonly ResourceWrite[] {
	return Object.entries(optional(field, texts, {})).map(([file, value]) => {
		if (/[/\0]|^\.|^cgroup\./.test(file)) refuseField(at(field, file), "a controller's file like memory.high");
		return write(null, file, value, at(field, file));
	});
}
