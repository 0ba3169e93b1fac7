// The `resources` of a spec: what is given becomes a ResourceRequest or problems. Fields that limit nothing are left out, so that two
// ways of saying nothing are the same spec.

import type { CpuMode, HugepageLimit, IoLimit, ResourceRequest } from "../../model.js";
import {
	CPU_LIST_CHARACTERS_MAX,
	CPU_WEIGHT_MAX,
	CPUS_MAX,
	CPUS_MIN,
	HUGEPAGE_LIMITS_MAX,
	IO_LIMITS_MAX,
	MEMORY_BYTES_MIN,
	PIDS_MAX,
	RATE_MIN,
} from "./limits.js";
import type { FieldPath, Report } from "./problems.js";
import { parseHugepages, parseIoLimit, parseSize } from "./quantities.js";
import { type Fields, fieldsOf, listOf, wholeNumber } from "./readers.js";

const fieldNames = [
	"cpus",
	"memory",
	"memoryBytes",
	"pids",
	"cpuWeight",
	"cpuMode",
	"cpusetCpus",
	"cpusetMems",
	"memoryHigh",
	"memoryHighBytes",
	"swap",
	"swapBytes",
	"io",
	"hugepages",
	"egress",
	"egressBytesPerSecond",
	"ingress",
	"ingressBytesPerSecond",
];
/** cpuset(7), list format. */
const CPU_LIST_PATTERN = /^\d{1,5}(-\d{1,5})?(,\d{1,5}(-\d{1,5})?)*$/;
const PAGE_SIZE_PATTERN = /^\d{1,6}(KB|MB|GB)$/;

export function resourcesOf(given: unknown, report: Report): ResourceRequest {
	const none = { cpus: null, memoryBytes: null, pids: null };
	if (given === undefined || given === null) return none;
	const fields = fieldsOf(given, ["resources"], fieldNames, report);
	if (fields === null) return none;
	const bytes = (name: string, least: number, unit = "Bytes") =>
		bytesOf(fields, [name, `${name}${unit}`], least, report);
	const more = {
		cpuWeight: number(fields, "cpuWeight", CPU_WEIGHT_MAX, report),
		cpuMode: cpuModeOf(fields.cpuMode, report),
		cpusetCpus: cpuListOf(fields, "cpusetCpus", report),
		cpusetMems: cpuListOf(fields, "cpusetMems", report),
		memoryHighBytes: bytes("memoryHigh", MEMORY_BYTES_MIN),
		swapBytes: bytes("swap", 0),
		egressBytesPerSecond: bytes("egress", RATE_MIN, "BytesPerSecond"),
		ingressBytesPerSecond: bytes("ingress", RATE_MIN, "BytesPerSecond"),
		io: present(listOf(fields.io, ["resources", "io"], IO_LIMITS_MAX, ioLimitOf, report)),
		hugepages: present(
			listOf(fields.hugepages, ["resources", "hugepages"], HUGEPAGE_LIMITS_MAX, hugepageLimitOf, report),
		),
	};
	const memoryBytes = bytes("memory", MEMORY_BYTES_MIN);
	if (more.swapBytes !== null && memoryBytes === null)
		report.phrase(["resources", "swap"], "given without memory", "a memory limit beside it");
	if (more.memoryHighBytes !== null && memoryBytes !== null && more.memoryHighBytes > memoryBytes)
		report.phrase(["resources", "memoryHigh"], "above the memory limit", "at most as much");
	return {
		cpus: cpusOf(fields.cpus, report),
		memoryBytes,
		pids: number(fields, "pids", PIDS_MAX, report),
		...Object.fromEntries(Object.entries(more).filter(([, value]) => value !== null)),
	};
}

function number(fields: Fields, name: string, most: number, report: Report): number | null {
	const given = fields[name];
	return given === undefined || given === null ? null : wholeNumber(given, ["resources", name], 1, most, report);
}

