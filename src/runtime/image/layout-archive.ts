// An image of the store as one tar: an OCI image layout (image-layout.md) that docker, podman, skopeo and `swarm image import` take.

import type { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { pack } from "tar-stream";
import { asSwarmError, SwarmError } from "../../errors.js";
import type { ImageStore } from "./image-store.js";
import { hexOf } from "./name.js";

/** Code `not-found` for an image that is not here, `usage` for `host`. */
export function layoutArchive(store: ImageStore, reference: string): AsyncIterable<Uint8Array> {
	const image = store.describe(reference);
	const annotations = image.name === null ? {} : { "org.opencontainers.image.ref.name": image.name };
	const descriptor = {
		mediaType: manifestType(image.manifest),
		digest: image.digest,
		size: image.manifest.length,
		annotations,
	};
	const archive = pack();
	const file = (name: string, content: Buffer) =>
		void archive.entry({ name, mode: 0o644, mtime: new Date(0) }, content);
	const fill = async () => {
		file("oci-layout", Buffer.from(JSON.stringify({ imageLayoutVersion: "1.0.0" })));
		file("index.json", Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [descriptor] })));
		file(`blobs/sha256/${hexOf(image.digest)}`, image.manifest);
		for (const blob of image.blobs) {
			const name = `blobs/sha256/${hexOf(blob.digest)}`;
			const entry = archive.entry({ name, mode: 0o644, mtime: new Date(0), size: blob.sizeBytes });
			// A caller that goes away destroys the archive, and with it this.
			await pipeline(await store.openBlob(blob.digest), entry as unknown as Writable);
		}
		archive.finalize();
	};
	fill().catch((thrown: unknown) => archive.destroy(asSwarmError(thrown, `export the image ${reference}`)));
	return archive as unknown as AsyncIterable<Uint8Array>;
}

/** A manifest without one is OCI's. */
function manifestType(manifest: Buffer): string {
	const { mediaType } = JSON.parse(manifest.toString()) as { mediaType?: unknown };
	if (mediaType === undefined) return "application/vnd.oci.image.manifest.v1+json";
	if (typeof mediaType === "string") return mediaType;
	throw new SwarmError("corrupt", "Cannot export the image: its manifest has no media type");
}
