// Finds the one image that is meant in an OCI image layout. image-spec: image-layout.md, annotations.md.
// Reads staged files, writes nothing.

import { SwarmError } from "../../../errors.js";
import type { Digest } from "../../../model.js";
import { type Descriptor, isIndex, type Platform, parseConfig, parseIndex, parseManifest } from "../document.js";
import { MANIFESTS_MAX } from "../limits.js";
import { hexOf, normalizedName } from "../name.js";
import { forPlatform } from "../platform.js";
import { type Contents, readDocument, type StagedFile } from "./contents.js";

/** What an archive offers: the manifest's own bytes, its blobs by digest, and the names it gives itself. */
export interface FoundImage {
	readonly manifest: Buffer;
	readonly names: readonly string[];
	readonly blobs: ReadonlyMap<Digest, StagedFile>;
}

const NAME_ANNOTATIONS = ["io.containerd.image.name", "org.opencontainers.image.ref.name"];
/** BuildKit's provenance documents look like images of platform unknown/unknown. */
const ATTESTATION = "vnd.docker.reference.type";

interface Candidate {
	readonly manifest: Descriptor;
	readonly name: string | null;
	readonly platform: Platform;
}

export function isOciLayout(contents: Contents): boolean {
	return contents.has("index.json") && contents.has("oci-layout");
}

export async function findInLayout(contents: Contents, machine: Platform, wanted: string | null): Promise<FoundImage> {
	const blobs = blobsOf(contents);
	const index = contents.get("index.json");
	if (index === undefined) throw new SwarmError("corrupt", "Cannot read the image layout: it has no index.json");
	const candidates: Candidate[] = [];
	for (const descriptor of parseIndex(await readDocument(index, "index"))) {
		await collect(blobs, descriptor, nameOf(descriptor), candidates, 0);
	}
	const fitting = forPlatform(candidates, machine);
	const chosen = oneOf(fitting, wanted);
	const names = new Set(fitting.filter((c) => c.manifest.digest === chosen.digest).map((c) => c.name));
	return {
		manifest: await readDocument(blobOf(blobs, chosen), "manifest"),
		names: [...names].filter((name) => name !== null),
		blobs,
	};
}

/** By digest; a file below blobs/ whose name is not its digest is damaged or a lie. */
function blobsOf(contents: Contents): Map<Digest, StagedFile> {
	const blobs = new Map<Digest, StagedFile>();
	for (const [name, file] of contents) {
		if (!name.startsWith("blobs/sha256/")) continue;
		if (name !== `blobs/sha256/${hexOf(file.digest)}`) {
			throw new SwarmError("corrupt", `Cannot import the image: ${name} has the digest ${file.digest}`, {
				details: { file: name, digest: file.digest },
			});
		}
		blobs.set(file.digest, file);
	}
	return blobs;
}

/** The blob that a descriptor names. Code `corrupt` when it is missing or of another size. */
export function blobOf(blobs: ReadonlyMap<Digest, StagedFile>, descriptor: Descriptor): StagedFile {
	const file = blobs.get(descriptor.digest);
	if (file === undefined) {
		throw new SwarmError("corrupt", `Cannot import the image: its blob ${descriptor.digest} is missing`);
	}
	if (file.sizeBytes !== descriptor.sizeBytes) {
		throw new SwarmError(
			"corrupt",
			`Cannot import the image: its blob ${descriptor.digest} has ${file.sizeBytes} bytes, wanted ${descriptor.sizeBytes}`,
		);
	}
	return file;
}

function nameOf(descriptor: Descriptor): string | null {
	for (const annotation of NAME_ANNOTATIONS) {
		const text = descriptor.annotations[annotation];
		const name = text === undefined ? null : normalizedName(text);
		if (name !== null) return name;
	}
	return null;
}

const NESTING_MAX = 4;

async function collect(
	blobs: ReadonlyMap<Digest, StagedFile>,
	descriptor: Descriptor,
	name: string | null,
	into: Candidate[],
	depth: number,
): Promise<void> {
	if (ATTESTATION in descriptor.annotations) return;
	if (depth > NESTING_MAX || into.length > MANIFESTS_MAX) {
		throw new SwarmError("too-large", `Cannot import the image: it nests more than ${NESTING_MAX} indexes`);
	}
	if (isIndex(descriptor)) {
		for (const inner of parseIndex(await readDocument(blobOf(blobs, descriptor), "index"))) {
			await collect(blobs, inner, name ?? nameOf(inner), into, depth + 1);
		}
		return;
	}
	const platform = descriptor.platform ?? (await platformOf(blobs, descriptor));
	into.push({ manifest: descriptor, name, platform });
}

/** Without a platform in the descriptor the config tells it. */
async function platformOf(blobs: ReadonlyMap<Digest, StagedFile>, descriptor: Descriptor): Promise<Platform> {
	const manifest = parseManifest(await readDocument(blobOf(blobs, descriptor), "manifest"));
	return parseConfig(await readDocument(blobOf(blobs, manifest.config), "config")).platform;
}

function oneOf(fitting: readonly Candidate[], wanted: string | null): Descriptor {
	const digests = new Map(fitting.map((candidate) => [candidate.manifest.digest, candidate.manifest]));
	const named = fitting.find((candidate) => candidate.name !== null && candidate.name === wanted);
	const first = named?.manifest ?? (digests.size === 1 ? fitting[0]?.manifest : undefined);
	if (first === undefined) throw severalImages(fitting.map((c) => c.name ?? c.manifest.digest));
	return first;
}

export function severalImages(names: readonly string[]): SwarmError {
	const shown = [...new Set(names)];
	return new SwarmError(
		"usage",
		`Cannot import the archive: it holds several images, name one of ${shown.join(", ")}`,
		{
			details: { names: shown },
		},
	);
}
