// Where an image store keeps what, and the few ways it touches the disk so that a crash leaves either the old or the new:
// temporary file, fsync, rename. Knows paths, not images.
//
//   blobs/sha256/<hex>   manifests, configs and layers as they came
//   layers/<32 hex>      unpacked layers, named by the start of their diff_id: mount options are short of room
//   images/<hex>.json    one record an image
//   host/<32 hex>        skeletons of the `host` image
//   staging/<n>          imports in progress and what is being deleted; emptied at every start

import { execFile } from "node:child_process";
import { createReadStream } from "node:fs";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { promisify } from "node:util";
import { SwarmError } from "../../errors.js";
import type { Digest } from "../../model.js";
import { hexOf } from "./name.js";

const run = promisify(execFile);

/** 128 bits of the digest name a layer: nobody finds two layers that share them. */
const SHORT_HEX = 32;

export function shortHex(digest: Digest): string {
	return hexOf(digest).slice(0, SHORT_HEX);
}

export function layerPath(directory: string, diffId: Digest): string {
	return join(directory, "layers", shortHex(diffId));
}

export function blobPath(directory: string, digest: Digest): string {
	return join(directory, "blobs", "sha256", hexOf(digest));
}

export function recordPath(directory: string, digest: Digest): string {
	return join(directory, "images", `${hexOf(digest)}.json`);
}

/** Makes the directories, for root alone: setuid programs of an image must not be reachable on the host. */
export async function layOut(directory: string): Promise<void> {
	for (const part of ["", "blobs/sha256", "layers", "images", "host"]) {
		await mkdir(join(directory, part), { recursive: true, mode: 0o700 });
	}
	await rm(join(directory, "staging"), { recursive: true, force: true });
	await mkdir(join(directory, "staging"), { mode: 0o700 });
}

export async function exists(path: string): Promise<boolean> {
	return (await stat(path).catch(() => null)) !== null;
}

export async function hasBlob(directory: string, digest: Digest): Promise<boolean> {
	return exists(blobPath(directory, digest));
}

/** The stream fails with code `not-found` when the blob is not here. */
export async function openBlob(directory: string, digest: Digest): Promise<Readable> {
	const path = blobPath(directory, digest);
	if (!(await exists(path)))
		throw new SwarmError("not-found", `Cannot read the blob ${digest}: it is not on this node`);
	return createReadStream(path, { highWaterMark: 256 * 1024 });
}

/** Writes `text` whole or not at all, durably. */
export async function writeWhole(path: string, bytes: string | Uint8Array): Promise<void> {
	const temporary = `${path}.new`;
	const handle = await open(temporary, "w", 0o600);
	try {
		await handle.writeFile(bytes);
		await handle.sync();
	} finally {
		await handle.close();
	}
	await rename(temporary, path);
	await syncDirectory(join(path, ".."));
}

export async function syncDirectory(directory: string): Promise<void> {
	const handle = await open(directory, "r");
	try {
		await handle.sync();
	} finally {
		await handle.close();
	}
}

/** Everything written to the file system of `directory` so far, in one go: an fsync for each of a layer's files is slow. */
export async function syncFileSystem(directory: string): Promise<void> {
	await run("sync", ["--file-system", directory]);
}

/** Renames; false when the target is there already. */
export async function moveInto(from: string, to: string): Promise<boolean> {
	try {
		await rename(from, to);
		return true;
	} catch (thrown) {
		const code = (thrown as NodeJS.ErrnoException).code;
		if (code === "ENOTEMPTY" || code === "EEXIST") return false;
		throw thrown;
	}
}
