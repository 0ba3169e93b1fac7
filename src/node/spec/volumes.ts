// `volumes` of a spec: as text (`data:/var/lib/db`, `data:/srv:ro`, `/srv/site:/www:ro`, `/mnt/nfs:/data:shared`) or as fields with their
// `kind`, and `tmpfs`: `/run:size=16M`. Must never let a target hide what the runtime itself mounts.

import type { VolumeMount } from "../../model.js";
import { TMPFS_BYTES_DEFAULT, TMPFS_BYTES_MIN, VOLUMES_MAX } from "./limits.js";
import type { FieldPath, Report } from "./problems.js";
import { parseSize } from "./quantities.js";
import { type Fields, listOf } from "./readers.js";

export const VOLUME_NAME_PATTERN = /^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/;
export const VOLUME_NAME_WANTED =
	"1 to 63 characters of a-z, 0-9, '.', '_' and '-', starting and ending with a letter or digit";
const mountWanted =
	"VOLUME:/path[:ro] or /path/of/the/node:/path[:ro][:shared], absolute without . and .. (no size: the node's disk has no quota for it, --tmpfs has one)";
const tmpfsWanted = "/path or /path:size=16M, from 4K";
const PATH_BYTES_MAX = 4_095;
/** Mounted by the runtime itself, above everything else. */
const KERNEL_PATHS = ["/proc", "/sys", "/dev"];

/** Of both fields, in the order of their targets. */
export function volumesOf(fields: Fields, report: Report): readonly VolumeMount[] {
	const volumes = [
		...listOf(fields.volumes, ["volumes"], VOLUMES_MAX, mountOf, report),
		...listOf(fields.tmpfs, ["tmpfs"], VOLUMES_MAX, tmpfsOf, report),
	];
	const seen = new Set<string>();
	for (const { target } of volumes) {
		if (seen.has(target)) report.phrase(["volumes"], `${target} a second time`, "every target once");
		seen.add(target);
	}
	const names = volumes.flatMap((mount) => (mount.kind === "volume" ? [mount.name] : []));
	for (const name of new Set(names.filter((one, index) => names.indexOf(one) < index)))
		report.phrase(["volumes"], `${name} a second time`, "every volume once");
	return volumes.sort((a, b) => (a.target < b.target ? -1 : 1));
}

/** `data:/var/lib/db:ro`, as it is given. */
export function volumeInWords(mount: VolumeMount): string {
	if (mount.kind === "tmpfs") return `tmpfs:${mount.target}:size=${mount.sizeBytes}`;
	const shared = mount.kind === "bind" && mount.shared ? ":shared" : "";
	const from = mount.kind === "bind" ? mount.source : mount.name;
	return `${from}:${mount.target}${mount.readOnly ? ":ro" : ""}${shared}`;
}

function mountOf(given: unknown, path: FieldPath, report: Report): VolumeMount | null {
	const read = typeof given === "string" ? mountFrom(fieldsIn(given)) : mountFrom(given);
	if (read === null) report.value(path, given, mountWanted);
	else checkTarget(read.target, path, report);
	return read;
}

function tmpfsOf(given: unknown, path: FieldPath, report: Report): VolumeMount | null {
	const match = typeof given === "string" ? /^([^:]+)(?::size=(.+))?$/.exec(given.trim()) : null;
	const sizeBytes = match?.[2] === undefined ? TMPFS_BYTES_DEFAULT : parseSize(match[2]);
	const read = match === null ? null : mountFrom({ kind: "tmpfs", target: match[1], sizeBytes });
	if (read === null) report.value(path, given, tmpfsWanted);
	else checkTarget(read.target, path, report);
	return read;
}

function fieldsIn(text: string): Fields | null {
	const [from = "", target = "", ...options] = text.trim().split(":");
	const words = options.flatMap((option) => option.split(","));
	if (words.some((word) => word !== "ro" && word !== "rw" && word !== "shared")) return null;
	if (words.includes("ro") && words.includes("rw")) return null;
	const shared = words.includes("shared");
	const common = { target, readOnly: words.includes("ro") };
	if (from.startsWith("/")) return { kind: "bind", source: from, ...common, shared };
	return shared ? null : { kind: "volume", name: from, ...common };
}

function mountFrom(given: unknown): VolumeMount | null {
	if (typeof given !== "object" || given === null) return null;
	const { kind, name, source, target, readOnly = false, shared = false, sizeBytes, ...unknown } = given as Fields;
	if (Object.keys(unknown).length > 0 || typeof readOnly !== "boolean" || typeof shared !== "boolean") return null;
	if (!isPlainPath(target) || target === "/") return null;
	switch (kind) {
		case "volume":
			if (typeof name !== "string" || !VOLUME_NAME_PATTERN.test(name) || shared || source !== undefined) return null;
			return sizeBytes === undefined ? { kind, name, target, readOnly } : null;
		case "bind":
			if (!isPlainPath(source) || name !== undefined || sizeBytes !== undefined) return null;
			return { kind, source, target, readOnly, shared };
		case "tmpfs":
			if (!Number.isSafeInteger(sizeBytes) || (sizeBytes as number) < TMPFS_BYTES_MIN || readOnly || shared)
				return null;
			return name === undefined && source === undefined ? { kind, target, sizeBytes: sizeBytes as number } : null;
		default:
			return null;
	}
}

/** Absolute, and written as the kernel would write it: nothing in it can lead elsewhere but links. */
function isPlainPath(path: unknown): path is string {
	if (typeof path !== "string" || !path.startsWith("/") || Buffer.byteLength(path) > PATH_BYTES_MAX) return false;
	if (/[\0\n]/.test(path)) return false;
	return (
		path === "/" ||
		!path
			.slice(1)
			.split("/")
			.some((part) => part === "" || part === "." || part === "..")
	);
}

function checkTarget(target: string, path: FieldPath, report: Report): void {
	if (KERNEL_PATHS.some((kernel) => target === kernel || target.startsWith(`${kernel}/`)))
		report.phrase(path, `at ${target}`, "a target outside /proc, /sys and /dev");
}
