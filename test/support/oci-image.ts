// Makes image archives for tests: layers from entries or from a directory, an OCI layout or a `docker save` archive
// around them, and a real redis from the machine's apt sources. Never used by the product.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { arch, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { type Header, pack } from "tar-stream";

const run = promisify(execFile);

export const machineArchitecture = { x64: "amd64", arm64: "arm64" }[arch() as string] ?? arch();

export interface TarEntry extends Partial<Omit<Header, "pax">> {
	readonly name: string;
	readonly content?: string | Buffer;
	readonly pax?: Readonly<Record<string, string>>;
}

/** A tar with these entries, byte for byte as given: also names that no sane tar would hold. */
export async function tarOf(entries: readonly TarEntry[]): Promise<Buffer> {
	const archive = pack();
	for (const { content, ...header } of entries) {
		const data = content === undefined ? undefined : Buffer.from(content);
		const type = header.type ?? "file";
		if (data === undefined) archive.entry({ ...header, type });
		else archive.entry({ ...header, type }, data);
	}
	archive.finalize();
	const pieces: Buffer[] = [];
	for await (const piece of archive) pieces.push(piece as Buffer);
	return Buffer.concat(pieces);
}

export function sha256(bytes: Buffer): string {
	return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

export interface ImageOptions {
	/** Uncompressed tars, lowest first. */
	readonly layers: readonly Buffer[];
	readonly name?: string;
	readonly compression?: "none" | "gzip" | "zstd";
	/** `config` of the OCI config document. */
	readonly config?: Readonly<Record<string, unknown>>;
	readonly architecture?: string;
	readonly diffIds?: readonly string[];
}

const layerType = "application/vnd.oci.image.layer.v1.tar";

function compressed(layer: Buffer, compression: ImageOptions["compression"]): { blob: Buffer; mediaType: string } {
	if (compression === "gzip") return { blob: gzipSync(layer), mediaType: `${layerType}+gzip` };
	if (compression === "zstd") return { blob: zstdCompressSync(layer), mediaType: `${layerType}+zstd` };
	return { blob: layer, mediaType: layerType };
}

function configOf(options: ImageOptions): Buffer {
	return Buffer.from(
		JSON.stringify({
			architecture: options.architecture ?? machineArchitecture,
			os: "linux",
			config: options.config ?? {},
			rootfs: { type: "layers", diff_ids: options.diffIds ?? options.layers.map(sha256) },
		}),
	);
}

/** Entries of an OCI layout tar with one or more images. */
export function ociEntries(images: readonly ImageOptions[]): TarEntry[] {
	const blobs = new Map<string, Buffer>();
	const add = (mediaType: string, blob: Buffer) => {
		blobs.set(sha256(blob), blob);
		return { mediaType, digest: sha256(blob), size: blob.length };
	};
	const manifests = images.map((image) => {
		const manifest = {
			schemaVersion: 2,
			mediaType: "application/vnd.oci.image.manifest.v1+json",
			config: add("application/vnd.oci.image.config.v1+json", configOf(image)),
			layers: image.layers.map((layer) => {
				const { blob, mediaType } = compressed(layer, image.compression);
				return add(mediaType, blob);
			}),
		};
		const descriptor = add(manifest.mediaType, Buffer.from(JSON.stringify(manifest)));
		const annotations = image.name === undefined ? {} : { "org.opencontainers.image.ref.name": image.name };
		const platform = { os: "linux", architecture: image.architecture ?? machineArchitecture };
		return { ...descriptor, platform, annotations };
	});
	return [
		{ name: "oci-layout", content: JSON.stringify({ imageLayoutVersion: "1.0.0" }) },
		{ name: "index.json", content: JSON.stringify({ schemaVersion: 2, manifests }) },
		...[...blobs].map(([digest, content]) => ({ name: `blobs/sha256/${digest.slice(7)}`, content })),
	];
}

export async function ociTar(...images: readonly ImageOptions[]): Promise<Buffer> {
	return tarOf(ociEntries(images));
}

/** As old versions of `docker save` write it: no OCI layout inside. */
export async function dockerTar(image: ImageOptions): Promise<Buffer> {
	const config = configOf(image);
	const names = image.layers.map((_, i) => `layer${i}/layer.tar`);
	const configName = `${sha256(config).slice(7)}.json`;
	const tags = image.name === undefined ? null : [image.name];
	return tarOf([
		...image.layers.map((content, i) => ({ name: names[i] ?? "", content })),
		{ name: configName, content: config },
		{ name: "manifest.json", content: JSON.stringify([{ Config: configName, RepoTags: tags, Layers: names }]) },
	]);
}

/** One gzip layer with everything in `directory`, as an OCI layout tar in `file`. */
export async function imageFromDirectory(
	directory: string,
	file: string,
	options: Omit<ImageOptions, "layers">,
): Promise<void> {
	const { stdout } = await run("tar", ["--numeric-owner", "-C", directory, "-cf", "-", "."], {
		encoding: "buffer",
		maxBuffer: 2 ** 31 - 1,
	});
	await writeFile(file, await ociTar({ compression: "gzip", ...options, layers: [stdout] }));
}

const redisPath = join(tmpdir(), "stratoswarm-test-redis.tar");

/**
 * An OCI tar with redis-server, redis-cli, a shell and their libraries, from this machine's apt; made once and kept in the
 * temporary directory. null when apt cannot give the packages: the test then skips by that name.
 */
export async function redisImage(): Promise<string | null> {
	if (existsSync(redisPath)) return redisPath;
	const work = await mkdtemp(join(tmpdir(), "stratoswarm-redis-"));
	try {
		const packages = await packagesOf(["redis-server", "redis-tools", "dash", "coreutils", "libc6"]);
		await mkdir(join(work, "root"));
		await run("apt-get", ["download", ...packages], { cwd: work });
		await run("sh", ["-c", 'for deb in *.deb; do dpkg-deb --fsys-tarfile "$deb" | tar -x -C root; done'], {
			cwd: work,
		});
		await finishRoot(join(work, "root"));
		const config = {
			Env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
			Entrypoint: ["redis-server"],
			Cmd: ["--protected-mode", "no", "--save", "", "--dir", "/data"],
			WorkingDir: "/data",
		};
		await imageFromDirectory(join(work, "root"), join(work, "redis.tar"), { name: "redis:test", config });
		await rename(join(work, "redis.tar"), redisPath);
		return redisPath;
	} catch {
		return null;
	} finally {
		await rm(work, { recursive: true, force: true });
	}
}

/** What the packages need, without maintainer tools that only installation scripts use. */
async function packagesOf(names: readonly string[]): Promise<string[]> {
	const { stdout } = await run(
		"apt-cache",
		[
			"depends",
			"--recurse",
			"--no-recommends",
			"--no-suggests",
			"--no-conflicts",
			"--no-breaks",
			"--no-replaces",
		].concat("--no-enhances", "--no-pre-depends", ...names),
	);
	const skipped =
		/^(adduser|debconf|lsb-base|procps|sysvinit-utils|init-system-helpers|perl-base|passwd|login|logsave|systemd.*|dpkg|tar)$/;
	return [...new Set(stdout.split("\n").filter((line) => /^[a-z0-9]/.test(line)))].filter(
		(name) => !skipped.test(name),
	);
}

async function finishRoot(root: string): Promise<void> {
	for (const name of ["data", "tmp", "proc", "sys", "dev", "run"]) await mkdir(join(root, name), { recursive: true });
	await mkdir(join(root, "etc"), { recursive: true });
	await writeFile(join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nredis:x:101:101::/data:/bin/sh\n");
	await writeFile(join(root, "etc/group"), "root:x:0:\nredis:x:101:\n");
	// dash's own installation script makes this link.
	await run("sh", ["-c", "[ -e bin/sh ] || ln -s dash bin/sh"], { cwd: root });
}
