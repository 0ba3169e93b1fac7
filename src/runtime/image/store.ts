// The images of this node: imported from archives or taken from a peer, kept with verified digests, unpacked once for
// each layer, handed to the runtime as overlay directories. One store a directory, one process a store.
// Never runs anything of an image, never follows a link of one.

import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { Clock } from "../../clock.js";
import { asSwarmError, SwarmError } from "../../errors.js";
import type { Logger } from "../../log.js";
import type { Digest } from "../../model.js";
import type { PreparedImage } from "../runtime.js";
import { readContents } from "./archive/contents.js";
import { digestOf, findInDockerArchive, isDockerArchive } from "./archive/docker.js";
import { type FoundImage, findInLayout, isOciLayout } from "./archive/oci.js";
import { type CheckedImage, checkImage, digestsOf, layerPairs, putInPlace, unpackMissing } from "./commit.js";
import { hasBlob, layerPath, layOut, openBlob, shortHex } from "./disk.js";
import { parseManifest } from "./document.js";
import { hostImageDigest } from "./host.js";
import { createHostImage, type HostImage } from "./host-image.js";
import type {
	BlobInfo,
	ImageDescription,
	ImageStore,
	ImageStoreOptions,
	ImageSummary,
	ImportOptions,
	IngestRequest,
} from "./image-store.js";
import { DOCUMENT_BYTES_MAX } from "./limits.js";
import { HOST_IMAGE, hexOf, imageName, parseReference } from "./name.js";
import { machinePlatform } from "./platform.js";
import { receiveBlobs } from "./receive.js";
import { deleteRecord, loadRecords, type StoredImage, saveRecord } from "./record.js";

export type * from "./image-store.js";

/** Reads what is there and clears away what a crash left. */
export async function openImageStore(options: ImageStoreOptions): Promise<ImageStore> {
	await layOut(options.directory);
	const { images, unreadable } = await loadRecords(options.directory, options.logger);
	const store = new Store(options, images, await hostImageDigest("/"), unreadable === 0);
	await store.sweep();
	return store;
}

class Store implements ImageStore {
	readonly #directory: string;
	readonly #logger: Logger;
	readonly #clock: Clock;
	readonly #images = new Map<Digest, StoredImage>();
	/** By the reference that was asked for last: programs start containers of one image many times. */
	readonly #prepared = new WeakMap<StoredImage, { readonly reference: string; readonly prepared: PreparedImage }>();
	/** Blobs and layers of imports on their way, with how many want them. */
	readonly #pins = new Map<string, number>();
	readonly #sweepAllowed: boolean;
	readonly #host: HostImage;
	#hostDigest: Digest;
	#stagings = 0;
	/** Changes of records and sweeps come one after the other. */
	#queue: Promise<unknown> = Promise.resolve();

	constructor(options: ImageStoreOptions, images: readonly StoredImage[], hostDigest: Digest, sweepAllowed: boolean) {
		this.#directory = options.directory;
		this.#logger = options.logger;
		this.#clock = options.clock;
		const { logger, clock } = options;
		this.#host = createHostImage({ root: "/", directory: join(options.directory, "host"), clock, logger });
		this.#hostDigest = hostDigest;
		this.#sweepAllowed = sweepAllowed;
		for (const image of images) this.#images.set(image.digest, image);
	}

