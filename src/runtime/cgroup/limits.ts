// Resource requests as the files that a cgroup wants written. Pure. cgroup-v2.rst and cgroup-v1/*.rst of the kernel
// documentation are the source of names and ranges.

import type { IoLimit, LimitName, ResourceRequest } from "../../model.js";
import { modeRules } from "../quota/controller.js";
import type { Controller } from "./layout.js";

/** One line of one file of a cgroup. */
export interface Setting {
	readonly limit: LimitName;
	readonly controller: Controller;
	readonly file: string;
	readonly value: string;
	/** What lifts it again; null: what the parent has (v1 cpuset takes no "anything"). */
	readonly unlimited: string | null;
	/** The file may be absent: kernels without swap accounting have no swap files. */
	readonly optional: boolean;
	/** For files with a line a device. */
	readonly device: string | null;
}

export interface SettingsPlace {
	readonly versionOf: (controller: Controller) => 1 | 2;
	/** CPUs of which a request with a CPU mode gets a share. */
	readonly cpusOf: (request: ResourceRequest) => number;
	/** `major:minor` of what IoLimit.device names; throws when there is no such device. */
	readonly deviceOf: (device: string) => string;
}

/** A limit, the controllers that it stands on, and whether a request has it. */
interface LimitKind {
	readonly name: LimitName;
	readonly controller: Controller;
	readonly asked: (request: ResourceRequest) => boolean;
	readonly settings: (request: ResourceRequest, place: SettingsPlace) => readonly Setting[];
}

const CPU_PERIOD_US = 100_000;
/** The kernel refuses a quota below 1 ms. */
const CPU_QUOTA_US_MIN = 1_000;
/** What a cgroup has that nobody gave a weight. */
const CPU_WEIGHT_DEFAULT = 100;
const CPU_SHARES_DEFAULT = 1_024;

const kinds: readonly LimitKind[] = [
	{
		name: "memory",
		controller: "memory",
		asked: ({ memoryBytes }) => memoryBytes !== null,
		settings: (request, place) => memorySettings(request, place.versionOf("memory")),
	},
	{
		name: "memory.high",
		controller: "memory",
		asked: ({ memoryHighBytes }) => (memoryHighBytes ?? null) !== null,
		settings: ({ memoryHighBytes }) => [one("memory.high", "memory", "memory.high", String(memoryHighBytes), "max")],
	},
	{
		// Written with memory, because the files of v1 depend on each other.
		name: "swap",
		controller: "memory",
		asked: ({ swapBytes }) => (swapBytes ?? null) !== null,
		settings: () => [],
	},
	{
		name: "cpu",
		controller: "cpu",
		asked: ({ cpus, cpuWeight, cpuMode }) => (cpus ?? cpuWeight ?? cpuMode ?? null) !== null,
		settings: (request, place) => cpuSettings(request, place),
	},
	{
		// Adapted by quota/; the kernel has to tell who waits.
		name: "cpu.mode",
		controller: "cpu",
		asked: ({ cpuMode }) => (cpuMode ?? null) !== null,
		settings: () => [],
	},
	{
		name: "cpuset",
		controller: "cpuset",
		asked: ({ cpusetCpus, cpusetMems }) => (cpusetCpus ?? null) !== null || (cpusetMems ?? null) !== null,
		settings: (request, place) => cpusetSettings(request, place.versionOf("cpuset")),
	},
	{
		name: "pids",
		controller: "pids",
		asked: ({ pids }) => pids !== null,
		settings: ({ pids }) => [one("pids", "pids", "pids.max", String(pids), "max")],
	},
	{
		name: "io",
		controller: "io",
		asked: ({ io }) => (io ?? []).length > 0,
		settings: ({ io }, place) => (io ?? []).flatMap((limit) => ioSettings(limit, place)),
	},
	{
		name: "hugepages",
		controller: "hugetlb",
		asked: ({ hugepages }) => (hugepages ?? []).length > 0,
		settings: (request, place) => hugepageSettings(request, place.versionOf("hugetlb")),
	},
];

/** In the order in which they are to be written. */
export function settingsOf(request: ResourceRequest, place: SettingsPlace): readonly Setting[] {
	return kinds.filter((kind) => kind.asked(request)).flatMap((kind) => kind.settings(request, place));
}

