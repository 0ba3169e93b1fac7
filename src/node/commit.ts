// `swarm commit`: what a container wrote becomes one more layer over its image, in this node's store. The container stands still only
// while its files are read.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../clock.js";
import { SwarmError } from "../errors.js";
import type { ContainerId, Digest } from "../model.js";
import { type AddedLayer, withLayer } from "../runtime/image/add-layer.js";
import { LAYER_BYTES_MAX } from "../runtime/image/limits.js";
import { HOST_IMAGE, imageName } from "../runtime/image/name.js";
import { guardSpace } from "../runtime/image/space.js";
import type { ImageStore, ImageSummary } from "../runtime/image/store.js";
import type { Runtime } from "../runtime/runtime.js";

export interface CommitParts {
	readonly runtime: Pick<Runtime, "get" | "withWrittenLayer">;
	readonly store: ImageStore;
	readonly clock: Clock;
	/** For layers on their way; emptied when a daemon starts. */
	readonly directory: string;
}

let commitsSoFar = 0;

/** Codes: `not-found`, `usage` (no good name), `unsupported` for `host`, which is no image of layers. */
export async function commitContainer(
	parts: CommitParts,
	container: ContainerId,
	name: string,
	onProgress: (message: string) => void,
	signal: AbortSignal,
): Promise<ImageSummary> {
	const wanted = imageName(name, "name");
	const state = parts.runtime.get(container);
	if (state === null) throw new SwarmError("not-found", `Cannot commit ${container}: it is not on this node`);
	if (state.imageName === HOST_IMAGE)
		throw new SwarmError(
			"unsupported",
			`Cannot commit ${container}: its image is host, this node's own programs, wanted an imported image`,
		);
	await mkdir(parts.directory, { recursive: true, mode: 0o700 });
	const file = join(parts.directory, String(commitsSoFar++));
	try {
		onProgress("reading what it wrote");
		const layer = await parts.runtime.withWrittenLayer(container, (tar) => keep(tar, file), signal);
		onProgress("adding the layer");
		const added = { ...layer, createdAtMs: parts.clock.nowMs(), createdBy: `swarm commit ${container}` };
		return await ingest(parts.store, state.imageDigest, wanted, added, file, signal);
	} finally {
		await rm(file, { force: true });
	}
}

async function keep(tar: AsyncIterable<Uint8Array>, file: string): Promise<Pick<AddedLayer, "digest" | "sizeBytes">> {
	const space = guardSpace(join(file, ".."), "the layer", LAYER_BYTES_MAX);
	const hash = createHash("sha256");
	let sizeBytes = 0;
	const handle = await open(file, "wx", 0o600);
	try {
		for await (const part of tar) {
			await space.take(part.length);
			hash.update(part);
			await handle.writeFile(part);
			sizeBytes += part.length;
		}
	} finally {
		await handle.close();
	}
	return { digest: `sha256:${hash.digest("hex")}` as Digest, sizeBytes };
}

async function ingest(
	store: ImageStore,
	baseDigest: Digest,
	name: string,
	layer: AddedLayer,
	file: string,
	signal: AbortSignal,
): Promise<ImageSummary> {
	const base = store.describe(baseDigest);
	const baseConfig = base.blobs[0];
	if (baseConfig === undefined) throw new SwarmError("corrupt", `Cannot commit: the image ${baseDigest} has no config`);
	const documents = { manifest: base.manifest, config: await bytesOf(await store.openBlob(baseConfig.digest)) };
	const { manifest, config } = withLayer(documents, layer, digestOf);
	const sources = new Map<Digest, () => AsyncIterable<Uint8Array>>([
		[digestOf(config), () => one(config)],
		[layer.digest, () => createReadStream(file)],
	]);
	return store.ingest({
		name,
		digest: digestOf(manifest),
		manifest,
		transfer: async () => (blob) => {
			const source = sources.get(blob.digest);
			if (source === undefined)
				throw new SwarmError("not-found", `Cannot commit: a layer of the image is gone: ${blob.digest}`);
			return source();
		},
		onProgress: () => {},
		signal,
	});
}

function digestOf(bytes: Uint8Array): Digest {
	return `sha256:${createHash("sha256").update(bytes).digest("hex")}` as Digest;
}

async function* one(bytes: Uint8Array): AsyncIterable<Uint8Array> {
	yield bytes;
}

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
	const parts: Uint8Array[] = [];
	for await (const part of stream) parts.push(part);
	return Buffer.concat(parts);
}