function cpuModeOf(given: unknown, report: Report): CpuMode | null {
	if (given === undefined || given === null) return null;
	const mode = cpuModes.find((candidate) => candidate === given);
	if (mode === undefined) report.value(["resources", "cpuMode"], given, cpuModes.join(", "));
	return mode ?? null;
}

const cpuModes: readonly CpuMode[] = ["low-latency", "default", "batch"];

function cpusOf(given: unknown, report: Report): number | null {
	if (given === undefined || given === null) return null;
	if (typeof given === "number" && given >= CPUS_MIN && given <= CPUS_MAX) return given;
	report.value(["resources", "cpus"], given, `CPUs from ${CPUS_MIN} to ${CPUS_MAX}, such as 0.5`);
	return null;
}

/** By its short name a size in text (`256M`) or a number, by the model's a number. */
function bytesOf(
	fields: Fields,
	[short, long]: readonly [string, string],
	least: number,
	report: Report,
): number | null {
	const field = fields[short] === undefined || fields[short] === null ? long : short;
	const given = fields[field];
	if (given === undefined || given === null) return null;
	const bytes = typeof given === "string" && field === short ? parseSize(given) : given;
	if (typeof bytes === "number" && Number.isSafeInteger(bytes) && bytes >= least) return bytes;
	const from = least === 0 ? "" : `at least ${least === MEMORY_BYTES_MIN ? "1M" : "8K"}, as `;
	report.value(["resources", field], given, `${from}a size such as 256M or 1.5G`);
	return null;
}

function cpuListOf(fields: Fields, name: string, report: Report): string | null {
	const given = fields[name];
	if (given === undefined || given === null) return null;
	const text = typeof given === "number" ? String(given) : given;
	if (typeof text === "string" && text.length <= CPU_LIST_CHARACTERS_MAX && CPU_LIST_PATTERN.test(text)) return text;
	report.value(["resources", name], given, "a list such as 0-3,8");
	return null;
}

function ioLimitOf(given: unknown, path: FieldPath, report: Report): IoLimit | null {
	const read = typeof given === "string" ? parseIoLimit(given) : ioLimitFrom(given);
	if (read === null)
		report.value(path, given, "DEVICE,read=10M,write=5M,read-ops=100,write-ops=50 with one rate at least");
	return read;
}

function ioLimitFrom(given: unknown): IoLimit | null {
	if (typeof given !== "object" || given === null) return null;
	const { device, readBytesPerSecond = null, writeBytesPerSecond = null, ...rest } = given as Fields;
	const { readOperationsPerSecond = null, writeOperationsPerSecond = null, ...others } = rest;
	const rates = [readBytesPerSecond, writeBytesPerSecond, readOperationsPerSecond, writeOperationsPerSecond];
	const fine = rates.every((rate) => rate === null || (Number.isSafeInteger(rate) && (rate as number) > 0));
	if (typeof device !== "string" || Object.keys(others).length > 0) return null;
	if (!fine || rates.every((rate) => rate === null) || !/^(\/[^\0,]*|\d+:\d+)$/.test(device)) return null;
	return {
		device,
		readBytesPerSecond: readBytesPerSecond as number | null,
		writeBytesPerSecond: writeBytesPerSecond as number | null,
		readOperationsPerSecond: readOperationsPerSecond as number | null,
		writeOperationsPerSecond: writeOperationsPerSecond as number | null,
	};
}

function hugepageLimitOf(given: unknown, path: FieldPath, report: Report): HugepageLimit | null {
	const read = typeof given === "string" ? parseHugepages(given) : (given as HugepageLimit | null);
	const { pageSize, bytes, ...others } = typeof read === "object" && read !== null ? read : ({} as HugepageLimit);
	const fine = typeof pageSize === "string" && PAGE_SIZE_PATTERN.test(pageSize) && Object.keys(others).length === 0;
	if (fine && Number.isSafeInteger(bytes) && bytes >= 0) return { pageSize, bytes };
	report.value(path, given, "a page size of the kernel and a size, such as 2MB=64M");
	return null;
}

function present<T>(list: readonly T[]): readonly T[] | null {
	return list.length === 0 ? null : list;
}
