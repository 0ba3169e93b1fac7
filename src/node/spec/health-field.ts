// `health` of a spec. One of `command`, `http` ("8080/ready") and `tcp` (6379) says what is asked; `interval`, `timeout` and
// `startPeriod` may be written as text ("10s"). What the decoder gives can be given again.

import type { HealthCheck, HealthProbe, Spec } from "../../model.js";
import { COMMAND_ARGUMENTS_MAX } from "./limits.js";
import type { Report } from "./problems.js";
import { isPort, parseDuration, quantityOf } from "./quantities.js";
import { type Fields, fieldsOf, wholeNumber } from "./readers.js";

export const HEALTH_INTERVAL_MS_DEFAULT = 10_000;
export const HEALTH_TIMEOUT_MS_DEFAULT = 5_000;
export const HEALTH_RETRIES_DEFAULT = 3;
const DURATION_MS_MAX = 24 * 3_600_000;
/** A check a second is a process a second for a command. */
const INTERVAL_MS_MIN = 100;
const RETRIES_MAX = 1_000;
const PATH_CHARACTERS_MAX = 2_048;

const known = [
	...["command", "http", "tcp", "probe"],
	...["interval", "intervalMs", "timeout", "timeoutMs", "retries", "startPeriod", "startPeriodMs"],
];

export function healthOf(given: unknown, network: Spec["network"], report: Report): HealthCheck | null {
	if (given === undefined || given === null) return null;
	const fields = fieldsOf(given, ["health"], known, report);
	if (fields === null) return null;
	const probe = probeOf(fields, report);
	if (probe === null) return null;
	if (probe.kind !== "command" && network !== "bridge")
		report.phrase(["health", probe.kind], `given with network ${network}`, "network bridge, or a command");
	return {
		probe,
		intervalMs: durationOf(fields, "interval", HEALTH_INTERVAL_MS_DEFAULT, INTERVAL_MS_MIN, report),
		timeoutMs: durationOf(fields, "timeout", HEALTH_TIMEOUT_MS_DEFAULT, 1, report),
		retries:
			wholeNumber(fields.retries ?? HEALTH_RETRIES_DEFAULT, ["health", "retries"], 1, RETRIES_MAX, report) ??
			HEALTH_RETRIES_DEFAULT,
		startPeriodMs: durationOf(fields, "startPeriod", 0, 0, report),
	};
}

function probeOf(fields: Fields, report: Report): HealthProbe | null {
	const given = (["command", "http", "tcp"] as const).filter((name) => fields[name] != null);
	if (given.length > 1) {
		report.phrase(["health"], `given with ${given.join(" and ")}`, "one of command, http and tcp");
		return null;
	}
	switch (given[0]) {
		case "command":
			return commandProbe(fields.command, report);
		case "http":
			return httpProbe(fields.http, report);
		case "tcp":
			return tcpProbe(fields.tcp, report);
		default:
			return wholeProbe(fields.probe, report);
	}
}

/** The form that a spec holds. */
function wholeProbe(given: unknown, report: Report): HealthProbe | null {
	const { kind, command, port, path = "/" } = (given ?? {}) as Fields;
	if (kind === "command") return commandProbe(command, report);
	if (kind === "tcp") return tcpProbe(port, report);
	if (kind === "http" && isPort(port)) {
		if (typeof path === "string" && path.startsWith("/")) return httpProbe(`${port}${path}`, report);
		report.value(["health", "probe", "path"], path, "a path in the container, such as /ready");
		return null;
	}
	report.phrase(["health"], "given without a check", "one of command, http and tcp");
	return null;
}

function commandProbe(given: unknown, report: Report): HealthProbe | null {
	const isList = Array.isArray(given) && given.length > 0 && given.length <= COMMAND_ARGUMENTS_MAX;
	if (isList && given[0] !== "" && given.every((part) => typeof part === "string" && !part.includes("\0")))
		return { kind: "command", command: given };
	report.value(
		["health", "command"],
		given,
		`a list of 1 to ${COMMAND_ARGUMENTS_MAX} texts, such as [redis-cli, ping]`,
	);
	return null;
}

function httpProbe(given: unknown, report: Report): HealthProbe | null {
	const text = typeof given === "number" ? String(given) : given;
	const found = typeof text === "string" ? /^:?(\d{1,5})(\/[\x21-\x7e]*)?$/.exec(text) : null;
	const port = Number(found?.[1]);
	const path = found?.[2] ?? "/";
	if (found !== null && isPort(port) && path.length <= PATH_CHARACTERS_MAX) return { kind: "http", port, path };
	report.value(["health", "http"], given, "a port and a path in the container, such as 8080/ready");
	return null;
}

function tcpProbe(given: unknown, report: Report): HealthProbe | null {
	const port = typeof given === "string" && /^\d{1,5}$/.test(given) ? Number(given) : given;
	if (isPort(port)) return { kind: "tcp", port };
	report.value(["health", "tcp"], given, "a port in the container, 1 to 65535");
	return null;
}

/** `interval` as text wins over `intervalMs`: it stands for what somebody just typed. */
function durationOf(fields: Fields, name: string, standard: number, leastMs: number, report: Report): number {
	const field = fields[name] == null ? `${name}Ms` : name;
	const given = fields[field] ?? standard;
	const ms = field === name ? parseDuration(quantityOf(given)) : given;
	if (typeof ms === "number" && Number.isInteger(ms) && ms >= leastMs && ms <= DURATION_MS_MAX) return ms;
	report.value(["health", field], given, `a duration from ${leastMs}ms to 24h, such as 10s or 500ms`);
	return standard;
}

/** `http 8080/ready every 10 s`. */
export function healthCheckInWords({ probe, intervalMs }: HealthCheck): string {
	const every = `every ${intervalMs / 1_000} s`;
	switch (probe.kind) {
		case "command":
			return `${probe.command.join(" ")} ${every}`;
		case "http":
			return `http ${probe.port}${probe.path} ${every}`;
		case "tcp":
			return `tcp ${probe.port} ${every}`;
	}
}
