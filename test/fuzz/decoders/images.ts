// Images: their documents, tars of layers, compressed streams, what a node asks another for, references that people type.

import { gzipSync, zstdCompressSync } from "node:zlib";
import { SwarmError } from "../../../src/errors.js";
import { parseConfig, parseIndex, parseManifest } from "../../../src/runtime/image/document.js";
import { fetchImage, serveImage } from "../../../src/runtime/image/exchange.js";
import type { ImageStore, ImageSummary } from "../../../src/runtime/image/image-store.js";
import { entryOf } from "../../../src/runtime/image/layer/entry.js";
import { readSparseMap, sparseSizeOf } from "../../../src/runtime/image/layer/sparse.js";
import { zstdFrames } from "../../../src/runtime/image/layer/zstd-frames.js";
import { normalizedName, parseReference } from "../../../src/runtime/image/name.js";
import { readTar } from "../../../src/runtime/image/tar.js";
import type { SimChance } from "../../cluster/sim/sim-chance.js";
import { tarOf } from "../../support/oci-image.js";
import { type Decoder, jsonSeed, piecesOf, textSeed } from "../decoder.js";

const digest = `sha256:${"b".repeat(64)}`;
const descriptor = (mediaType: string) => ({ mediaType, digest, size: 123 });
const layer = descriptor("application/vnd.oci.image.layer.v1.tar+gzip");
const index = {
	schemaVersion: 2,
	manifests: [
		{
			...descriptor("application/vnd.oci.image.manifest.v1+json"),
			platform: { os: "linux", architecture: "amd64" },
			annotations: { "org.opencontainers.image.ref.name": "latest" },
		},
	],
};
const manifest = { schemaVersion: 2, config: descriptor("application/vnd.oci.image.config.v1+json"), layers: [layer] };
const config = {
	...{ os: "linux", architecture: "amd64", rootfs: { type: "layers", diff_ids: [digest] } },
	config: {
		Entrypoint: ["/bin/sh"],
		Cmd: null,
		Env: ["A=1"],
		WorkingDir: "/srv",
		User: "1:2",
		StopSignal: "SIGRTMIN+3",
	},
};

const tars = [
	await tarOf([
		{ name: "bin/", type: "directory", mode: 0o711, uid: 3 },
		{ name: "bin/su", content: "#!", mode: 0o4755 },
		{ name: "bin/soft", type: "symlink", linkname: "/etc/passwd" },
		{ name: "etc/.wh.gone", content: "" },
	]),
	await tarOf([
		{ name: "long", content: "x".repeat(1_000), pax: { path: `${"d/".repeat(60)}long`, mtime: "12.5", uid: "7" } },
		{
			name: "sparse",
			content: Buffer.concat([Buffer.from("1\n0\n4\n"), Buffer.alloc(506), Buffer.from("data")]),
			pax: { "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "4096" },
		},
		{ name: "pipe", type: "fifo" },
	]),
];

async function* arriving(bytes: Uint8Array, chance: SimChance): AsyncGenerator<Buffer> {
	for (const piece of piecesOf(bytes, chance)) yield Buffer.from(piece);
}

async function readLayer(source: AsyncIterable<Buffer>): Promise<number> {
	let entries = 0;
	await readTar(source, async (header, data) => {
		entries++;
		entryOf(header);
		const sizeBytes = sparseSizeOf(header);
		for await (const part of data) if (sizeBytes !== null) readSparseMap(header, sizeBytes, part);
	});
	return entries;
}

function framed(body: Uint8Array): Uint8Array {
	const length = Buffer.alloc(4);
	length.writeUInt32BE(body.length);
	return Buffer.concat([length, body]);
}

const blob = { digest, sizeBytes: 4 };
/** Holds one image with one blob, and takes any. */
const store = {
	describe(image: string) {
		if (image !== "web") throw new SwarmError("not-found", "Cannot find the image: it is not here");
		return { name: "web", digest, manifest: Buffer.from("{}"), blobs: [blob] };
	},
	async *openBlob() {
		yield Buffer.from("blob");
	},
	async ingest({ manifest: bytes, transfer }: Parameters<ImageStore["ingest"]>[0]): Promise<ImageSummary> {
		const { layers } = parseManifest(bytes);
		const wanted = layers.map((one) => ({ digest: one.digest, sizeBytes: Math.min(one.sizeBytes, 1_000) }));
		const take = await transfer(wanted);
		for (const one of wanted) for await (const _ of take(one));
		return {} as ImageSummary;
	},
} as unknown as ImageStore;

function streamOf(bytes: Uint8Array, chance: SimChance) {
	const pieces = piecesOf(bytes, chance);
	const nothing = async () => {};
	return { read: async () => pieces.next().value ?? null, write: nothing, end: nothing, abort() {} };
}

const signal = new AbortController().signal;
const offered = { ok: true, name: "web", digest, manifest: Buffer.from(JSON.stringify(manifest)).toString("base64") };

export const imageDecoders: readonly Decoder[] = [
	{ name: "index of an image", seeds: [jsonSeed(index)], form: "json", read: parseIndex },
	{ name: "manifest of an image", seeds: [jsonSeed(manifest)], form: "json", read: parseManifest },
	{ name: "config of an image", seeds: [jsonSeed(config)], form: "json", read: parseConfig },
	{ name: "tar of a layer", seeds: tars, form: "bytes", read: (bytes, chance) => readLayer(arriving(bytes, chance)) },
	{
		name: "tar under zstd",
		seeds: tars,
		form: "bytes",
		wrap: (tar) => zstdCompressSync(tar),
		read: (bytes, chance) => readLayer(zstdFrames(arriving(bytes, chance))),
	},
	{
		name: "zstd",
		seeds: [zstdCompressSync(tars[0] as Buffer), zstdCompressSync(Buffer.alloc(70_000, 1)), gzipSync("no zstd")],
		form: "bytes",
		async read(bytes, chance) {
			let count = 0;
			for await (const part of zstdFrames(arriving(bytes, chance))) {
				count += part.length;
				if (count > 32 * 1024 ** 2) throw new SwarmError("too-large", "Cannot unpack it: it is a bomb");
			}
			return count;
		},
	},
	{
		name: "requests for an image",
		seeds: [jsonSeed({ version: 1, image: "web" }), jsonSeed({ wanted: [digest] })],
		form: "talk",
		wrap: framed,
		read: (bytes, chance) => serveImage(store, streamOf(bytes, chance)),
	},
	{
		name: "offers of an image",
		seeds: [
			jsonSeed({ ...offered, blobs: [blob] }),
			jsonSeed({ ok: false, error: { code: "refused", message: "no" } }),
		],
		form: "json",
		wrap: (body) => Buffer.concat([framed(body), Buffer.alloc(200)]),
		read: (bytes, chance) => fetchImage(store, streamOf(bytes, chance), { image: "web", onProgress() {}, signal }),
	},
	{
		name: "references of images",
		seeds: ["docker.io/library/redis:7", "host", `a.b:5000/x/y@${digest}`].map(textSeed),
		form: "bytes",
		read(bytes) {
			const text = new TextDecoder().decode(bytes);
			normalizedName(text);
			return parseReference(text);
		},
	},
];
