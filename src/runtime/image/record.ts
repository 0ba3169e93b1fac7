// An image of the store as a record, and how it comes from and goes to the disk. The record holds only what the image's
// own documents do not say; those are read from its blobs and checked again.

import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { asSwarmError, SwarmError } from "../../errors.js";
import type { Logger } from "../../log.js";
import type { Digest } from "../../model.js";
import { digestOf } from "./archive/docker.js";
import { blobPath, recordPath, writeWhole } from "./disk.js";
import { type ConfigDocument, type Manifest, parseConfig, parseJson, parseManifest } from "./document.js";
import { isDigest, normalizedName } from "./name.js";

export interface StoredImage {
	/** Of the manifest. */
	readonly digest: Digest;
	/** May be empty: a newer image has taken the name over while containers still ran this one. */
	readonly names: readonly string[];
	readonly importedAtMs: number;
	readonly manifestBytes: Buffer;
	readonly manifest: Manifest;
	readonly config: ConfigDocument;
}

export async function saveRecord(directory: string, image: StoredImage): Promise<void> {
	const { digest, names, importedAtMs } = image;
	await writeWhole(recordPath(directory, digest), `${JSON.stringify({ version: 1, digest, names, importedAtMs })}\n`);
}

export async function deleteRecord(directory: string, digest: Digest): Promise<void> {
	await rm(recordPath(directory, digest), { force: true });
}

export interface LoadedRecords {
	readonly images: readonly StoredImage[];
	/** Records that could not be read: then nothing may be swept, since containers may run from their layers. */
	readonly unreadable: number;
}

export async function loadRecords(directory: string, logger: Logger): Promise<LoadedRecords> {
	const images: StoredImage[] = [];
	let unreadable = 0;
	for (const file of (await readdir(join(directory, "images"))).sort()) {
		if (!file.endsWith(".json")) continue;
		try {
			images.push(await loadRecord(directory, file));
		} catch (thrown) {
			unreadable += 1;
			logger.warn("an image record is unreadable", { file, error: asSwarmError(thrown, "read it").message });
		}
	}
	return { images: withSingleNames(images), unreadable };
}

async function loadRecord(directory: string, file: string): Promise<StoredImage> {
	const json = parseJson(await readFile(join(directory, "images", file)), "record") as Record<string, unknown>;
	const { digest, names, importedAtMs } = json;
	const valid =
		isDigest(digest) &&
		Array.isArray(names) &&
		names.every((name) => typeof name === "string" && normalizedName(name) === name) &&
		typeof importedAtMs === "number";
	if (!valid) throw new SwarmError("corrupt", `Cannot read the image record ${file}: a field is missing or wrong`);
	const manifestBytes = await readChecked(directory, digest);
	const manifest = parseManifest(manifestBytes);
	const config = parseConfig(await readChecked(directory, manifest.config.digest));
	return { digest, names, importedAtMs, manifestBytes, manifest, config };
}

async function readChecked(directory: string, digest: Digest): Promise<Buffer> {
	const bytes = await readFile(blobPath(directory, digest));
	if (digestOf(bytes) !== digest) throw new SwarmError("corrupt", `Cannot read the blob ${digest}: it has changed`);
	return bytes;
}

/** A crash between two writes can leave a name with two images: the newer one keeps it. */
function withSingleNames(images: readonly StoredImage[]): StoredImage[] {
	const taken = new Set<string>();
	return [...images]
		.sort((a, b) => b.importedAtMs - a.importedAtMs)
		.map((image) => {
			const names = image.names.filter((name) => !taken.has(name));
			for (const name of names) taken.add(name);
			return { ...image, names };
		});
}