/** What a machine must be able to limit for a request. */
export function limitsNeeded(request: ResourceRequest): readonly LimitName[] {
	const { egressBytesPerSecond, ingressBytesPerSecond } = request;
	const bandwidth = (egressBytesPerSecond ?? ingressBytesPerSecond ?? null) !== null;
	return [...cgroupLimitsNeeded(request), ...(bandwidth ? (["bandwidth"] as const) : [])];
}

/** Of these, what cgroups limit; network/ does the rest. */
export function cgroupLimitsNeeded(request: ResourceRequest): readonly LimitName[] {
	return kinds.filter((kind) => kind.asked(request)).map((kind) => kind.name);
}

/** Controllers that a request cannot do without. */
export function controllersNeeded(request: ResourceRequest): readonly Controller[] {
	return [...new Set(kinds.filter((kind) => kind.asked(request)).map((kind) => kind.controller))];
}

/** A file that exists in a cgroup (below the root) where the limit works: for kinds that a controller alone does not promise. */
export function witnessOf(limit: LimitName, version: 1 | 2): string | null {
	if (limit === "memory.high") return "memory.high";
	if (limit === "swap") return version === 2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes";
	if (limit === "io") return version === 2 ? "io.max" : "blkio.throttle.read_bps_device";
	if (limit === "cpu") return version === 2 ? "cpu.max" : "cpu.cfs_quota_us";
	return null;
}

export function controllerOf(limit: LimitName): Controller {
	return (kinds.find((kind) => kind.name === limit) as LimitKind).controller;
}

export const limitNames: readonly LimitName[] = kinds.map((kind) => kind.name);

/** What to write to get from one request to another, and what undoes it; both in order. */
export function settingChanges(before: readonly Setting[], after: readonly Setting[]) {
	const same = (a: Write) => (b: Setting) => a.file === b.file && a.device === b.device;
	const changed = after.filter((setting) => before.find(same(setting))?.value !== setting.value);
	const lifted = before.filter((setting) => !after.some(same(setting)));
	const apply = raisedFirst([...lifted.map(lift), ...changed], before);
	const undo = [...apply].reverse().map((write) => before.find(same(write)) ?? lift(write));
	return { apply, undo };
}

/** `value` null: the parent's. */
export type Write = Omit<Setting, "value"> & { readonly value: string | null };

function lift(setting: Write): Write {
	return { ...setting, value: setting.unlimited };
}

const V1_MEMORY = "memory.limit_in_bytes";
const V1_MEMORY_AND_SWAP = "memory.memsw.limit_in_bytes";

/** v1 refuses a limit of memory and swap below that of memory, at every moment: raised first, lowered last. */
function raisedFirst(writes: readonly Write[], before: readonly Setting[]): readonly Write[] {
	const both = writes.find(({ file }) => file === V1_MEMORY_AND_SWAP);
	if (both === undefined) return writes;
	const was = before.find(({ file }) => file === V1_MEMORY_AND_SWAP);
	const rises = both.value === "-1" || (was !== undefined && Number(both.value) > Number(was.value));
	if (!rises) return writes;
	return [both, ...writes.filter((write) => write !== both)];
}

function one(
	limit: LimitName,
	controller: Controller,
	file: string,
	value: string,
	unlimited: string | null,
	{ optional = false, device = null }: Partial<Pick<Setting, "optional" | "device">> = {},
): Setting {
	return { limit, controller, file, value, unlimited, optional, device };
}

/** A memory limit includes swap: what does not fit in memory is not swapped out but fails, unless swap was asked for. */
function memorySettings({ memoryBytes, swapBytes }: ResourceRequest, version: 1 | 2): readonly Setting[] {
	const optional = (swapBytes ?? null) === null;
	const swap = swapBytes ?? 0;
	const memory = memoryBytes ?? 0;
	if (version === 2)
		return [
			one("memory", "memory", "memory.max", String(memory), "max"),
			one("swap", "memory", "memory.swap.max", String(swap), "max", { optional }),
		];
	return [
		one("memory", "memory", V1_MEMORY, String(memory), "-1"),
		one("swap", "memory", V1_MEMORY_AND_SWAP, String(memory + swap), "-1", { optional }),
	];
}

/** Of the CPU time that a quota gives, in microseconds of each period. */
export function quotaUsOf(cpus: number, percent: number, periodUs: number): number {
	return Math.max(CPU_QUOTA_US_MIN, Math.round((cpus * percent * periodUs) / 100));
}

