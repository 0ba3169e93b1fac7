// From config.json to what swarm-oci does: the whole plan of a container. Pure; every refusal names the field (fields.ts).

import { normalize, resolve } from "node:path";
import { SwarmError } from "../../errors.js";
import type { SeccompProfile } from "../../model.js";
import { readSeccompProfile } from "../../runtime/seccomp/read-profile.js";
import type { CgroupTrees, ContainerCgroups } from "../cgroup-trees.js";
import { deviceEntries, deviceRuleEntries } from "./devices.js";
import {
	absolutePath,
	at,
	type Field,
	flag,
	isAbsent,
	list,
	object,
	oneOf,
	optional,
	path,
	refuseField,
	refuseUnsupported,
	text,
	texts,
} from "./fields.js";
import { hookEntries } from "./hooks.js";
import { propagationNames, propagationOf } from "./mount-options.js";
import { decodeMounts, type Mount, mountEntries } from "./mounts.js";
import { clockEntries, decodeNamespaces, mappingEntries, type Namespaces, namespaceEntries } from "./namespaces.js";
import { type Entry, parts } from "./plan.js";
import { type ProcessPlace, personalityEntries, planProcess } from "./process.js";
import { type ResourceWrite, resourceWrites, type VersionOf } from "./resources.js";

/** The versions of the specification that a configuration may be written for. */
export const SPEC_VERSION_MIN = "1.0.0";
export const SPEC_VERSION = "1.2.0";

/** What the command line and the machine add to a configuration. */
export interface ContainerPlace extends ProcessPlace {
	readonly id: string;
	/** Absolute. */
	readonly bundle: string;
	readonly trees: CgroupTrees;
	readonly cgroups: ContainerCgroups;
	readonly noPivot: boolean;
	/** File of a compiled profile. */
	readonly seccompProgram: (profile: SeccompProfile) => string;
}

export interface ContainerPlan {
	readonly entries: readonly Entry[];
	readonly warnings: readonly string[];
	/** Absolute. */
	readonly rootfs: string;
	readonly terminal: boolean;
	/** Whether there is a program to start (config.md#process is needed by start only). */
	readonly hasProcess: boolean;
	readonly hasPoststop: boolean;
	readonly annotations: Readonly<Record<string, string>>;
	/** What its cgroups want written. */
	readonly resources: (versionOf: VersionOf) => readonly ResourceWrite[];
}

export function rootField(config: unknown): Field {
	return object({ path: "", value: config });
}

/** linux.cgroupsPath; null without one. */
export function cgroupsPathOf(config: Field): string | null {
	return optional(at(linuxOf(config), "cgroupsPath"), text, "") || null;
}

/** An empty object when there are none. */
function resourcesOf(linux: Field): Field {
	return optional(at(linux, "resources"), object, { path: "linux.resources", value: {} });
}

export function linuxOf(config: Field): Field {
	return optional(at(config, "linux"), object, { path: "linux", value: {} });
}

export function planContainer(config: Field, place: ContainerPlace): ContainerPlan {
	const ociVersion = version(at(config, "ociVersion"));
	const linux = linuxOf(config);
	refuseForeign(config, linux);
	const namespaces = decodeNamespaces(at(linux, "namespaces"));
	checkNamespaces(config, linux, namespaces);
	const root = object(at(config, "root"));
	const rootfs = resolve(place.bundle, path(at(root, "path")));
	const mounts = decodeMounts(at(config, "mounts"));
	const annotations = optional(at(config, "annotations"), texts, {});
	const process = at(config, "process");
	const planned = isAbsent(process) ? null : planProcess(process, place);
	const mappings = mappingEntries(linux, namespaces);
	const mapsOf = (key: string) => mappings.filter(([name]) => name === key).map(([, line]) => line);
	const entries: readonly Entry[] = [
		["rootfs", rootfs],
		["cgroup2", place.cgroups.unified],
		...place.cgroups.legacy.map(({ path: directory }): Entry => ["cgroup1", directory]),
		...(optional(at(root, "readonly"), flag, false) ? [["read-only", "yes"] as const] : []),
		...(place.noPivot ? [["no-pivot", "yes"] as const] : []),
		...propagationEntries(at(linux, "rootfsPropagation")),
		...namespaceEntries(namespaces),
		...mappings,
		...clockEntries(at(linux, "timeOffsets"), namespaces),
		...nameEntries(config),
		...sysctlEntries(at(linux, "sysctl")),
		...mountEntries(mounts, {
			...place,
			hasCgroupNamespace: namespaces.has("cgroup"),
			uidMappings: mapsOf("uid-map"),
			gidMappings: mapsOf("gid-map"),
		}),
		...(bindsDevices(mounts) ? [] : [["sets-up-devices", "yes"] as const]),
		...deviceEntries(at(linux, "devices")),
		...deviceRuleEntries(at(resourcesOf(linux), "devices")),
		...pathEntries("masked", at(linux, "maskedPaths")),
		...pathEntries("read-only-path", at(linux, "readonlyPaths")),
		...personalityEntries(at(linux, "personality")),
		...hookEntries(at(config, "hooks")),
		["state", stateText({ ociVersion, id: place.id, bundle: place.bundle, annotations })],
		...(planned?.entries ?? []),
		...seccompEntries(linux, place.seccompProgram),
	];
	return {
		entries,
		warnings: planned?.warnings ?? [],
		rootfs,
		terminal: planned?.terminal ?? false,
		hasProcess: planned !== null,
		hasPoststop: entries.some(([key, value]) => key === "hook" && value.startsWith("5\n")),
		annotations,
		resources: (versionOf) => resourceWrites(resourcesOf(linux), versionOf),
	};
}

