// The documents of an image that is another one with one more layer on top. Pure; fields of the base that are not known here
// survive. image-spec: manifest.md, config.md.

import type { Digest } from "../../model.js";
import { parseConfig, parseJson, parseManifest } from "./document.js";

export interface AddedLayer {
	/** Of the uncompressed tar, which is also the blob. */
	readonly digest: Digest;
	readonly sizeBytes: number;
	readonly createdAtMs: number;
	/** For `docker history`. */
	readonly createdBy: string;
}

export interface ImageDocuments {
	readonly manifest: Buffer;
	readonly config: Buffer;
}

type Json = Readonly<Record<string, unknown>>;

/** `digestOf` the new config goes into the manifest. */
export function withLayer(
	base: ImageDocuments,
	layer: AddedLayer,
	digestOf: (bytes: Uint8Array) => Digest,
): ImageDocuments {
	// As strangers would: what does not hold for them is refused here.
	parseManifest(base.manifest);
	parseConfig(base.config);
	const config = Buffer.from(JSON.stringify(configWith(parseJson(base.config, "config") as Json, layer)));
	const manifest = parseJson(base.manifest, "manifest") as Json;
	const layers = (manifest.layers as readonly Json[]).map((known) => ({
		...known,
		mediaType: ociType(known.mediaType),
	}));
	const document = {
		...manifest,
		schemaVersion: 2,
		mediaType: "application/vnd.oci.image.manifest.v1+json",
		config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: digestOf(config), size: config.length },
		layers: [...layers, { mediaType: LAYER_TYPE, digest: layer.digest, size: layer.sizeBytes }],
	};
	return { manifest: Buffer.from(JSON.stringify(document)), config };
}

const LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar";

/** Docker's names for the same bytes: one manifest does not mix the two. */
function ociType(mediaType: unknown): unknown {
	switch (mediaType) {
		case "application/vnd.docker.image.rootfs.diff.tar":
			return LAYER_TYPE;
		case "application/vnd.docker.image.rootfs.diff.tar.gzip":
			return `${LAYER_TYPE}+gzip`;
		case "application/vnd.docker.image.rootfs.diff.tar.zstd":
			return `${LAYER_TYPE}+zstd`;
		default:
			return mediaType;
	}
}

function configWith(config: Json, layer: AddedLayer): Json {
	const rootfs = config.rootfs as Json;
	const created = new Date(layer.createdAtMs).toISOString();
	const history = Array.isArray(config.history) ? config.history : [];
	return {
		...config,
		created,
		rootfs: { ...rootfs, diff_ids: [...(rootfs.diff_ids as readonly unknown[]), layer.digest] },
		history: [...history, { created, created_by: layer.createdBy }],
	};
}
