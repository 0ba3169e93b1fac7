// config.md#process as entries of the plan. Pure.

import { type Capabilities, decodeCapabilities } from "./capabilities.js";
import {
	absolutePath,
	at,
	count,
	type Field,
	filledText,
	flag,
	isAbsent,
	list,
	object,
	oneOf,
	optional,
	refuseField,
	refuseUnsupported,
	text,
	uint32,
	whole,
} from "./fields.js";
import { type Entry, parts } from "./plan.js";

export interface ProcessPlan {
	readonly terminal: boolean;
	readonly entries: readonly Entry[];
	readonly warnings: readonly string[];
}

/** What the command line adds to a process of the configuration. */
export interface ProcessPlace {
	/** Unix socket that takes the terminal; null without one. */
	readonly consoleSocket: string | null;
	/** Descriptors from 3 on that the process keeps. */
	readonly preserveFds: number;
	readonly keepsKeyring: boolean;
}

/** `RLIMIT_NOFILE` → `nofile`: the names of common/rlimits.c. */
const rlimitNames =
	"AS CORE CPU DATA FSIZE LOCKS MEMLOCK MSGQUEUE NICE NOFILE NPROC RSS RTPRIO RTTIME SIGPENDING STACK";
/** RLIM_INFINITY is 2^64 - 1, which JSON.parse rounds; nobody counts to 2^53. */
const UNLIMITED_MIN = Number.MAX_SAFE_INTEGER;
/** sys/personality.h */
const personalities = { LINUX: 0, LINUX32: 8 } as const;
/** linux/ioprio.h: class in the upper three bits of sixteen. */
const ioClasses = { IOPRIO_CLASS_RT: 1, IOPRIO_CLASS_BE: 2, IOPRIO_CLASS_IDLE: 3 } as const;
const IO_CLASS_SHIFT = 13;

export function planProcess(field: Field, place: ProcessPlace): ProcessPlan {
	object(field);
	refuseForeign(field);
	const terminal = optional(at(field, "terminal"), flag, false);
	const capabilities = optional(at(field, "capabilities"), (sets) => decodeCapabilities(object(sets)), null);
	const entries: readonly Entry[] = [
		...argumentEntries(field),
		["cwd", absolutePath(at(field, "cwd"))],
		...userEntries(at(field, "user")),
		...terminalEntries(field, terminal, place),
		...capabilityEntries(capabilities),
		...rlimitEntries(at(field, "rlimits")),
		...(optional(at(field, "noNewPrivileges"), flag, false) ? [["no-new-privs", "yes"] as const] : []),
		...optional(at(field, "oomScoreAdj"), oomEntries, []),
		...ioEntries(at(field, "ioPriority")),
		...(place.keepsKeyring ? [["keeps-keyring", "yes"] as const] : []),
		["preserved", String(place.preserveFds)],
	];
	const unknown = capabilities?.unknown ?? [];
	return {
		terminal,
		entries,
		warnings: unknown.map((name) => `${field.path}.capabilities: no capability ${name} here`),
	};
}

/** config-linux.md#personality */
export function personalityEntries(field: Field): readonly Entry[] {
	return optional(
		field,
		(given) => {
			const domain = oneOf(at(object(given), "domain"), Object.keys(personalities) as (keyof typeof personalities)[]);
			if (optional(at(given, "flags"), (flags) => list(flags, text), []).length > 0)
				refuseField(at(given, "flags"), "none (the specification knows no flag)");
			return [["personality", String(personalities[domain])]];
		},
		[],
	);
}

function refuseForeign(field: Field): void {
	for (const name of ["apparmorProfile", "selinuxLabel"])
		if (optional(at(field, name), text, "") !== "")
			refuseUnsupported(at(field, name), "this runtime applies no profiles of Linux security modules");
	for (const name of ["scheduler", "execCPUAffinity"])
		if (!isAbsent(at(field, name))) refuseUnsupported(at(field, name), "this runtime does not set it");
}

function argumentEntries(field: Field): readonly Entry[] {
	const args = list(at(field, "args"), text);
	if (args.length === 0) refuseField(at(field, "args"), "at least one, the program");
	if (args[0] === "") refuseField({ path: `${field.path}.args[0]`, value: "" }, "a program");
	const env = optional(at(field, "env"), (values) => list(values, text), []);
	return [
		...args.map((argument): Entry => ["arg", argument]),
		// A word without = is no variable; runc and crun hand it on as it is.
		...env.map((variable): Entry => ["env", variable]),
	];
}

function userEntries(field: Field): readonly Entry[] {
	if (isAbsent(field)) return [["user", parts(0, 0)]];
	const id = (name: string) => optional(at(object(field), name), uint32, 0);
	const groups = optional(at(field, "additionalGids"), (gids) => list(gids, uint32), []);
	return [
		["user", parts(id("uid"), id("gid"))],
		...groups.map((gid): Entry => ["group", String(gid)]),
		...optional(at(field, "umask"), (umask): readonly Entry[] => [["umask", String(count(umask) & 0o777)]], []),
	];
}

function terminalEntries(field: Field, terminal: boolean, { consoleSocket }: ProcessPlace): readonly Entry[] {
	// "consoleSize … Runtimes MUST ignore it if terminal is false or unset."
	if (!terminal) return [];
	const size = at(field, "consoleSize");
	return [
		["terminal", "yes"],
		...(consoleSocket === null ? [] : [["console-socket", consoleSocket] as const]),
		...(isAbsent(size) ? [] : [["size", parts(count(at(object(size), "height")), count(at(size, "width")))] as const]),
	];
}

function capabilityEntries(capabilities: Capabilities | null): readonly Entry[] {
	return capabilities === null ? [] : [["capabilities", parts(...capabilities.masks)]];
}

function rlimitEntries(field: Field): readonly Entry[] {
	const seen = new Set<string>();
	return optional(
		field,
		(limits) =>
			list(limits, (limit): Entry => {
				const name = filledText(at(object(limit), "type"));
				const known = name.startsWith("RLIMIT_") && rlimitNames.split(" ").includes(name.slice(7));
				if (!known) refuseField(at(limit, "type"), `RLIMIT_ and one of ${rlimitNames}`);
				if (seen.has(name)) refuseField(at(limit, "type"), "each limit once");
				seen.add(name);
				return [
					"rlimit",
					`${name.slice(7).toLowerCase()} ${limitText(at(limit, "soft"))} ${limitText(at(limit, "hard"))}`,
				];
			}),
		[],
	);
}

function limitText(field: Field): string {
	const value = typeof field.value === "number" && field.value >= UNLIMITED_MIN ? null : count(field);
	return value === null ? "unlimited" : String(value);
}

function oomEntries(field: Field): readonly Entry[] {
	const score = whole(field);
	if (score < -1000 || score > 1000) refuseField(field, "a whole number from -1000 to 1000");
	return [["oom-score-adj", String(score)]];
}

function ioEntries(field: Field): readonly Entry[] {
	return optional(
		field,
		(given) => {
			const name = oneOf(at(object(given), "class"), Object.keys(ioClasses) as (keyof typeof ioClasses)[]);
			const priority = optional(at(given, "priority"), count, 0);
			if (priority > 7) refuseField(at(given, "priority"), "a whole number from 0 to 7");
			return [["io-priority", String((ioClasses[name] << IO_CLASS_SHIFT) | priority)]];
		},
		[],
	);
}
