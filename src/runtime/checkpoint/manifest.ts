// What a restore needs besides the image files, sent with them as JSON and decoded here again.

import { SwarmError, shown } from "../../errors.js";
import type { ExternalMount } from "./mounts.js";

export interface DumpManifest {
	readonly version: 1;
	readonly criuVersion: string;
	/** Inode numbers of the output pipes on the source: CRIU's names for them. */
	readonly pipes: { readonly stdout: number; readonly stderr: number };
	readonly externals: readonly ExternalMount[];
	/** Whether its root is nobody of its node. */
	readonly userNamespace: boolean;
}

const EXTERNALS_MAX = 1_000;

/** Throws `corrupt` with what is wrong: it came over the network and becomes arguments and paths. */
export function decodeManifest(value: Readonly<Record<string, unknown>>): DumpManifest {
	// Manifests of versions before user namespaces could move have no word of it.
	const { version, criuVersion, pipes, externals, userNamespace = false } = value as Partial<DumpManifest>;
	if (version !== 1) throw wrong("version", version, "1");
	if (typeof criuVersion !== "string") throw wrong("criuVersion", criuVersion, "a string");
	if (!isInode(pipes?.stdout) || !isInode(pipes?.stderr)) throw wrong("pipes", pipes, "two inode numbers");
	if (!Array.isArray(externals) || externals.length > EXTERNALS_MAX) throw wrong("externals", externals, "a list");
	if (typeof userNamespace !== "boolean") throw wrong("userNamespace", userNamespace, "true or false");
	for (const external of externals) checkExternal(external as ExternalMount);
	const own = { stdout: pipes?.stdout ?? 0, stderr: pipes?.stderr ?? 0 };
	return { version, criuVersion, pipes: own, externals, userNamespace };
}

function checkExternal(external: ExternalMount): void {
	if (typeof external?.key !== "string" || !/^m\d{1,4}$/.test(external.key))
		throw wrong("key", external?.key, "m and a number");
	const { place } = external;
	if (place?.kind === "volume") {
		if (typeof place.name !== "string" || !/^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/.test(place.name))
			throw wrong("name", place.name, "the name of a volume");
		return;
	}
	const { kind } = place ?? {};
	if (kind !== "container" && kind !== "host" && kind !== "bind")
		throw wrong("place", place, "container, host, bind or volume");
	const path = typeof place.path === "string" ? place.path : "..";
	const parts = path.split("/");
	const climbs = parts.includes("..") || parts.includes(".");
	const absolute = path.startsWith("/");
	if (climbs || absolute === (kind === "container"))
		throw wrong(
			"path",
			place.path,
			kind === "container" ? "a path inside the container directory" : "an absolute path",
		);
	// Only what the monitor itself makes: nothing else of the directory may be shown to a container.
	if (place.kind === "container" && parts[0] !== "dev" && parts[0] !== "shm")
		throw wrong("path", place.path, "dev or shm");
}

function isInode(value: unknown): value is number {
	return Number.isSafeInteger(value) && (value as number) > 0;
}

function wrong(field: string, given: unknown, wanted: string): SwarmError {
	return new SwarmError(
		"corrupt",
		`Cannot read a checkpoint's manifest: ${field} is ${shown(given)}, wanted ${wanted}`,
	);
}