	async importArchive(file: string, options: ImportOptions): Promise<ImageSummary> {
		const name = options.name === null ? null : imageName(options.name, "--name");
		return this.#staged(`import ${file}`, async (staging) => {
			let doneBytes = 0;
			const onBytes = (bytes: number) => {
				doneBytes += bytes;
				options.onProgress({ step: "reading", doneBytes, totalBytes: null });
			};
			const contents = await readContents(file, staging, onBytes, options.signal);
			let found: FoundImage;
			if (isOciLayout(contents)) found = await findInLayout(contents, machinePlatform(), name);
			else if (isDockerArchive(contents)) found = await findInDockerArchive(contents, machinePlatform(), name);
			else throw notAnArchive(file);
			const names = name === null ? found.names.map((own) => imageName(own, "the archive's name")) : [name];
			if (names.length === 0) {
				throw new SwarmError("usage", `Cannot import ${file}: the archive gives no name, wanted --name NAME[:TAG]`, {
					details: { field: "--name" },
				});
			}
			return this.#commit(await checkImage(found.manifest, found.blobs), names, staging, options);
		});
	}

	async ingest(request: IngestRequest): Promise<ImageSummary> {
		const names = request.name === null ? [] : [imageName(request.name, "name")];
		const { manifest: bytes, digest } = request;
		if (bytes.length > DOCUMENT_BYTES_MAX || digestOf(bytes) !== digest) {
			throw new SwarmError("corrupt", `Cannot take the image ${digest}: its manifest has another digest`);
		}
		const { config, layers } = parseManifest(bytes);
		const unpin = this.#pin([config, ...layers].map((blob) => blob.digest));
		try {
			return await this.#staged(`take the image ${digest}`, async (staging) => {
				const blobs = await receiveBlobs(this.#directory, [config, ...layers], staging, request);
				return this.#commit(await checkImage(bytes, blobs), names, staging, request);
			});
		} finally {
			unpin();
		}
	}

	async #commit(
		image: CheckedImage,
		names: readonly string[],
		staging: string,
		options: Pick<ImportOptions, "onProgress" | "signal">,
	): Promise<ImageSummary> {
		const { blobs, layers } = digestsOf(image);
		const unpin = this.#pin([...blobs, ...layers]);
		try {
			const place = { directory: this.#directory, staging, logger: this.#logger };
			const totalBytes = image.manifest.layers.reduce((sum, layer) => sum + layer.sizeBytes, 0);
			let doneBytes = 0;
			const onLayer = (bytes: number) => {
				doneBytes += bytes;
				options.onProgress({ step: "unpacking", doneBytes, totalBytes });
			};
			const proven = new Set([...this.#images.values()].flatMap(layerPairs));
			const unpacked = await unpackMissing(image, proven, place, onLayer, options.signal);
			return await this.#inTurn(async () => {
				const known = this.#images.get(image.digest);
				const record = {
					names: [...new Set([...(known?.names ?? []), ...names])],
					importedAtMs: this.#clock.nowMs(),
				};
				this.#images.set(image.digest, await putInPlace(image, unpacked, place, record));
				await this.#takeNames(names, image.digest);
				this.#logger.info("image imported", { digest: image.digest, names: record.names });
				return summaryOf(this.#mustHave(image.digest), names[0] ?? null);
			});
		} finally {
			unpin();
		}
	}

	/** From every other image. One that keeps no name stays until `prune`: containers may run from its layers. */
	async #takeNames(names: readonly string[], owner: Digest): Promise<void> {
		for (const image of this.#images.values()) {
			const left = image.names.filter((name) => !names.includes(name));
			if (image.digest === owner || left.length === image.names.length) continue;
			await this.#replace({ ...image, names: left });
		}
	}

	async #replace(image: StoredImage): Promise<void> {
		await saveRecord(this.#directory, image);
		this.#images.set(image.digest, image);
	}

	list(): readonly ImageSummary[] {
		const imported = [...this.#images.values()].flatMap((image) =>
			image.names.length === 0 ? [summaryOf(image, null)] : image.names.map((name) => summaryOf(image, name)),
		);
		return [this.#hostSummary(), ...imported.sort((a, b) => (a.name < b.name ? -1 : 1))];
	}

	get(reference: string): ImageSummary | null {
		const parsed = parseReference(reference);
		if (parsed?.kind === "host") return this.#hostSummary();
		const image = this.#find(reference);
		return image === null ? null : summaryOf(image, parsed?.kind === "name" ? parsed.name : null);
	}

	#hostSummary(): ImageSummary {
		const { os, architecture } = machinePlatform();
		const platform = `${os}/${architecture}`;
		return { name: HOST_IMAGE, digest: this.#hostDigest, sizeBytes: 0, platform, importedAtMs: null };
	}

	#find(reference: string): StoredImage | null {
		const parsed = parseReference(reference);
		if (parsed?.kind === "digest") return this.#images.get(parsed.digest) ?? null;
		if (parsed?.kind !== "name") return null;
		return [...this.#images.values()].find((image) => image.names.includes(parsed.name)) ?? null;
	}

	#mustHave(reference: string): StoredImage {
		const image = this.#find(reference);
		if (image === null) {
			throw new SwarmError("not-found", `Cannot use the image ${reference}: it is not on this node`, {
				details: { image: reference },
			});
		}
		return image;
	}

	remove(reference: string, usedBy: readonly string[]): Promise<void> {
		return this.#inTurn(async () => {
			const parsed = parseReference(reference);
			if (parsed?.kind === "host") {
				throw new SwarmError("refused", "Cannot remove the image host: it is the node's own file system");
			}
			const image = this.#mustHave(reference);
			const left = parsed?.kind === "name" ? image.names.filter((name) => name !== parsed.name) : [];
			if (left.length > 0) return this.#replace({ ...image, names: left });
			if (usedBy.length > 0) {
				throw new SwarmError("conflict", `Cannot remove the image ${reference}: used by ${usedBy.join(", ")}`, {
					details: { usedBy },
				});
			}
			await this.#delete(image.digest);
			await this.#sweepNow();
		});
	}

	prune(inUse: ReadonlySet<Digest>): Promise<readonly Digest[]> {
		return this.#inTurn(async () => {
			const unused = [...this.#images.values()].filter((image) => image.names.length === 0 && !inUse.has(image.digest));
			for (const image of unused) await this.#delete(image.digest);
			if (unused.length > 0) await this.#sweepNow();
			return unused.map((image) => image.digest);
		});
	}

	async #delete(digest: Digest): Promise<void> {
		await deleteRecord(this.#directory, digest);
		this.#images.delete(digest);
	}

	async prepare(reference: string): Promise<PreparedImage> {
		if (parseReference(reference)?.kind === "host") {
			const prepared = await this.#host.prepare();
			this.#hostDigest = prepared.digest;
			return prepared;
		}
		const image = this.#mustHave(reference);
		const known = this.#prepared.get(image);
		const prepared = known?.reference === reference ? known.prepared : this.#prepareNamed(reference, image);
		this.#prepared.set(image, { reference, prepared });
		const gone = prepared.lowerDirectories.find((path) => !existsSync(path));
		if (gone === undefined) return prepared;
		throw new SwarmError("corrupt", `Cannot use the image ${reference}: its layer ${gone} is gone, import it again`);
	}

	#prepareNamed(reference: string, image: StoredImage): PreparedImage {
		// Uppermost first. Overlayfs takes no directory twice; of a layer that occurs twice the upper one decides.
		const diffIds = new Set([...image.config.diffIds].reverse());
		const lowerDirectories = [...diffIds].map((diffId) => layerPath(this.#directory, diffId));
		const parsed = parseReference(reference);
		const name = parsed?.kind === "name" ? parsed.name : (image.names[0] ?? image.digest);
		return { name, digest: image.digest, lowerDirectories, hostPaths: [], config: image.config.config };
	}

	describe(reference: string): ImageDescription {
		if (parseReference(reference)?.kind === "host") {
			throw new SwarmError("usage", "Cannot send the image host: it is each node's own file system");
		}
		const image = this.#mustHave(reference);
		const blobs = new Map<Digest, BlobInfo>();
		for (const { digest, sizeBytes } of [image.manifest.config, ...image.manifest.layers]) {
			blobs.set(digest, { digest, sizeBytes });
		}
		const parsed = parseReference(reference);
		const name = parsed?.kind === "name" ? parsed.name : (image.names[0] ?? null);
		return { name, digest: image.digest, manifest: image.manifestBytes, blobs: [...blobs.values()] };
	}

	openBlob(digest: Digest): Promise<Readable> {
		return openBlob(this.#directory, digest);
	}

	async missing(digests: readonly Digest[]): Promise<readonly Digest[]> {
		const here = await Promise.all(digests.map((digest) => hasBlob(this.#directory, digest)));
		return digests.filter((_, i) => here[i] === false);
	}

	sweep(): Promise<void> {
		return this.#inTurn(() => this.#sweepNow());
	}

	/** Deletes blobs and layers that no image needs. */
	async #sweepNow(): Promise<void> {
		if (!this.#sweepAllowed) return;
		const blobs = new Set<string>();
		const layers = new Set<string>();
		for (const image of this.#images.values()) {
			const digests = digestsOf(image);
			for (const digest of digests.blobs) blobs.add(hexOf(digest));
			for (const digest of digests.layers) layers.add(shortHex(digest));
		}
		for (const pinned of this.#pins.keys()) {
			blobs.add(hexOf(pinned as Digest));
			layers.add(shortHex(pinned as Digest));
		}
		await this.#deleteAllBut(join(this.#directory, "blobs", "sha256"), blobs);
		await this.#deleteAllBut(join(this.#directory, "layers"), layers);
	}

	/** A directory is first moved away: half of a layer must never stand where a whole one is looked for. */
	async #deleteAllBut(directory: string, keep: ReadonlySet<string>): Promise<void> {
		for (const name of await readdir(directory)) {
			if (keep.has(name)) continue;
			const trash = join(this.#directory, "staging", `trash-${this.#stagings++}`);
			await rename(join(directory, name), trash);
			await rm(trash, { recursive: true, force: true });
		}
	}

	#pin(digests: readonly Digest[]): () => void {
		for (const digest of digests) this.#pins.set(digest, (this.#pins.get(digest) ?? 0) + 1);
		return () => {
			for (const digest of digests) {
				const left = (this.#pins.get(digest) ?? 1) - 1;
				if (left === 0) this.#pins.delete(digest);
				else this.#pins.set(digest, left);
			}
		};
	}

	/** A staging directory for as long as `work` runs. */
	async #staged<T>(action: string, work: (staging: string) => Promise<T>): Promise<T> {
		const staging = join(this.#directory, "staging", String(this.#stagings++));
		await mkdir(staging, { mode: 0o700 });
		try {
			return await work(staging);
		} catch (thrown) {
			throw asSwarmError(thrown, action);
		} finally {
			await rm(staging, { recursive: true, force: true });
		}
	}

	#inTurn<T>(work: () => Promise<T>): Promise<T> {
		const done = this.#queue.then(work, work);
		this.#queue = done.catch(() => {});
		return done;
	}
}

function summaryOf(image: StoredImage, name: string | null): ImageSummary {
	const blobs = new Map([image.manifest.config, ...image.manifest.layers].map((blob) => [blob.digest, blob.sizeBytes]));
	const { os, architecture } = image.config.platform;
	return {
		name: name ?? image.names[0] ?? image.digest,
		digest: image.digest,
		sizeBytes: [...blobs.values()].reduce((sum, bytes) => sum + bytes, image.manifestBytes.length),
		platform: `${os}/${architecture}`,
		importedAtMs: image.importedAtMs,
	};
}

function notAnArchive(file: string): SwarmError {
	return new SwarmError(
		"usage",
		`Cannot import ${file}: it is no image archive, wanted an OCI layout (index.json) or the output of docker save (manifest.json)`,
	);
}
