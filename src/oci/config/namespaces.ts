// config-linux.md#namespaces, #user-namespace-mappings and #offset-for-time-namespace as entries of the plan. Pure.

import {
	absolutePath,
	at,
	type Field,
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

/** linux/sched.h */
const flags = {
	mount: 0x20000,
	cgroup: 0x2000000,
	uts: 0x4000000,
	ipc: 0x8000000,
	user: 0x10000000,
	pid: 0x20000000,
	network: 0x40000000,
	time: 0x80,
} as const;

export type NamespaceKind = keyof typeof flags;
export const namespaceKinds = Object.keys(flags) as readonly NamespaceKind[];

/** Kind → path of one that exists, or null for a new one. Kinds that are absent are shared with the caller. */
export type Namespaces = ReadonlyMap<NamespaceKind, string | null>;

export function decodeNamespaces(field: Field): Namespaces {
	const found = new Map<NamespaceKind, string | null>();
	for (const namespace of optional(field, (given) => list(given, object), [])) {
		const kind = oneOf(at(namespace, "type"), namespaceKinds);
		if (found.has(kind)) refuseField(at(namespace, "type"), "each type once");
		const given = optional(at(namespace, "path"), text, "");
		found.set(kind, given === "" ? null : absolutePath(at(namespace, "path")));
	}
	return found;
}

export function namespaceEntries(namespaces: Namespaces): readonly Entry[] {
	return [...namespaces].map(([kind, path]): Entry => ["namespace", parts(flags[kind], path ?? "")]);
}

/** Mappings belong to a new user namespace; a joined one has its own. */
export function mappingEntries(linux: Field, namespaces: Namespaces): readonly Entry[] {
	const isNew = namespaces.get("user") === null;
	return (["uid", "gid"] as const).flatMap((kind) => {
		const field = at(linux, `${kind}Mappings`);
		const mappings = optional(field, (given) => list(given, mapping), []);
		if (isNew && mappings.length === 0) refuseField(field, "mappings for the new user namespace");
		if (!namespaces.has("user") && mappings.length > 0)
			refuseUnsupported(field, "linux.namespaces has no user namespace to map");
		return isNew ? mappings.map((line): Entry => [`${kind}-map`, line]) : [];
	});
}

/** A line of uid_map: inside, outside, how many. */
export function mapping(field: Field): string {
	const part = (name: string) => uint32(at(object(field), name));
	return `${part("containerID")} ${part("hostID")} ${part("size")}`;
}

/** time_namespaces(7): clock, seconds, nanoseconds. */
export function clockEntries(field: Field, namespaces: Namespaces): readonly Entry[] {
	return optional(
		field,
		(offsets) => {
			const given = Object.keys(object(offsets).value as object);
			if (given.length > 0 && namespaces.get("time") !== null)
				refuseUnsupported(offsets, "linux.namespaces has no new time namespace");
			return given.map((clock): Entry => {
				const offset = object(at(offsets, clock));
				if (clock !== "monotonic" && clock !== "boottime") refuseField(offset, "the clock monotonic or boottime");
				const [seconds, nanoseconds] = [at(offset, "secs"), at(offset, "nanosecs")].map((part) =>
					optional(part, whole, 0),
				);
				return ["clock-offset", `${clock} ${seconds} ${nanoseconds}`];
			});
		},
		[],
	);
}
