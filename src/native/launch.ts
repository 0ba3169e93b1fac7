// The `launch` file of a container directory: all that monitor and init need to know, as `key=value` strings, each ended
// by NUL. Repeated keys keep their order. Decoder: common/launch.c. Pure; must never touch the disk.

import { SwarmError } from "../errors.js";
import type { ContainerId } from "../model.js";
import { type CapabilitySets, capabilityMask } from "./capabilities.js";

/** Limits of the decoder (common/launch.h). */
export const LAUNCH_BYTES_MAX = 1024 * 1024;
export const LAUNCH_ENTRIES_MAX = 8192;
/** Room for a block of output in each of a stream's files. */
export const LOG_BYTES_MIN = 1024 * 1024;

export interface LaunchConfig {
	readonly container: ContainerId;
	/** Fencing: the monitor refuses `start` with a lower one. */
	readonly epoch: number;
	/** For a caller that waits: starts as soon as it is made, without being asked, and its end is not synced to the disk. */
	readonly passing: boolean | "when-told";
	/** The three streams are a terminal, whose master the monitor holds. */
	readonly terminal: boolean;
	/** Standard input is the monitor's, for those who attach; else /dev/null, or a terminal that nobody types at. */
	readonly stdin: boolean;
	/** Runs only under a lease, which the monitor is told (`lease`): it freezes the container at its end. */
	readonly guarded: boolean;
	/** With a user namespace: says `state standing` when it has its network namespace, and waits for `launch`. */
	readonly networkLater: boolean;
	/** At most 64 bytes (sethostname(2)). */
	readonly hostname: string;
	/** Of all log files of the container together; at least 1 MiB. */
	readonly logBytesMax: number;
	/** args[0] is looked up in PATH inside the container unless it has a slash. */
	readonly args: readonly string[];
	/** PATH and HOME are added when absent (HOME from the container's own /etc/passwd). */
	readonly env: Readonly<Record<string, string>>;
	/** Absolute; made when absent. */
	readonly workdir: string;
	/** `name`, `uid`, `name:group` or `uid:gid`, looked up in the container's own /etc/passwd and /etc/group; "" is root. */
	readonly user: string;
	/** Overlay lower directories, uppermost first, at least one. */
	readonly lowerDirectories: readonly string[];
	/** Shown read-only at the same path: a directory or file is bound, a symbolic link made again, an absent one left out. */
	readonly hostPaths: readonly string[];
	readonly binds: readonly LaunchBind[];
	/** Of the spec, in the order of mounting. */
	readonly volumes: readonly LaunchVolume[];
	/** Written into the upper layer each time the container is built, mode 0644: /etc/hosts, /etc/hostname, /etc/resolv.conf. */
	readonly files: readonly LaunchFile[];
	/** Directory of the container in the v2 tree; it exists. */
	readonly cgroup2: string;
	/** Directories of the container in v1 hierarchies; they exist (cpuset with cpus and mems set). */
	readonly cgroup1: readonly string[];
	/** Kept by Native.netnsCreate, null with a user namespace; null gives a new one with loopback only, which ends with the container. */
	readonly netns: string | null;
	/** What cannot be raised is lowered to what this process has, with a line in `stderr`. */
	readonly rlimits: readonly LaunchRlimit[];
	readonly security: LaunchSecurity;
}

export interface LaunchSecurity {
	readonly capabilities: CapabilitySets;
	/** The root is shown read-only; binds, /dev and /dev/shm stay as they are. */
	readonly readOnlyRoot: boolean;
	/** Hidden when they exist: files under /dev/null, directories under an empty one. */
	readonly maskedPaths: readonly string[];
	/** Shown read-only when they exist. */
	readonly readOnlyPaths: readonly string[];
	/** Names relative to /proc/sys, with slashes: `net/ipv4/ip_forward`. Only of namespaces that the container has for itself. */
	readonly sysctls: Readonly<Record<string, string>>;
	/** −1000 to 1000; null: the daemon's. A lower one than the daemon's own needs CAP_SYS_RESOURCE, and stays that without. */
	readonly oomScoreAdj: number | null;
	/** File with the compiled filter (runtime/seccomp/programs.ts); null: every system call is allowed. */
	readonly seccompProgram: string | null;
	/** Beside those that every container has; `all` restricts none. */
	readonly devices: readonly LaunchDevice[] | "all";
	/** Ids 0 to 65535 inside are these and the following outside; null: no user namespace. */
	readonly firstId: number | null;
}

