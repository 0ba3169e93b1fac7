// Which mounts of a container CRIU must not pack but find again on the other side: everything that comes from the host or from
// the container directory. What CRIU makes itself (root, proc, sysfs, devpts and binds inside them) is left to it. Pure.

import { SwarmError } from "../../errors.js";

export interface Mount {
	/** Inside the container. */
	readonly point: string;
	/** Of the file system, the directory that is shown. */
	readonly root: string;
	readonly type: string;
}

/** One external mount, by what it is on any node. */
export interface ExternalMount {
	readonly key: string;
	readonly point: string;
	readonly place: ExternalPlace;
}

export type ExternalPlace =
	/** Below the container directory: `dev`, `shm`, `dev/null`. */
	| { readonly kind: "container"; readonly path: string }
	/** The same path on every node (the `host` image). */
	| { readonly kind: "host"; readonly path: string }
	/** A path of the node that the spec shows, the same on every node because it is declared shared. */
	| { readonly kind: "bind"; readonly path: string }
	| { readonly kind: "volume"; readonly name: string };

const ownTypes = ["proc", "sysfs", "devpts"];

/** proc(5), /proc/pid/mountinfo: id parent major:minor root point options [optional…] - type source options */
export function parseMountinfo(text: string): readonly Mount[] {
	return text
		.split("\n")
		.filter((line) => line !== "")
		.map((line) => {
			const [before = "", after = ""] = line.split(" - ");
			const fields = before.split(" ");
			return { point: plainPath(fields[4] ?? ""), root: plainPath(fields[3] ?? ""), type: after.split(" ")[0] ?? "" };
		});
}

/**
 * `containerPath` is the container directory, `hostPaths` those of the image, `shown` says of a mount point which volume is there. A mount that is neither is refused: it was
 * made by the workload or is of a kind that no other node has.
 */
export function externalMounts(
	mounts: readonly Mount[],
	containerPath: string,
	hostPaths: readonly string[],
	shown: (point: string) => ExternalPlace | null = () => null,
): readonly ExternalMount[] {
	const externals: ExternalMount[] = [];
	for (const { point, root, type } of mounts) {
		if (point === "/" || ownTypes.includes(type)) continue;
		const key = `m${externals.length}`;
		const inside = pathInContainer(root, containerPath);
		const host = hostPaths.find((path) => point === path || point.startsWith(`${path}/`));
		const volume = shown(point);
		if (volume !== null) externals.push({ key, point, place: volume });
		else if (inside !== null) externals.push({ key, point, place: { kind: "container", path: inside } });
		else if (host !== undefined) externals.push({ key, point, place: { kind: "host", path: point } });
		else if (type !== "tmpfs" && type !== "mqueue")
			throw new SwarmError(
				"refused",
				`Cannot checkpoint: ${point} is a mount of type ${type}, which no other node has`,
				{
					details: { point, type },
				},
			);
	}
	return externals;
}

/**
 * The root in mountinfo is relative to the file system, not to `/`: `/var/lib/x/containers/web.0/dev` may be `/x/containers/web.0/dev`.
 * The last two parts of the container directory are enough to know it.
 */
function pathInContainer(root: string, containerPath: string): string | null {
	const tail = `/${containerPath.split("/").slice(-2).join("/")}/`;
	const at = root.indexOf(tail);
	return at < 0 ? null : root.slice(at + tail.length);
}

/** Space, tab, line feed and backslash are octal. */
function plainPath(text: string): string {
	return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
