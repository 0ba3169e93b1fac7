// The port to the images of one node: what can be asked of a store, and what its answers look like. Real adapter:
// store.ts. Types only.

import type { Readable } from "node:stream";
import type { Clock } from "../../clock.js";
import type { Logger } from "../../log.js";
import type { Digest } from "../../model.js";
import type { PreparedImage } from "../runtime.js";

/** A line of `swarm image ls`. */
export interface ImageSummary {
	/** `name:tag`, or the digest of an image whose names newer ones have taken over. */
	readonly name: string;
	/** Of the manifest; for `host`, of what makes two nodes' views alike (host.ts). */
	readonly digest: Digest;
	/** Of its blobs, as a peer would have to send them; 0 for `host`. */
	readonly sizeBytes: number;
	/** `linux/amd64` */
	readonly platform: string;
	/** null for `host`, which comes with the node. */
	readonly importedAtMs: number | null;
}

export interface BlobInfo {
	readonly digest: Digest;
	readonly sizeBytes: number;
}

/** What a peer needs to know to fetch an image. */
export interface ImageDescription {
	/** null: it has no name any more. */
	readonly name: string | null;
	readonly digest: Digest;
	/** The manifest's own bytes; `digest` is theirs. */
	readonly manifest: Buffer;
	/** The config first, then the layers, each once. */
	readonly blobs: readonly BlobInfo[];
}

export interface ImportProgress {
	readonly step: "reading" | "receiving" | "unpacking";
	readonly doneBytes: number;
	/** null: not known. */
	readonly totalBytes: number | null;
}

export interface ImportOptions {
	/** Overrides the archive's own names; of an archive with several images, picks the one of that name. */
	readonly name: string | null;
	readonly onProgress: (progress: ImportProgress) => void;
	readonly signal: AbortSignal;
}

export interface IngestRequest {
	readonly name: string | null;
	/** Digest of `manifest`; checked. */
	readonly digest: Digest;
	readonly manifest: Buffer;
	/** Called once with the blobs that are missing here; its result is called for each of them in that order. */
	readonly transfer: (wanted: readonly BlobInfo[]) => Promise<(blob: BlobInfo) => AsyncIterable<Uint8Array>>;
	readonly onProgress: (progress: ImportProgress) => void;
	readonly signal: AbortSignal;
}

export interface ImageStore {
	/**
	 * Imports an OCI layout (tar, tar.gz, tar.zst or directory) or an archive of `docker save`. Codes: `not-found`, `usage`
	 * (no archive, no or bad name), `corrupt` (digest, size), `refused` (a path that leads out), `unsupported` (other
	 * platform), `too-large`. A failed import leaves nothing behind.
	 */
	importArchive(file: string, options: ImportOptions): Promise<ImageSummary>;
	/** By name; `host` first. */
	list(): readonly ImageSummary[];
	/** By `name[:tag]` or digest; null when it is not here. */
	get(reference: string): ImageSummary | null;
	/**
	 * Takes the name away, and with an image's last name the image. `usedBy`: the containers on this node that run it;
	 * code `conflict` when that would delete what they run from, `not-found` for an unknown one.
	 */
	remove(reference: string, usedBy: readonly string[]): Promise<void>;
	/** Deletes images that lost all their names and are not in `inUse`. Gives what it deleted. */
	prune(inUse: ReadonlySet<Digest>): Promise<readonly Digest[]>;
	/** Code `not-found` for an image that is not here. Reference: name or digest. */
	prepare(reference: string): Promise<PreparedImage>;
	/** Code `not-found`; `usage` for `host`, which no peer can send. */
	describe(reference: string): ImageDescription;
	openBlob(digest: Digest): Promise<Readable>;
	/** Those of `digests` that are not here. */
	missing(digests: readonly Digest[]): Promise<readonly Digest[]>;
	/** Takes an image from elsewhere; nothing is believed, every digest is checked. */
	ingest(request: IngestRequest): Promise<ImageSummary>;
}

export interface ImageStoreOptions {
	/** Owned by the store; made when absent, with mode 0700. */
	readonly directory: string;
	readonly logger: Logger;
	readonly clock: Clock;
}