/** Short, so that one that is held back and one that waits for it take turns often. */
export const ADAPTED_PERIOD_US = 20_000;

function quotaOf(
	request: ResourceRequest,
	place: SettingsPlace,
): { readonly us: number; readonly periodUs: number } | null {
	const { cpus, cpuMode } = request;
	if (cpuMode != null) {
		const us = quotaUsOf(place.cpusOf(request), modeRules[cpuMode].ceiling, ADAPTED_PERIOD_US);
		return { us, periodUs: ADAPTED_PERIOD_US };
	}
	return cpus === null ? null : { us: quotaUsOf(cpus, 100, CPU_PERIOD_US), periodUs: CPU_PERIOD_US };
}

function cpuSettings(request: ResourceRequest, place: SettingsPlace): readonly Setting[] {
	const { cpus, cpuWeight } = request;
	const cpu = (file: string, value: string | number, unlimited: string | number) =>
		one("cpu", "cpu", file, String(value), String(unlimited));
	const weight = cpuWeight ?? (cpus === null ? CPU_WEIGHT_DEFAULT : CPU_WEIGHT_DEFAULT * cpus);
	const quota = quotaOf(request, place);
	if (place.versionOf("cpu") === 2)
		return [
			...(quota === null ? [] : [cpu("cpu.max", `${quota.us} ${quota.periodUs}`, `max ${CPU_PERIOD_US}`)]),
			cpu("cpu.weight", between(1, Math.round(weight), 10_000), CPU_WEIGHT_DEFAULT),
		];
	const shares = (weight / CPU_WEIGHT_DEFAULT) * CPU_SHARES_DEFAULT;
	return [
		...(quota === null
			? []
			: [cpu("cpu.cfs_period_us", quota.periodUs, CPU_PERIOD_US), cpu("cpu.cfs_quota_us", quota.us, -1)]),
		cpu("cpu.shares", between(2, Math.round(shares), 262_144), CPU_SHARES_DEFAULT),
	];
}

function cpusetSettings({ cpusetCpus, cpusetMems }: ResourceRequest, version: 1 | 2): readonly Setting[] {
	// An empty line of v2 means: what the parent has.
	const unlimited = version === 2 ? "\n" : null;
	const set = (file: string, list: string | null | undefined) =>
		list == null ? [] : [one("cpuset", "cpuset", file, list, unlimited)];
	return [...set("cpuset.cpus", cpusetCpus), ...set("cpuset.mems", cpusetMems)];
}

function ioSettings(limit: IoLimit, { versionOf, deviceOf }: SettingsPlace): readonly Setting[] {
	const device = deviceOf(limit.device);
	const rates = [
		["rbps", "read_bps", limit.readBytesPerSecond],
		["wbps", "write_bps", limit.writeBytesPerSecond],
		["riops", "read_iops", limit.readOperationsPerSecond],
		["wiops", "write_iops", limit.writeOperationsPerSecond],
	] as const;
	if (versionOf("io") === 2) {
		const line = rates.map(([key, , rate]) => `${key}=${rate ?? "max"}`).join(" ");
		const none = rates.map(([key]) => `${key}=max`).join(" ");
		return [one("io", "io", "io.max", `${device} ${line}`, `${device} ${none}`, { device })];
	}
	return rates.flatMap(([, name, rate]) =>
		rate === null
			? []
			: [one("io", "io", `blkio.throttle.${name}_device`, `${device} ${rate}`, `${device} 0`, { device })],
	);
}

/** What is reserved counts as well: then a mapping that is too large is refused at once, instead of killing who touches it. */
function hugepageSettings({ hugepages }: ResourceRequest, version: 1 | 2): readonly Setting[] {
	const [file, unlimited] = version === 2 ? ["max", "max"] : ["limit_in_bytes", "-1"];
	const set = (name: string, bytes: number, optional: boolean) =>
		one("hugepages", "hugetlb", name, String(bytes), unlimited as string, { optional });
	return (hugepages ?? []).flatMap(({ pageSize, bytes }) => [
		set(`hugetlb.${pageSize}.rsvd.${file}`, bytes, true),
		set(`hugetlb.${pageSize}.${file}`, bytes, false),
	]);
}

function between(low: number, value: number, high: number): number {
	return Math.min(high, Math.max(low, value));
}
