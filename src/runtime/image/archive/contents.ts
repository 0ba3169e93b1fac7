// Brings an image archive (tar, compressed tar, or a directory with an OCI layout) into a staging directory: every file
// under a name of our own, with its digest. Names and links of the archive lead to no path on this machine.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { SwarmError } from "../../../errors.js";
import type { Digest } from "../../../model.js";
import { decompressed } from "../layer/decompress.js";
import { ARCHIVE_BYTES_MAX, ARCHIVE_ENTRIES_MAX, DOCUMENT_BYTES_MAX } from "../limits.js";
import { guardSpace, type SpaceGuard } from "../space.js";
import { byteString, readTar, shownName, type TarHeader } from "../tar.js";

/** One file of the archive, safe on disk. */
export interface StagedFile {
	readonly path: string;
	readonly digest: Digest;
	readonly sizeBytes: number;
	/** Whether `path` lies in staging and is to be moved; false for a blob that the store has already. */
	readonly staged: boolean;
}

/** By name inside the archive, without `./`. */
export type Contents = ReadonlyMap<string, StagedFile>;

export type OnBytes = (bytes: number) => void;

/** Code `not-found` without the file, `usage` for what is no archive, `refused` for names that lead outside. */
export async function readContents(
	file: string,
	staging: string,
	onBytes: OnBytes,
	signal: AbortSignal,
): Promise<Contents> {
	const info = await stat(file).catch((thrown: unknown) => {
		throw new SwarmError("not-found", `Cannot import ${file}: there is no such file`, { cause: thrown });
	});
	if (info.isDirectory()) return readDirectory(file, staging, onBytes, signal);
	if (!info.isFile()) throw new SwarmError("usage", `Cannot import ${file}: it is neither a file nor a directory`);
	return readArchive(file, staging, onBytes, signal);
}

export async function readDocument(file: StagedFile, what: string): Promise<Buffer> {
	if (file.sizeBytes > DOCUMENT_BYTES_MAX) {
		throw new SwarmError("too-large", `Cannot read the image's ${what}: it is larger than ${DOCUMENT_BYTES_MAX} bytes`);
	}
	return readFile(file.path);
}

async function readArchive(file: string, staging: string, onBytes: OnBytes, signal: AbortSignal): Promise<Contents> {
	const contents = new Map<string, StagedFile>();
	const links = new Map<string, string>();
	const space = guardSpace(staging, file, ARCHIVE_BYTES_MAX);
	let entries = 0;
	const reading = readTar(decompressed(file, signal), async (header, data) => {
		signal.throwIfAborted();
		entries += 1;
		if (entries > ARCHIVE_ENTRIES_MAX) {
			throw new SwarmError("too-large", `Cannot import ${file}: it has more than ${ARCHIVE_ENTRIES_MAX} entries`);
		}
		const name = nameOf(file, header);
		if (header.type === "file" || header.type === "contiguous-file") {
			links.delete(name);
			contents.set(name, await stageFile(join(staging, `file-${entries}`), data, space, onBytes));
		} else if (header.type === "symlink" || header.type === "link") {
			contents.delete(name);
			links.set(name, linkTargetOf(file, name, header));
		}
	});
	await reading.catch((thrown: unknown) => {
		if (!(thrown instanceof SwarmError) || thrown.code !== "corrupt") throw thrown;
		throw new SwarmError("corrupt", `Cannot import ${file}: it is no tar, or a damaged one (${thrown.message})`, {
			cause: thrown,
		});
	});
	if (contents.size === 0)
		throw new SwarmError("usage", `Cannot import ${file}: it is no image archive (no files in it)`);
	for (const [name, target] of links) {
		const staged = contents.get(target);
		if (staged) contents.set(name, staged);
	}
	return contents;
}

function outside(file: string, shown: string): SwarmError {
	return new SwarmError(
		"refused",
		`Cannot import ${file}: its entry ${JSON.stringify(shown)} leads out of the archive`,
		{
			details: { entry: shown },
		},
	);
}

function nameOf(file: string, header: TarHeader): string {
	const raw = byteString(header.pax?.path, header.name) ?? "";
	const parts = raw.split("/").filter((part) => part !== "" && part !== ".");
	if (raw.startsWith("/") || parts.includes("..")) throw outside(file, shownName(raw));
	return parts.join("/");
}

/** Old `docker save` archives link layers that occur twice: `../<id>/layer.tar`. */
function linkTargetOf(file: string, name: string, header: TarHeader): string {
	const raw = byteString(header.pax?.linkpath, header.linkname) ?? "";
	if (raw.startsWith("/")) throw outside(file, shownName(name));
	const parts = header.type === "symlink" ? name.split("/").slice(0, -1) : [];
	for (const part of raw.split("/")) {
		if (part === "..") {
			if (parts.pop() === undefined) throw outside(file, shownName(name));
		} else if (part !== "" && part !== ".") parts.push(part);
	}
	return parts.join("/");
}

/** Writes `data` to the new file `path`. Used for whatever comes from outside: archives and peers. */
export async function stageFile(
	path: string,
	data: AsyncIterable<Uint8Array>,
	space: SpaceGuard,
	onBytes: OnBytes,
): Promise<StagedFile> {
	const hash = createHash("sha256");
	let sizeBytes = 0;
	const handle = await open(path, "wx", 0o600);
	try {
		for await (const piece of data) {
			await space.take(piece.length);
			hash.update(piece);
			await handle.writeFile(piece);
			sizeBytes += piece.length;
			onBytes(piece.length);
		}
	} finally {
		await handle.close();
	}
	return { path, digest: `sha256:${hash.digest("hex")}` as Digest, sizeBytes, staged: true };
}

/** Only what an OCI layout holds: other files of the directory are nobody's business. */
async function readDirectory(
	directory: string,
	staging: string,
	onBytes: OnBytes,
	signal: AbortSignal,
): Promise<Contents> {
	const blobs = "blobs/sha256";
	const hexes = await readdir(join(directory, blobs)).catch((thrown: unknown) => {
		throw new SwarmError("usage", `Cannot import ${directory}: it holds no OCI image layout (no blobs/sha256)`, {
			cause: thrown,
		});
	});
	if (hexes.length > ARCHIVE_ENTRIES_MAX) {
		throw new SwarmError("too-large", `Cannot import ${directory}: it has more than ${ARCHIVE_ENTRIES_MAX} blobs`);
	}
	const space = guardSpace(staging, directory, ARCHIVE_BYTES_MAX);
	const contents = new Map<string, StagedFile>();
	for (const [i, name] of ["oci-layout", "index.json", ...hexes.map((hex) => `${blobs}/${hex}`)].entries()) {
		signal.throwIfAborted();
		const path = join(directory, name);
		if (!(await stat(path).catch(() => null))?.isFile()) continue;
		const data = createReadStream(path, { signal, highWaterMark: 256 * 1024 });
		contents.set(name, await stageFile(join(staging, `file-${i}`), data, space, onBytes));
	}
	return contents;
}
