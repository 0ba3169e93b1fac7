// What one entry of a layer's tar means, before anything touches the disk: where it lies inside the layer, whether it is
// a whiteout, whose it is. Pure. Paths are "byte strings": one character for one byte (latin1), because a file name in
// an archive is bytes and need not be UTF-8.
//
// The rule that keeps a layer inside its directory: a path has no `..`, a leading `/` means the layer's root, and (in
// unpack.ts) every parent is a directory that this same layer made, never a link.

import { SwarmError } from "../../../errors.js";
import { COMPONENT_BYTES_MAX, PATH_BYTES_MAX, PATH_DEPTH_MAX } from "../limits.js";
import { byteString, shownName, type TarHeader } from "../tar.js";

export interface Ownership {
	/** Permission bits with setuid, setgid and sticky. */
	readonly mode: number;
	readonly uid: number;
	readonly gid: number;
	/** Seconds since the Unix epoch, with fractions. */
	readonly mtimeSeconds: number;
}

export type Entry = (
	| { readonly kind: "directory" }
	| { readonly kind: "file"; readonly sizeBytes: number }
	| { readonly kind: "symlink"; readonly target: string }
	| { readonly kind: "hardlink"; readonly target: string }
	| { readonly kind: "fifo" }
	/** The lower layers' file of this path disappears. */
	| { readonly kind: "whiteout" }
	/** Nothing of the lower layers shows in the directory `path`. */
	| { readonly kind: "opaque" }
	| { readonly kind: "skip"; readonly why: "device" | "aufs" }
) & { readonly path: string; readonly owner: Ownership };

const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";
const AUFS = ".wh..wh.";

export function refuseEntry(name: string, why: string): SwarmError {
	const shown = shownName(name);
	return new SwarmError("refused", `Cannot unpack the layer: its entry ${JSON.stringify(shown)} ${why}`, {
		details: { entry: shown },
	});
}

/** Code `refused` for what may not be in a layer, `corrupt` for what tar does not know. */
export function entryOf(header: TarHeader): Entry {
	const name = byteString(header.pax?.["GNU.sparse.name"] ?? header.pax?.path, header.name) ?? "";
	const path = cleanPath(name, name);
	const owner = ownershipOf(header);
	const slash = path.lastIndexOf("/");
	const base = path.slice(slash + 1);
	const parent = slash < 0 ? "" : path.slice(0, slash);
	if (base === OPAQUE) return { kind: "opaque", path: parent, owner };
	if (base.startsWith(AUFS) || /(?:^|\/)\.wh\./.test(parent)) return { kind: "skip", why: "aufs", path, owner };
	if (base.startsWith(WHITEOUT)) {
		const hidden = base.slice(WHITEOUT.length);
		if (hidden === "" || hidden === "." || hidden === "..") throw refuseEntry(name, "hides no file");
		return { kind: "whiteout", path: parent === "" ? hidden : `${parent}/${hidden}`, owner };
	}
	return { ...kindOf(header, name), path, owner };
}

type Kind = Entry extends infer E ? (E extends { path: string } ? Omit<E, "path" | "owner"> : never) : never;

function kindOf(header: TarHeader, name: string): Kind {
	switch (header.type) {
		case "file":
		case "contiguous-file":
			return { kind: "file", sizeBytes: header.size };
		case "directory":
			return { kind: "directory" };
		case "symlink": {
			const target = linkOf(header);
			if (target === "" || target.length > PATH_BYTES_MAX || target.includes("\0")) {
				throw refuseEntry(name, "is a symbolic link without a usable target");
			}
			return { kind: "symlink", target };
		}
		case "link":
			return { kind: "hardlink", target: cleanPath(linkOf(header), name) };
		case "fifo":
			return { kind: "fifo" };
		// A container has its own /dev, and a device node elsewhere would be a way around it.
		case "character-device":
		case "block-device":
			return { kind: "skip", why: "device" };
		default:
			throw new SwarmError(
				"corrupt",
				`Cannot unpack the layer: its entry ${JSON.stringify(shownName(name))} has a type that is not known`,
			);
	}
}

function linkOf(header: TarHeader): string {
	return byteString(header.pax?.linkpath, header.linkname) ?? "";
}

/** Without `.` and doubled slashes; "" is the root. Throws for `..` and for what no file system takes. */
function cleanPath(path: string, entryName: string): string {
	if (path.includes("\0")) throw refuseEntry(entryName, "has a NUL in its path");
	if (path.length > PATH_BYTES_MAX) throw refuseEntry(entryName, `has a path of more than ${PATH_BYTES_MAX} bytes`);
	const parts = path.split("/").filter((part) => part !== "" && part !== ".");
	if (parts.includes("..")) throw refuseEntry(entryName, 'has ".." in its path');
	if (parts.length > PATH_DEPTH_MAX) throw refuseEntry(entryName, `is more than ${PATH_DEPTH_MAX} directories deep`);
	if (parts.some((part) => part.length > COMPONENT_BYTES_MAX)) {
		throw refuseEntry(entryName, `has a name of more than ${COMPONENT_BYTES_MAX} bytes`);
	}
	return parts.join("/");
}

function ownershipOf(header: TarHeader): Ownership {
	return {
		mode: header.mode & 0o7777,
		uid: idOf(header.pax?.uid, header.uid),
		gid: idOf(header.pax?.gid, header.gid),
		mtimeSeconds: secondsOf(header.pax?.mtime, header.mtime),
	};
}

const ID_MAX = 2 ** 32 - 2;

function idOf(pax: string | undefined, header: number): number {
	const id = pax === undefined ? header : Number(pax);
	if (!Number.isInteger(id) || id < 0 || id > ID_MAX) {
		throw new SwarmError("corrupt", `Cannot unpack the layer: ${id} is no user or group id`);
	}
	return id;
}

function secondsOf(pax: string | undefined, header: Date): number {
	const seconds = pax === undefined ? header.getTime() / 1000 : Number(pax);
	// What ext4 and XFS can hold on every kernel that we support; anything else was never a real time.
	return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), 2 ** 32) : 0;
}
