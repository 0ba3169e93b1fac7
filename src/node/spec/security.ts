// The `security` part of a spec. Capabilities may be written without CAP_ and in small letters, rlimits as `{nofile: 1024}` or
// `{nofile: {soft: 1024, hard: unlimited}}`. Must never accept what would change the node: sysctls go by an allow-list.

import type { SwarmError } from "../../errors.js";
import {
	type DeviceAccess,
	type Isolation,
	type ResourceLimit,
	type Security,
	type Spec,
	standardSecurity,
} from "../../model.js";
import { capabilityOf } from "../../native/capabilities.js";
import { readSeccompProfile } from "../../runtime/seccomp/read-profile.js";
import { SYSCTL_WANTED, sysctlPath } from "../../runtime/security/sysctls.js";
import { DEVICES_MAX, SYSCTL_VALUE_CHARACTERS_MAX, SYSCTLS_MAX } from "./limits.js";
import type { FieldPath, Report } from "./problems.js";
import { type Fields, fieldsOf, listOf, optionalFlag, wholeNumber } from "./readers.js";

/** As getrlimit(2) names them, without RLIMIT_. */
const rlimitNames = [
	"as",
	"core",
	"cpu",
	"data",
	"fsize",
	"locks",
	"memlock",
	"msgqueue",
	"nice",
	"nofile",
	"nproc",
	"rss",
	"rtprio",
	"rttime",
	"sigpending",
	"stack",
];
const securityFields = Object.keys(standardSecurity);

/** What the options must fit to. */
interface Surroundings {
	readonly isolation: Isolation;
	readonly network: Spec["network"];
}

export function securityOf(given: unknown, around: Surroundings, report: Report): Security {
	if (given === undefined || given === null) return standardSecurity;
	const fields = fieldsOf(given, ["security"], securityFields, report);
	if (fields === null) return standardSecurity;
	return {
		capabilities: capabilitiesOf(fields.capabilities, report),
		readOnlyRoot: optionalFlag(fields.readOnlyRoot, ["security", "readOnlyRoot"], report),
		rlimits: rlimitsOf(fields.rlimits, report),
		userNamespace: userNamespaceOf(fields.userNamespace, around.isolation, report),
		sysctls: sysctlsOf(fields.sysctls, around.network, report),
		oomScoreAdj:
			fields.oomScoreAdj == null
				? null
				: wholeNumber(fields.oomScoreAdj, ["security", "oomScoreAdj"], -1000, 1000, report),
		devices: devicesOf(fields.devices, around.isolation, report),
		seccomp: seccompOf(fields.seccomp, report),
	};
}

function userNamespaceOf(given: unknown, isolation: Isolation, report: Report): boolean | null {
	const wished = optionalFlag(given, ["security", "userNamespace"], report);
	if (wished && isolation === "minimal")
		report.phrase(
			["security", "userNamespace"],
			"given with isolation minimal",
			"standard or strict: minimal is the node's own root",
		);
	return wished;
}

/** A profile is carried inline; its size counts to the spec's. */
function seccompOf(given: unknown, report: Report): Security["seccomp"] {
	if (given === undefined || given === null || given === "default") return "default";
	if (given === "unconfined") return given;
	if (typeof given === "string") {
		report.value(
			["security", "seccomp"],
			given,
			"default, unconfined or a profile (fields defaultAction and syscalls)",
		);
		return "default";
	}
	try {
		return readSeccompProfile(given);
	} catch (thrown) {
		const details = (thrown as SwarmError).details as { field: string; given: string; wanted: string };
		report.phrase(["security", "seccomp", details.field], details.given, details.wanted);
		return "default";
	}
}

/** `/dev/fuse`, `/dev/fuse:rw`, or the fields of the model. */
function devicesOf(given: unknown, isolation: Isolation, report: Report): readonly DeviceAccess[] {
	const path = ["security", "devices"];
	const devices = listOf(given, path, DEVICES_MAX, deviceOf, report);
	if (devices.length > 0 && isolation === "minimal")
		report.phrase(path, "given with isolation minimal", "none: it has every device of the node");
	return devices;
}

function deviceOf(given: unknown, path: FieldPath, report: Report): DeviceAccess | null {
	const fields = (typeof given === "object" && given !== null ? given : {}) as Fields;
	const text = typeof given === "string" ? given : `${fields.path}:${fields.access ?? "rwm"}`;
	const match = /^(\/dev\/[\w.-]+(?:\/[\w.-]+)*)(?::(r?w?m?))?$/.exec(text);
	const access = match?.[2] ?? "rwm";
	if (match?.[1] !== undefined && access !== "" && !text.split("/").some((part) => /^\.+$/.test(part)))
		return { path: match[1], access };
	report.value(path, given, "a device below /dev, such as /dev/fuse or /dev/fuse:rw");
	return null;
}

