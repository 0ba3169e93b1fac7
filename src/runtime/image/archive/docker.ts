// Finds the one image that is meant in an archive of `docker save`, and writes the manifest that such archives lack. The
// same archive gives the same manifest on every node. moby/moby: image/tarexport.

import { createHash } from "node:crypto";
import { SwarmError } from "../../../errors.js";
import type { Digest } from "../../../model.js";
import { type Platform, parseConfig, parseJson } from "../document.js";
import { LAYERS_MAX, MANIFESTS_MAX } from "../limits.js";
import { normalizedName } from "../name.js";
import { forPlatform } from "../platform.js";
import { type Contents, readDocument, type StagedFile } from "./contents.js";
import { type FoundImage, severalImages } from "./oci.js";

interface DockerImage {
	readonly config: StagedFile;
	readonly layers: readonly StagedFile[];
	readonly names: readonly string[];
	readonly platform: Platform;
}

export function isDockerArchive(contents: Contents): boolean {
	return contents.has("manifest.json");
}

export async function findInDockerArchive(
	contents: Contents,
	machine: Platform,
	wanted: string | null,
): Promise<FoundImage> {
	const file = contents.get("manifest.json");
	if (file === undefined) throw corrupt("it has no manifest.json");
	const list = parseJson(await readDocument(file, "manifest.json"), "manifest.json");
	if (!Array.isArray(list) || list.length > MANIFESTS_MAX) throw corrupt("manifest.json is no list of images");
	const images = await Promise.all(list.map((item) => imageOf(contents, item)));
	const fitting = forPlatform(images, machine);
	const named = fitting.find((image) => wanted !== null && image.names.includes(wanted));
	const chosen = named ?? (fitting.length === 1 ? fitting[0] : undefined);
	if (chosen === undefined) throw severalImages(fitting.flatMap((image) => image.names));
	const blobs = new Map<Digest, StagedFile>([chosen.config, ...chosen.layers].map((blob) => [blob.digest, blob]));
	return { manifest: manifestOf(chosen), names: chosen.names, blobs };
}

async function imageOf(contents: Contents, item: unknown): Promise<DockerImage> {
	const { Config, Layers, RepoTags } = (item ?? {}) as Record<string, unknown>;
	if (typeof Config !== "string" || !Array.isArray(Layers) || Layers.length > LAYERS_MAX) {
		throw corrupt("manifest.json has an entry without Config or Layers");
	}
	const config = fileOf(contents, Config);
	checkNamedDigest(Config, config);
	const layers = Layers.map((layer) => fileOf(contents, layer));
	const tags = Array.isArray(RepoTags) ? RepoTags : [];
	const names = tags.map((tag) => (typeof tag === "string" ? normalizedName(tag) : null));
	const { platform } = parseConfig(await readDocument(config, "config"));
	return { config, layers, names: names.filter((name) => name !== null), platform };
}

function fileOf(contents: Contents, name: unknown): StagedFile {
	const file = typeof name === "string" ? contents.get(name) : undefined;
	if (file === undefined) throw corrupt(`its file ${JSON.stringify(name)} is missing`);
	return file;
}

/** `<hex>.json` and `blobs/sha256/<hex>` promise a digest; layers are checked by their diff_ids. */
function checkNamedDigest(name: string, file: StagedFile): void {
	const hex = /(?:^|\/)([0-9a-f]{64})(?:\.json)?$/.exec(name)?.[1];
	if (hex !== undefined && file.digest !== `sha256:${hex}`) throw corrupt(`${name} has the digest ${file.digest}`);
}

function manifestOf(image: DockerImage): Buffer {
	const descriptor = (mediaType: string, file: StagedFile) => ({
		mediaType,
		digest: file.digest,
		size: file.sizeBytes,
	});
	return Buffer.from(
		JSON.stringify({
			schemaVersion: 2,
			mediaType: "application/vnd.oci.image.manifest.v1+json",
			config: descriptor("application/vnd.oci.image.config.v1+json", image.config),
			layers: image.layers.map((layer) => descriptor("application/vnd.oci.image.layer.v1.tar", layer)),
		}),
	);
}

export function digestOf(bytes: Uint8Array): Digest {
	return `sha256:${createHash("sha256").update(bytes).digest("hex")}` as Digest;
}

function corrupt(why: string): SwarmError {
	return new SwarmError("corrupt", `Cannot import the archive of docker save: ${why}`);
}