function version(field: Field): string {
	const given = text(field);
	if (!/^1\.\d+\.\d+([-+].*)?$/.test(given)) refuseField(field, `a version from ${SPEC_VERSION_MIN} on, below 2.0.0`);
	return given;
}

function refuseForeign(config: Field, linux: Field): void {
	for (const name of ["vm", "windows", "solaris", "zos"])
		if (!isAbsent(at(config, name)) && isAbsent(at(config, "linux")))
			refuseUnsupported(at(config, name), "this runtime makes Linux containers");
	if (optional(at(linux, "mountLabel"), text, "") !== "")
		refuseUnsupported(at(linux, "mountLabel"), "this runtime applies no SELinux labels");
	for (const name of ["intelRdt", "netDevices", "memoryPolicy"])
		if (!isAbsent(at(linux, name))) refuseUnsupported(at(linux, name), "this runtime does not apply it");
}

/** What is changed below must be the container's own. */
function checkNamespaces(config: Field, linux: Field, namespaces: Namespaces): void {
	const field = at(linux, "namespaces");
	if (!namespaces.has("mount"))
		refuseUnsupported(
			{ path: "linux.namespaces", value: field.value },
			"a container without a mount namespace is not offered",
		);
	for (const name of ["hostname", "domainname"])
		if (optional(at(config, name), text, "") !== "" && !namespaces.has("uts"))
			refuseField(at(config, name), "none, or a uts namespace in linux.namespaces");
	for (const name of Object.keys(optional(at(linux, "sysctl"), texts, {}))) {
		const needed = namespaceOfSysctl(name);
		if (needed === null) refuseField(at(linux, "sysctl"), `only parameters of namespaces; ${name} is the host's`);
		if (!namespaces.has(needed))
			refuseField(at(linux, "sysctl"), `${name} only with a ${needed} namespace in linux.namespaces`);
	}
}

/** namespaces(7), ipc_namespaces(7); as runc libcontainer/configs/validate. */
function namespaceOfSysctl(name: string): "ipc" | "network" | "uts" | null {
	const dotted = name.replaceAll("/", ".");
	if (/^fs\.mqueue\./.test(dotted)) return "ipc";
	if (/^kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)$/.test(dotted)) return "ipc";
	if (dotted === "kernel.domainname") return "uts";
	return /^net\./.test(dotted) ? "network" : null;
}

function propagationEntries(field: Field): readonly Entry[] {
	return optional(
		field,
		(given) => {
			if (text(given) === "") return [];
			const names = [...propagationNames, ...propagationNames.map((name) => `r${name}`)];
			return [["root-propagation", String(propagationOf(oneOf(given, names)))]];
		},
		[],
	);
}

/** config-linux.md#seccomp; of the whole configuration, and so also of every process that joins later. */
export function seccompEntries(linux: Field, programOf: (profile: SeccompProfile) => string): readonly Entry[] {
	const field = at(linux, "seccomp");
	if (isAbsent(field)) return [];
	for (const name of ["listenerPath", "listenerMetadata"])
		if (optional(at(object(field), name), text, "") !== "")
			refuseUnsupported(at(field, name), "listeners of system calls are not offered");
	const profile = Object.fromEntries(
		Object.entries(field.value as object).filter(([name]) => !name.startsWith("listener")),
	);
	try {
		return [["seccomp", programOf(readSeccompProfile(profile))]];
	} catch (thrown) {
		if (!(thrown instanceof SwarmError)) throw thrown;
		throw new SwarmError(thrown.code, `Cannot read the configuration: linux.seccomp: ${thrown.message}`, {
			cause: thrown,
		});
	}
}

function nameEntries(config: Field): readonly Entry[] {
	return ["hostname", "domainname"].flatMap((name): readonly Entry[] => {
		const value = optional(at(config, name), text, "");
		if (Buffer.byteLength(value) > 64) refuseField(at(config, name), "at most 64 bytes");
		return value === "" ? [] : [[name, value]];
	});
}

/** `net.ipv4.ip_forward` → `net/ipv4/ip_forward`; a name with slashes keeps its dots (sysctl(8)). */
function sysctlEntries(field: Field): readonly Entry[] {
	return Object.entries(optional(field, texts, {})).map(([name, value]): Entry => {
		const file = name.includes("/") ? name : name.replaceAll(".", "/");
		if (/\n|\.\.|^\/|\/$/.test(file)) refuseField(at(field, name), "a name like net.ipv4.ip_forward");
		return ["sysctl", parts(file, value)];
	});
}

/** /dev of the host, or of whoever made the bundle, is left as it is. */
function bindsDevices(mounts: readonly Mount[]): boolean {
	return mounts.some(({ target, type }) => target === "/dev" && type === "bind");
}

function pathEntries(key: string, field: Field): readonly Entry[] {
	return optional(field, (paths) => list(paths, absolutePath).map((value): Entry => [key, normalize(value)]), []);
}

interface StateParts {
	readonly ociVersion: string;
	readonly id: string;
	readonly bundle: string;
	readonly annotations: Readonly<Record<string, string>>;
}

/** The rest of the state that hooks read: swarm-oci puts status and pid in front. */
function stateText(state: StateParts): string {
	return JSON.stringify(state).slice(1);
}