function capabilitiesOf(given: unknown, report: Report): Security["capabilities"] {
	if (given === undefined || given === null) return standardSecurity.capabilities;
	const path = ["security", "capabilities"];
	const fields = fieldsOf(given, path, ["add", "drop", "ambient"], report);
	if (fields === null) return standardSecurity.capabilities;
	const read = (name: string) => capabilityList(fields[name], [...path, name], name !== "ambient", report);
	return { add: read("add"), drop: read("drop"), ambient: read("ambient") };
}

function capabilityList(given: unknown, path: FieldPath, allowAll: boolean, report: Report): readonly string[] {
	if (given === undefined || given === null) return [];
	if (!Array.isArray(given)) {
		report.value(path, given, "a list such as [NET_ADMIN]");
		return [];
	}
	const names = given.flatMap((item: unknown, index) => {
		if (allowAll && typeof item === "string" && item.toUpperCase() === "ALL") return ["ALL"];
		const name = typeof item === "string" ? capabilityOf(item) : null;
		if (name === null)
			report.value([...path, index], item, `a capability such as NET_ADMIN${allowAll ? ", or ALL" : ""}`);
		return name === null ? [] : [name];
	});
	return [...new Set<string>(names)];
}

/** Also the list that the model has, so that a spec can be sent again. */
function rlimitsOf(given: unknown, report: Report): readonly ResourceLimit[] {
	if (given === undefined || given === null) return [];
	const path = ["security", "rlimits"];
	const entries: readonly (readonly [unknown, unknown, FieldPath])[] = Array.isArray(given)
		? given.map((item: unknown, index) => [(item as Fields | null)?.name, item, [...path, index]])
		: typeof given === "object"
			? Object.entries(given).map(([name, value]) => [name, value, [...path, name]])
			: [];
	if (typeof given !== "object") report.value(path, given, "names with limits, such as {nofile: 1024}");
	const limits = entries
		.map(([name, value, at]) => rlimitOf(name, value, at, report))
		.filter((limit) => limit !== null);
	const twice = limits.find((limit, index) => limits.findIndex(({ name }) => name === limit.name) !== index);
	if (twice !== undefined) report.phrase(path, `${twice.name} a second time`, "every limit once");
	return limits;
}

function rlimitOf(name: unknown, given: unknown, path: FieldPath, report: Report): ResourceLimit | null {
	if (typeof name !== "string" || !rlimitNames.includes(name)) {
		report.value(path, name, `one of ${rlimitNames.join(", ")}`);
		return null;
	}
	const isGroup = typeof given === "object" && given !== null;
	const { soft, hard = soft } = isGroup ? (given as Fields) : { soft: given };
	const [low, high] = [countOf(soft), countOf(hard)];
	if (low !== undefined && high !== undefined && (high === null || (low !== null && low <= high)))
		return { name, soft: low, hard: high };
	report.value(path, isGroup ? soft : given, "a count or unlimited, soft at most hard");
	return null;
}

/** null: unlimited; undefined: neither. */
function countOf(given: unknown): number | null | undefined {
	if (given === null || given === "unlimited" || given === -1) return null;
	return typeof given === "number" && Number.isSafeInteger(given) && given >= 0 ? given : undefined;
}

function sysctlsOf(given: unknown, network: Spec["network"], report: Report): Readonly<Record<string, string>> {
	if (given === undefined || given === null) return {};
	const path = ["security", "sysctls"];
	if (typeof given !== "object" || Array.isArray(given)) {
		report.value(path, given, "names with values, such as {net.ipv4.ip_forward: 1}");
		return {};
	}
	const entries = Object.entries(given);
	if (entries.length > SYSCTLS_MAX) report.phrase(path, `${entries.length} entries`, `at most ${SYSCTLS_MAX}`);
	return Object.fromEntries(
		entries.flatMap(([name, value]: [string, unknown]) => {
			const text = typeof value === "number" ? String(value) : value;
			if (sysctlPath(name) === null) report.phrase([...path, name], "not of the container alone", SYSCTL_WANTED);
			else if (network === "host" && name.startsWith("net"))
				report.phrase(
					[...path, name],
					"given with network host",
					"network bridge or none: the node's own stay as they are",
				);
			else if (typeof text !== "string" || !/^[\x20-\x7e\t]+$/.test(text) || text.length > SYSCTL_VALUE_CHARACTERS_MAX)
				report.value([...path, name], value, `a value of at most ${SYSCTL_VALUE_CHARACTERS_MAX} characters`);
			else return [[name, text]];
			return [];
		}),
	);
}
