// `host`, the embedded default image: a read-only view of this node's own /usr, /lib, /bin and /sbin over a small skeleton
// with the parts of /etc that programs need. The skeleton holds copies of a fixed list, only of files that everybody on
// the host may read, and a passwd of its own: /etc/shadow, /root, /home, /opt and /var never show in a container.
//
// Its digest stands for what makes two nodes' views alike enough for a process to move between them: architecture,
// distribution and release, which host directories show, and the C library, byte for byte. Equal digests let a move
// begin; CRIU still compares every mapped file and refuses the rest.

import { createHash } from "node:crypto";
import { lstat, readFile, readlink } from "node:fs/promises";
import { constants } from "node:os";
import { join } from "node:path";
import type { Digest } from "../../model.js";
import type { PreparedImage } from "../runtime.js";
import { DEFAULT_PATH } from "./document.js";
import { collectSkeleton, type SkeletonPart, watchedOf, writeSkeleton } from "./host-skeleton.js";
import { HOST_IMAGE } from "./name.js";
import { machinePlatform } from "./platform.js";

/** Top directories of programs and libraries. On merged systems all but /usr are links into it. */
const PROGRAM_DIRECTORIES = ["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"];

const C_LIBRARIES = [
	"lib/x86_64-linux-gnu/libc.so.6",
	"lib/aarch64-linux-gnu/libc.so.6",
	"lib/riscv64-linux-gnu/libc.so.6",
	"lib64/libc.so.6",
	"usr/lib/libc.so.6",
	"lib/ld-musl-x86_64.so.1",
	"lib/ld-musl-aarch64.so.1",
];

interface Programs {
	/** Real directories, as absolute paths: to be mounted read-only. */
	readonly hostPaths: readonly string[];
	readonly parts: readonly SkeletonPart[];
}

/** `root`: the host's root directory; a recorded tree in tests. */
export async function hostImageDigest(root: string): Promise<Digest> {
	return digestFor(root, (await programsOf(root)).hostPaths);
}

export interface PreparedHost {
	readonly image: PreparedImage;
	/** Paths without a leading slash: a change of what the image is made from nearly always changes one of these. */
	readonly watched: readonly string[];
}

/** Writes the skeleton below `directory` unless the same one is there. Old ones stay: containers stand on them. */
export async function prepareHost(root: string, directory: string): Promise<PreparedHost> {
	const programs = await programsOf(root);
	const collected = await collectSkeleton(root);
	const skeleton = await writeSkeleton([...collected, ...programs.parts], directory);
	const image = await preparedOf(root, programs, skeleton);
	return { image, watched: [...watchedOf(collected), ...PROGRAM_DIRECTORIES, ...C_LIBRARIES, "usr/lib/os-release"] };
}

async function preparedOf(root: string, programs: Programs, skeleton: string): Promise<PreparedImage> {
	return {
		name: HOST_IMAGE,
		digest: await digestFor(root, programs.hostPaths),
		lowerDirectories: [skeleton],
		hostPaths: programs.hostPaths,
		config: {
			entrypoint: [],
			command: ["/bin/sh"],
			env: { PATH: DEFAULT_PATH },
			workdir: "/",
			user: "",
			stopSignal: constants.signals.SIGTERM,
		},
	};
}

async function programsOf(root: string): Promise<Programs> {
	const hostPaths: string[] = [];
	const parts: SkeletonPart[] = [];
	for (const name of PROGRAM_DIRECTORIES) {
		const path = join(root, name);
		const info = await lstat(path).catch(() => null);
		if (info?.isSymbolicLink()) parts.push({ kind: "symlink", path: name, target: await readlink(path) });
		if (!info?.isDirectory()) continue;
		hostPaths.push(`/${name}`);
		parts.push({ kind: "directory", path: name, mode: 0o755 });
	}
	return { hostPaths, parts };
}

async function digestFor(root: string, hostPaths: readonly string[]): Promise<Digest> {
	const release = await releaseOf(root);
	const identity = {
		version: 1,
		architecture: machinePlatform().architecture,
		id: release.get("ID") ?? "",
		release: release.get("VERSION_ID") ?? release.get("BUILD_ID") ?? "",
		hostPaths,
		cLibrary: await cLibraryDigest(root),
	};
	return `sha256:${createHash("sha256").update(JSON.stringify(identity)).digest("hex")}` as Digest;
}

/** os-release(5): lines `KEY=value`, the value perhaps quoted. */
async function releaseOf(root: string): Promise<Map<string, string>> {
	const text =
		(await readFile(join(root, "etc/os-release"), "utf8").catch(() => null)) ??
		(await readFile(join(root, "usr/lib/os-release"), "utf8").catch(() => ""));
	const pairs = [...text.matchAll(/^([A-Z_]+)=["']?(.*?)["']?$/gm)];
	return new Map(pairs.map(([, key, value]) => [key ?? "", value ?? ""]));
}

async function cLibraryDigest(root: string): Promise<string | null> {
	for (const path of C_LIBRARIES) {
		const bytes = await readFile(join(root, path)).catch(() => null);
		if (bytes !== null) return createHash("sha256").update(bytes).digest("hex");
	}
	return null;
}
