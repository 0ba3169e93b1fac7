// What Node has no call for: whiteouts as overlayfs wants them (character device 0:0), opaque directories
// (`trusted.overlay.opaque`), and FIFOs. tar(1) makes them from a tar that is generated here, never from an archive's bytes.
// Kernel document filesystems/overlayfs, "whiteouts and opaque directories".

import { spawn } from "node:child_process";
import { once } from "node:events";
import { pipeline } from "node:stream/promises";
import { type Header, pack } from "tar-stream";
import { SwarmError } from "../../../errors.js";
import type { Ownership } from "./entry.js";

export type Special =
	| { readonly kind: "whiteout"; readonly path: string }
	| { readonly kind: "opaque"; readonly path: string; readonly owner: Ownership }
	| { readonly kind: "fifo"; readonly path: string; readonly owner: Ownership };

const STDERR_BYTES_MAX = 4096;

/** Paths are byte strings (entry.ts); their parents are real directories of `directory`. */
export async function makeSpecials(directory: string, specials: readonly Special[]): Promise<void> {
	if (specials.length === 0) return;
	const tar = spawn(
		"tar",
		[
			"--extract",
			"--file=-",
			`--directory=${directory}`,
			"--same-owner",
			"--same-permissions",
			"--numeric-owner",
		].concat("--xattrs", "--xattrs-include=trusted.overlay.opaque"),
		{ stdio: ["pipe", "ignore", "pipe"], env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" } },
	);
	let complaint = "";
	tar.stderr.on("data", (bytes: Buffer) => {
		if (complaint.length < STDERR_BYTES_MAX) complaint += bytes.toString();
	});
	const closed = once(tar, "close");
	const archive = pack();
	for (const special of specials) archive.entry(headerOf(special));
	archive.finalize();
	const [written, ended] = await Promise.allSettled([pipeline(archive, tar.stdin), closed]);
	if (ended.status === "rejected") throw failure(String(ended.reason));
	if (ended.value[0] !== 0) throw failure(complaint.trim());
	if (written.status === "rejected") throw failure(String(written.reason));
}

/** PAX carries the path, so that any byte and any length passes. */
function headerOf(special: Special): Partial<Header> & { name: string } {
	// tar-stream writes PAX values as UTF-8: a byte string becomes the bytes it stands for only if they are UTF-8.
	const bytes = Buffer.from(special.path, "latin1");
	const path = bytes.toString("utf8");
	if (!Buffer.from(path, "utf8").equals(bytes)) {
		throw failure(`${JSON.stringify(path)} is no UTF-8 name, which is not supported for whiteouts and FIFOs`);
	}
	const name = `./${path}`;
	if (special.kind === "whiteout") {
		return { name, type: "character-device", devmajor: 0, devminor: 0, mode: 0, uid: 0, gid: 0, pax: {} };
	}
	const { mode, uid, gid, mtimeSeconds } = special.owner;
	const owner = { mode, mtime: new Date(mtimeSeconds * 1000) };
	const ids = { uid: String(uid), gid: String(gid) };
	return special.kind === "fifo"
		? { name, type: "fifo", ...owner, pax: ids }
		: { name: `${name}/`, type: "directory", ...owner, pax: { ...ids, "SCHILY.xattr.trusted.overlay.opaque": "y" } };
}

function failure(why: string): SwarmError {
	return new SwarmError("failed", `Cannot unpack the layer: tar(1) did not make its whiteouts: ${why}`);
}
