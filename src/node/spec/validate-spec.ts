// The one door for specs: what a person or a program gives becomes a Spec or a list of problems. Fields have the
// model's names; `resources.memory` ("256M") and `stopGrace` ("10s") may stand for memoryBytes and stopGraceMs, and
// ports and constraints may be written as text ("8080:80", "disk=ssd").
// Must never accept a field that it does not know: a typing error would silently change what runs.

import type { Constraint, Isolation, PublishedPort, Spec } from "../../model.js";
import { LOG_BYTES_MIN } from "../../native/launch.js";
import { healthOf } from "./health-field.js";
import {
	COMMAND_ARGUMENTS_MAX,
	CONSTRAINTS_MAX,
	ENV_ENTRIES_MAX,
	LOG_BYTES_DEFAULT,
	LOG_BYTES_MAX,
	POOL_MAX,
	PORTS_MAX,
	REPLICAS_MAX,
	SPEC_BYTES_MAX,
	STOP_GRACE_MS_DEFAULT,
	STOP_GRACE_MS_MAX,
} from "./limits.js";
import { type FieldPath, type Problem, problemsError, type Report, reportInto } from "./problems.js";
import {
	isPort,
	LABEL_PATTERN,
	labelRule,
	parseConstraint,
	parseDuration,
	parsePort,
	parseSize,
	quantityOf,
} from "./quantities.js";
import { type Fields, fieldsOf, listOf, optionalText, textField, textsOf, wholeNumber } from "./readers.js";
import { resourcesOf } from "./resources.js";
import { restartOf } from "./restart-field.js";
import { securityOf } from "./security.js";
import { volumesOf } from "./volumes.js";

const NAME_PATTERN = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const IMAGE_PATTERN = /^[a-z0-9][a-z0-9._/:-]{0,254}$/;
const USER_PATTERN = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})?$/;
const ENV_PATTERN = /^[A-Za-z_][A-Za-z0-9_.-]{0,254}$/;

const specFields = [
	"name",
	"image",
	"command",
	"env",
	"workdir",
	"user",
	"terminal",
	"stdin",
	"resources",
	"labels",
	"constraints",
	"ports",
	"replicas",
	"network",
	"stopGraceMs",
	"stopGrace",
	"restart",
	"isolation",
	"pool",
	"policy",
	"security",
	"health",
	"logSize",
	"logBytesMax",
	"volumes",
	"tmpfs",
];

/** The spec, or a `usage` error that names every wrong field in one line. */
export function validateSpec(given: unknown): Spec {
	const { spec, problems } = checkSpec(given);
	if (spec === null) throw problemsError(problems);
	return spec;
}

/** As validateSpec, with the problems as data: for callers that know the lines of a file. */
export function checkSpec(given: unknown): { readonly spec: Spec | null; readonly problems: readonly Problem[] } {
	const problems: Problem[] = [];
	const report = reportInto(problems);
	const fields = fieldsOf(given, [], specFields, report);
	if (fields === null) return { spec: null, problems };
	const isolation = isolationOf(fields.isolation, report);
	const network = networkOf(fields.network, isolation, report);
	const volumes = volumesOf(fields, report);
	const spec: Spec = {
		name: textField(fields, "name", NAME_PATTERN, nameWanted, report) ?? "",
		image:
			optionalText(fields.image, ["image"], IMAGE_PATTERN, "an image such as host or redis:7", report) ?? HOST_IMAGE,
		command: commandOf(fields.command, report),
		env: textsOf(fields.env, ["env"], { key: ENV_PATTERN, keyWanted: envWanted, most: ENV_ENTRIES_MAX }, report),
		workdir: optionalText(fields.workdir, ["workdir"], /^\/[^\0]*$/, "an absolute path", report),
		user: optionalText(fields.user, ["user"], USER_PATTERN, "name, uid, name:group or uid:gid", report),
		terminal: flagOf(fields, "terminal", report),
		stdin: flagOf(fields, "stdin", report),
		resources: resourcesOf(fields.resources, report),
		labels: textsOf(fields.labels, ["labels"], labelRule, report),
		constraints: listOf(fields.constraints, ["constraints"], CONSTRAINTS_MAX, constraintOf, report),
		ports: portsOf(fields, network, report),
		replicas: wholeNumber(fields.replicas ?? 1, ["replicas"], 1, REPLICAS_MAX, report) ?? 1,
		network,
		stopGraceMs: stopGraceOf(fields, report),
		restart: restartOf(fields.restart, report),
		isolation,
		security: securityOf(fields.security, { isolation, network }, report),
		logBytesMax: logBytesOf(fields, report),
		health: healthOf(fields.health, network, report),
		pool: wholeNumber(fields.pool ?? 0, ["pool"], 0, POOL_MAX, report) ?? 0,
		policy: policyOf(fields.policy, volumes, report),
		volumes,
	};
	const { egressBytesPerSecond, ingressBytesPerSecond } = spec.resources;
	if (spec.network !== "bridge" && (egressBytesPerSecond ?? ingressBytesPerSecond ?? null) !== null)
		report.phrase(
			["resources"],
			`with rates of a network, given with network ${spec.network}`,
			"network bridge, or no rates",
		);
	if (problems.length > 0) return { spec: null, problems };
	const bytes = Buffer.byteLength(JSON.stringify(spec));
	if (bytes > SPEC_BYTES_MAX) report.phrase([], `${bytes} bytes as JSON`, `at most ${SPEC_BYTES_MAX}`);
	return problems.length > 0 ? { spec: null, problems } : { spec, problems };
}