export interface LaunchDevice {
	/** Below /dev; made there. */
	readonly path: string;
	readonly kind: "char" | "block";
	readonly major: number;
	readonly minor: number;
	/** Of `rwm`, in this order. */
	readonly access: string;
}

export interface LaunchBind {
	readonly source: string;
	/** Inside the container; made when absent. */
	readonly target: string;
	readonly readOnly: boolean;
}

/** Shown at `target`, which is found inside the container's root and made when absent. */
export type LaunchVolume =
	/** `directory` is the volume's own, which holds `data` once it was used. */
	| { readonly kind: "volume"; readonly directory: string; readonly target: string; readonly readOnly: boolean }
	| { readonly kind: "bind"; readonly source: string; readonly target: string; readonly readOnly: boolean }
	| { readonly kind: "tmpfs"; readonly target: string; readonly sizeBytes: number };

export interface LaunchFile {
	readonly path: string;
	readonly content: string;
}

export interface LaunchRlimit {
	/** As in `ulimit`: nofile, nproc, core, memlock, stack … (getrlimit(2) without RLIMIT_, lower case). */
	readonly name: string;
	/** null: unlimited. */
	readonly soft: number | null;
	readonly hard: number | null;
}

/** Throws `usage` with the field that is wrong, `too-large` when the decoder would refuse the size. */
export function encodeLaunch(config: LaunchConfig): Uint8Array {
	check(config);
	const entries = entriesOf(config);
	if (entries.length > LAUNCH_ENTRIES_MAX)
		throw new SwarmError("too-large", `Cannot launch: ${entries.length} entries, wanted at most ${LAUNCH_ENTRIES_MAX}`);
	const encoder = new TextEncoder();
	const bytes = encoder.encode(entries.map(([key, value]) => `${key}=${withoutNul(key, value)}\0`).join(""));
	if (bytes.length > LAUNCH_BYTES_MAX)
		throw new SwarmError("too-large", `Cannot launch: ${bytes.length} bytes, wanted at most ${LAUNCH_BYTES_MAX}`);
	return bytes;
}

type Entry = readonly [key: string, value: string];

function entriesOf(config: LaunchConfig): readonly Entry[] {
	return [
		["version", "1"],
		["container", config.container],
		["epoch", String(config.epoch)],
		...(config.passing ? [["passing", config.passing === true ? "yes" : config.passing] as const] : []),
		...(config.terminal ? [["terminal", "yes"] as const] : []),
		...(config.stdin ? [["stdin", "yes"] as const] : []),
		...(config.guarded ? [["guarded", "yes"] as const] : []),
		...(config.networkLater ? [["network-later", "yes"] as const] : []),
		["hostname", config.hostname],
		["log-bytes", String(config.logBytesMax)],
		["workdir", config.workdir],
		["user", config.user],
		["cgroup2", config.cgroup2],
		...config.cgroup1.map((path): Entry => ["cgroup1", path]),
		...(config.netns === null ? [] : [["netns", config.netns] as const]),
		...config.lowerDirectories.map((path): Entry => ["lower", path]),
		...config.hostPaths.map((path): Entry => ["host", path]),
		...config.binds.map((bind): Entry => ["bind", `${bind.readOnly ? "ro" : "rw"}\n${bind.source}\n${bind.target}`]),
		...config.volumes.map(volumeEntry),
		...config.files.map((file): Entry => ["file", `${file.path}\n${file.content}`]),
		...config.rlimits.map((limit): Entry => ["rlimit", rlimitText(limit)]),
		...securityEntries(config.security),
		...config.args.map((argument): Entry => ["arg", argument]),
		...Object.entries(config.env).map(([name, value]): Entry => ["env", `${name}=${value}`]),
	];
}

