// From staged files to an image of the store: checks the image's documents against each other, unpacks the layers that
// are not here, makes everything durable, then moves it into place, the record last. Until the record stands nothing
// counts; what a crash leaves is swept at the next start.

import { createHash } from "node:crypto";
import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { SwarmError } from "../../errors.js";
import type { Logger } from "../../log.js";
import type { Digest } from "../../model.js";
import type { StagedFile } from "./archive/contents.js";
import { readDocument } from "./archive/contents.js";
import { digestOf } from "./archive/docker.js";
import { blobOf } from "./archive/oci.js";
import { blobPath, exists, hasBlob, layerPath, moveInto, syncDirectory, syncFileSystem, writeWhole } from "./disk.js";
import { type ConfigDocument, type Descriptor, type Manifest, parseConfig, parseManifest } from "./document.js";
import { decompressed } from "./layer/decompress.js";
import { unpackLayer } from "./layer/unpack.js";
import { forPlatform, machinePlatform } from "./platform.js";
import { type StoredImage, saveRecord } from "./record.js";

/** An image whose documents fit together and whose blobs are all there. */
export interface CheckedImage {
	readonly digest: Digest;
	readonly manifestBytes: Buffer;
	readonly manifest: Manifest;
	readonly config: ConfigDocument;
	readonly blobs: ReadonlyMap<Digest, StagedFile>;
}

export async function checkImage(manifestBytes: Buffer, blobs: ReadonlyMap<Digest, StagedFile>): Promise<CheckedImage> {
	const manifest = parseManifest(manifestBytes);
	const config = parseConfig(await readDocument(blobOf(blobs, manifest.config), "config"));
	forPlatform([config], machinePlatform());
	if (config.diffIds.length !== manifest.layers.length) {
		throw new SwarmError(
			"corrupt",
			`Cannot import the image: its config names ${config.diffIds.length} layers, its manifest ${manifest.layers.length}`,
		);
	}
	for (const layer of manifest.layers) blobOf(blobs, layer);
	return { digest: digestOf(manifestBytes), manifestBytes, manifest, config, blobs };
}

/** What must not be swept while this image is on its way. */
export function digestsOf(image: {
	readonly digest: Digest;
	readonly manifest: Manifest;
	readonly config: ConfigDocument;
}) {
	const blobs = [image.digest, image.manifest.config.digest, ...image.manifest.layers.map((layer) => layer.digest)];
	return { blobs, layers: image.config.diffIds };
}

export interface CommitPlace {
	readonly directory: string;
	readonly staging: string;
	readonly logger: Logger;
}

/** `<blob digest> <diff_id>` of layers whose blob is known to unpack to that diff_id. */
export type ProvenLayers = Set<string>;

export function layerPairs(image: { readonly manifest: Manifest; readonly config: ConfigDocument }): string[] {
	return image.manifest.layers.map((layer, i) => `${layer.digest} ${image.config.diffIds[i]}`);
}

/** Unpacked layers by diff_id that are still in staging. Code `corrupt` when a layer is not what the config says. */
export async function unpackMissing(
	image: CheckedImage,
	proven: ProvenLayers,
	place: CommitPlace,
	onLayer: (doneBytes: number) => void,
	signal: AbortSignal,
): Promise<Map<Digest, string>> {
	const unpacked = new Map<Digest, string>();
	const pairs = layerPairs(image);
	for (const [i, descriptor] of image.manifest.layers.entries()) {
		const diffId = image.config.diffIds[i];
		const pair = pairs[i];
		if (diffId === undefined || pair === undefined) continue;
		const tar = decompressed(blobOf(image.blobs, descriptor).path, signal);
		if (!unpacked.has(diffId) && !(await exists(layerPath(place.directory, diffId)))) {
			const target = join(place.staging, `layer-${i}`);
			await mkdir(target, { mode: 0o700 });
			const result = await unpackLayer(tar, target, signal);
			checkDiffId(descriptor, result.diffId, diffId);
			if (result.devicesSkipped > 0) place.logger.warn("device nodes of a layer were left out", { ...result });
			unpacked.set(diffId, target);
		} else if (!proven.has(pair)) {
			checkDiffId(descriptor, await digestOfAll(tar), diffId);
		}
		proven.add(pair);
		onLayer(descriptor.sizeBytes);
	}
	return unpacked;
}

async function digestOfAll(bytes: AsyncIterable<Buffer>): Promise<Digest> {
	const hash = createHash("sha256");
	for await (const piece of bytes) hash.update(piece);
	return `sha256:${hash.digest("hex")}` as Digest;
}

function checkDiffId(descriptor: Descriptor, diffId: Digest, wanted: Digest): void {
	if (diffId === wanted) return;
	throw new SwarmError(
		"corrupt",
		`Cannot import the image: the layer ${descriptor.digest} unpacks to ${diffId}, wanted ${wanted}`,
	);
}

/** Moves blobs and layers into place and writes the record. Safe to repeat; what is there already stays. */
export async function putInPlace(
	image: CheckedImage,
	unpacked: ReadonlyMap<Digest, string>,
	place: CommitPlace,
	record: { readonly names: readonly string[]; readonly importedAtMs: number },
): Promise<StoredImage> {
	const { directory } = place;
	const { digest, manifestBytes, manifest, config } = image;
	await syncFileSystem(directory);
	for (const descriptor of [manifest.config, ...manifest.layers]) {
		const file = blobOf(image.blobs, descriptor);
		// A layer can stand twice in a manifest: the first move has brought it.
		if (file.staged && !(await hasBlob(directory, file.digest)))
			await rename(file.path, blobPath(directory, file.digest));
	}
	await writeWhole(blobPath(directory, digest), manifestBytes);
	for (const [diffId, path] of unpacked) await moveInto(path, layerPath(directory, diffId));
	await syncDirectory(join(directory, "layers"));
	const stored: StoredImage = { digest, manifestBytes, manifest, config, ...record };
	await saveRecord(directory, stored);
	return stored;
}