/** `logSize` as text ("64M") or `logBytesMax`. */
function logBytesOf(fields: Fields, report: Report): number {
	const field = fields.logSize == null ? "logBytesMax" : "logSize";
	const given = fields[field] ?? LOG_BYTES_DEFAULT;
	const bytes = field === "logSize" ? parseSize(quantityOf(given)) : given;
	if (typeof bytes === "number" && Number.isSafeInteger(bytes) && bytes >= LOG_BYTES_MIN && bytes <= LOG_BYTES_MAX)
		return bytes;
	report.value([field], given, "1M to 64G, such as 64M");
	return LOG_BYTES_DEFAULT;
}

function flagOf(fields: Fields, name: "terminal" | "stdin", report: Report): boolean {
	const given = fields[name] ?? false;
	if (typeof given === "boolean") return given;
	report.value([name], given, "true or false");
	return false;
}

function policyOf(given: unknown, volumes: Spec["volumes"], report: Report): Spec["policy"] {
	if (given === undefined || given === null)
		return volumes.some(({ kind }) => kind === "volume") ? "exclusive" : "available";
	if (given === "available" || given === "exclusive") return given;
	report.value(["policy"], given, "available or exclusive");
	return "available";
}

/** The embedded default image: needs no registry. */
const HOST_IMAGE = "host";
const nameWanted = "1 to 63 characters of a-z, 0-9 and '-', starting and ending with a letter or digit";
const envWanted = "a variable name of letters, digits and '_'";

function commandOf(given: unknown, report: Report): readonly string[] | null {
	if (given === undefined || given === null) return null;
	const wanted = 'a list such as [sleep, "60"]';
	if (!Array.isArray(given)) {
		report.value(["command"], given, wanted);
		return null;
	}
	if (given.length === 0 || given.length > COMMAND_ARGUMENTS_MAX) {
		report.phrase(["command"], `a list of ${given.length}`, `1 to ${COMMAND_ARGUMENTS_MAX} arguments`);
		return null;
	}
	const wrong = given.findIndex((part) => typeof part !== "string" || part.includes("\0"));
	if (wrong >= 0) report.value(["command", wrong], given[wrong], "text");
	if (given[0] === "") report.value(["command", 0], "", "the program to run");
	return given as readonly string[];
}

function constraintOf(given: unknown, path: FieldPath, report: Report): Constraint | null {
	const read = typeof given === "string" ? parseConstraint(given) : constraintFrom(given);
	if (read === null) report.value(path, given, "label=value, label!=value or label");
	return read;
}

function constraintFrom(given: unknown): Constraint | null {
	if (typeof given !== "object" || given === null) return null;
	const { label, operator, value = null } = given as Fields;
	if (typeof label !== "string" || !LABEL_PATTERN.test(label)) return null;
	if (operator === "exists" && value === null) return { label, operator, value };
	if ((operator === "=" || operator === "!=") && typeof value === "string") return { label, operator, value };
	return null;
}

function portsOf(fields: Fields, network: Spec["network"], report: Report): readonly PublishedPort[] {
	const ports = listOf(fields.ports, ["ports"], PORTS_MAX, portOf, report);
	const seen = new Set<string>();
	for (const [index, port] of ports.entries()) {
		const key = `${port.protocol}/${port.host}`;
		if (seen.has(key)) report.phrase(["ports", index], `${key} a second time`, "every port of the node once");
		seen.add(key);
	}
	if (ports.length > 0 && network !== "bridge") {
		report.phrase(["ports"], `given with network ${network}`, "network bridge, or no ports");
	}
	return ports;
}

function portOf(given: unknown, path: FieldPath, report: Report): PublishedPort | null {
	const read = typeof given === "string" ? parsePort(given) : portFrom(given);
	if (read === null) report.value(path, given, "node:container such as 8080:80 or 53:53/udp, ports 1 to 65535");
	return read;
}

function portFrom(given: unknown): PublishedPort | null {
	if (isPort(given)) return { host: given, container: given, protocol: "tcp" };
	if (typeof given !== "object" || given === null) return null;
	const { host, container, protocol = "tcp" } = given as Fields;
	if (!isPort(host) || !isPort(container) || (protocol !== "tcp" && protocol !== "udp")) return null;
	return { host, container, protocol };
}

function isolationOf(given: unknown, report: Report): Isolation {
	if (given === undefined || given === null) return "standard";
	if (given === "minimal" || given === "standard" || given === "strict") return given;
	report.value(["isolation"], given, "minimal, standard or strict");
	return "standard";
}

function networkOf(given: unknown, isolation: Isolation, report: Report): Spec["network"] {
	if (given === undefined || given === null) return networkUnlessSaid[isolation];
	if (given === "bridge" || given === "none") return given;
	if (given === "host" && isolation === "minimal") return given;
	if (given === "host") report.phrase(["network"], `host with isolation ${isolation}`, "isolation minimal for it");
	else report.value(["network"], given, "bridge or none, or with isolation minimal host");
	return "bridge";
}

const networkUnlessSaid = { minimal: "host", standard: "bridge", strict: "none" } as const;

function stopGraceOf(fields: Fields, report: Report): number {
	const field = fields.stopGrace == null ? "stopGraceMs" : "stopGrace";
	const given = fields[field] ?? STOP_GRACE_MS_DEFAULT;
	const text = typeof given === "number" && field === "stopGrace" ? String(given) : given;
	const ms = typeof text === "string" && field === "stopGrace" ? parseDuration(text) : text;
	if (typeof ms === "number" && Number.isInteger(ms) && ms >= 0 && ms <= STOP_GRACE_MS_MAX) return ms;
	report.value([field], given, "a duration up to 1h, such as 10s or 500ms");
	return STOP_GRACE_MS_DEFAULT;
}