function securityEntries(security: LaunchSecurity): readonly Entry[] {
	const { capabilities, oomScoreAdj } = security;
	const { bounding, permitted, effective, inheritable, ambient } = capabilities;
	const masks = [bounding, permitted, effective, inheritable, ambient].map((set) => capabilityMask(set).toString(16));
	return [
		["capabilities", masks.join(" ")],
		["seccomp", security.seccompProgram ?? "none"],
		...(security.readOnlyRoot ? [["read-only-root", "yes"] as const] : []),
		...security.maskedPaths.map((path): Entry => ["mask", path]),
		...security.readOnlyPaths.map((path): Entry => ["read-only", path]),
		...Object.entries(security.sysctls).map(([name, value]): Entry => ["sysctl", `${name}\n${value}`]),
		...deviceEntries(security.devices),
		...(security.firstId === null ? [] : [["userns", String(security.firstId)] as const]),
		...(oomScoreAdj === null ? [] : [["oom-score-adj", String(oomScoreAdj)] as const]),
	];
}

function volumeEntry(volume: LaunchVolume): Entry {
	if (volume.kind === "tmpfs") return ["tmpfs", `${volume.sizeBytes}\n${volume.target}`];
	const access = volume.readOnly ? "ro" : "rw";
	return volume.kind === "volume"
		? ["volume", `${access}\n${volume.directory}\n${volume.target}`]
		: ["host-path", `${access}\n${volume.source}\n${volume.target}`];
}

function deviceEntries(devices: LaunchSecurity["devices"]): readonly Entry[] {
	if (devices === "all") return [["devices", "all"]];
	return devices.map(
		({ path, kind, major, minor, access }): Entry => [
			"device",
			`${kind === "char" ? "c" : "b"} ${major} ${minor} ${access} ${path}`,
		],
	);
}

function rlimitText(limit: LaunchRlimit): string {
	return `${limit.name} ${limit.soft ?? "unlimited"} ${limit.hard ?? "unlimited"}`;
}

function check(config: LaunchConfig): void {
	const { hostname, args, lowerDirectories } = config;
	if (!Number.isSafeInteger(config.epoch) || config.epoch < 1) wrong("epoch", config.epoch, "a whole number from 1");
	if (!Number.isSafeInteger(config.logBytesMax) || config.logBytesMax < LOG_BYTES_MIN)
		wrong("logBytesMax", config.logBytesMax, `bytes from ${LOG_BYTES_MIN}`);
	if (hostname === "" || Buffer.byteLength(hostname) > 64) wrong("hostname", hostname, "1 to 64 bytes");
	if (args.length === 0 || args[0] === "") wrong("args", args, "a program");
	if (lowerDirectories.length === 0) wrong("lowerDirectories", lowerDirectories, "at least one");
	for (const name of Object.keys(config.env))
		if (name === "" || name.includes("=")) wrong("env", name, "a name without =");
	for (const path of pathsOf(config))
		if (!path.startsWith("/") || path.includes("\n")) wrong("path", path, "an absolute path without a line feed");
	for (const name of Object.keys(config.security.sysctls))
		if (!/^[\w.:@-]+(\/[\w.:@-]+)+$/.test(name) || name.split("/").includes(".."))
			wrong("sysctl", name, "a name such as net/ipv4/ip_forward");
	for (const limit of config.rlimits)
		for (const value of [limit.soft, limit.hard])
			if (value !== null && (!Number.isSafeInteger(value) || value < 0))
				wrong(`rlimit ${limit.name}`, value, "a count");
}

function pathsOf(config: LaunchConfig): readonly string[] {
	return [
		config.workdir,
		config.cgroup2,
		...config.cgroup1,
		...(config.netns === null ? [] : [config.netns]),
		...config.lowerDirectories,
		...config.hostPaths,
		...config.binds.flatMap((bind) => [bind.source, bind.target]),
		...config.volumes.flatMap((volume) => [volume.target, ...sourceOf(volume)]),
		...config.files.map((file) => file.path),
		...(config.security.seccompProgram === null ? [] : [config.security.seccompProgram]),
		...(config.security.devices === "all" ? [] : config.security.devices.map(({ path }) => path)),
		...config.security.maskedPaths,
		...config.security.readOnlyPaths,
	];
}

function sourceOf(volume: LaunchVolume): readonly string[] {
	if (volume.kind === "tmpfs") return [];
	return [volume.kind === "volume" ? volume.directory : volume.source];
}

function withoutNul(key: string, value: string): string {
	if (value.includes("\0")) wrong(key, value, "no NUL character");
	return value;
}

function wrong(field: string, given: unknown, wanted: string): never {
	throw new SwarmError("usage", `Cannot launch: ${field} is ${JSON.stringify(given)}, wanted ${wanted}`);
}
