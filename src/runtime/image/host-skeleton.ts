// The root directory below a `host` container: empty places to write to, a passwd of its own, and copies of the few
// things in the host's /etc without which programs do not find their libraries, certificates or time zone. A skeleton
// is named by its content and never changed: running containers stand on it.

import { createHash } from "node:crypto";
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { exists, moveInto, syncFileSystem } from "./disk.js";
import { HOST_FILE_BYTES_MAX, HOST_FILES_MAX } from "./limits.js";

/** Paths without a leading slash. */
export type SkeletonPart =
	| { readonly kind: "directory"; readonly path: string; readonly mode: number }
	| { readonly kind: "file"; readonly path: string; readonly bytes: Buffer; readonly mode: number }
	| { readonly kind: "symlink"; readonly path: string; readonly target: string };

const EMPTY_DIRECTORIES: Readonly<Record<string, number>> = {
	dev: 0o755,
	etc: 0o755,
	home: 0o755,
	media: 0o755,
	mnt: 0o755,
	opt: 0o755,
	proc: 0o555,
	root: 0o700,
	run: 0o755,
	srv: 0o755,
	sys: 0o555,
	tmp: 0o1777,
	var: 0o755,
	"var/cache": 0o755,
	"var/lib": 0o755,
	"var/log": 0o755,
	"var/tmp": 0o1777,
};

/** What is copied from the host's /etc where it exists; `*` is the rest of one name. */
const ETC = [
	"OpenCL",
	"alternatives",
	"bash.bashrc",
	"debian_version",
	"ethertypes",
	"fonts",
	"gai.conf",
	"glvnd",
	"host.conf",
	"inputrc",
	"java-*",
	"ld-musl-*",
	"ld.so.cache",
	"ld.so.conf",
	"ld.so.conf.d",
	"locale.alias",
	"localtime",
	"lsb-release",
	"magic",
	"magic.mime",
	"mime.types",
	"os-release",
	"perl",
	"pki/ca-trust/extracted",
	"pki/tls/certs",
	"protocols",
	"python3*",
	"rpc",
	"services",
	"ssl/certs",
	"ssl/openssl.cnf",
	"terminfo",
	"timezone",
	"vulkan",
];

const NSSWITCH = "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files\n";

/** Ids below it are given by the distribution, the same on every machine (Debian policy 9.2.2); 65534 is nobody. */
const STATIC_ID_MAX = 99;
const NOBODY = 65_534;

export async function collectSkeleton(root: string): Promise<SkeletonPart[]> {
	const parts: SkeletonPart[] = Object.entries(EMPTY_DIRECTORIES).map(([path, mode]) => ({
		kind: "directory",
		path,
		mode,
	}));
	parts.push({ kind: "symlink", path: "etc/mtab", target: "../proc/self/mounts" });
	parts.push({ kind: "symlink", path: "var/run", target: "../run" });
	parts.push(textFile("etc/nsswitch.conf", NSSWITCH));
	parts.push(textFile("etc/passwd", passwdOf(await readText(join(root, "etc/passwd")))));
	parts.push(textFile("etc/group", groupOf(await readText(join(root, "etc/group")))));
	for (const wanted of ETC) await copyInto(parts, root, wanted);
	return parts;
}

/**
 * Whose change tells that the skeleton may be another: every directory that was read (what is installed or removed changes it, and so
 * does a file that is replaced), and files that stand in /etc itself. Not told: a file below that is written in place.
 */
export function watchedOf(parts: readonly SkeletonPart[]): string[] {
	const read = parts.filter(
		({ kind, path }) => path.startsWith("etc/") && (kind === "directory" || !path.includes("/", 4)),
	);
	return ["etc", ...read.map(({ path }) => path)];
}

function textFile(path: string, text: string): SkeletonPart {
	return { kind: "file", path, bytes: Buffer.from(text), mode: 0o644 };
}

async function readText(path: string): Promise<string> {
	return readFile(path, "utf8").catch(() => "");
}

/** Static accounts by name and ids only; no password, no person, no home of the host. */
function passwdOf(host: string): string {
	const lines = ["root:x:0:0:root:/root:/bin/sh"];
	for (const [name, , uid, gid] of staticLines(host, 7)) {
		lines.push(`${name}:x:${uid}:${gid}::/nonexistent:/usr/sbin/nologin`);
	}
	return `${lines.join("\n")}\n`;
}

function groupOf(host: string): string {
	const lines = ["root:x:0:"];
	for (const [name, , gid] of staticLines(host, 4)) lines.push(`${name}:x:${gid}:`);
	return `${lines.join("\n")}\n`;
}

function staticLines(text: string, fields: number): string[][] {
	return text
		.split("\n")
		.map((line) => line.split(":"))
		.filter((parts) => {
			const id = Number(parts[2]);
			return parts.length === fields && id > 0 && (id <= STATIC_ID_MAX || id === NOBODY);
		});
}

async function copyInto(parts: SkeletonPart[], root: string, wanted: string): Promise<void> {
	const slash = wanted.lastIndexOf("/");
	const parent = slash < 0 ? "etc" : `etc/${wanted.slice(0, slash)}`;
	const last = wanted.slice(slash + 1);
	const fits = (name: string) => (last.endsWith("*") ? name.startsWith(last.slice(0, -1)) : name === last);
	const names = (await readdir(join(root, parent)).catch(() => [])).filter(fits);
	if (slash >= 0 && names.length > 0) parts.push({ kind: "directory", path: parent, mode: 0o755 });
	for (const name of names.sort()) await copyTree(parts, root, `${parent}/${name}`);
}

/** Links are copied, never followed; what not everybody may read stays on the host. */
async function copyTree(parts: SkeletonPart[], root: string, path: string): Promise<void> {
	const place = join(root, path);
	const info = await lstat(place).catch(() => null);
	if (info === null || parts.length >= HOST_FILES_MAX) return;
	if (info.isSymbolicLink()) {
		parts.push({ kind: "symlink", path, target: await readlink(place) });
	} else if (info.isDirectory() && (info.mode & 0o005) === 0o005) {
		parts.push({ kind: "directory", path, mode: 0o755 });
		for (const name of (await readdir(place)).sort()) await copyTree(parts, root, `${path}/${name}`);
	} else if (info.isFile() && (info.mode & 0o004) !== 0 && info.size <= HOST_FILE_BYTES_MAX) {
		parts.push({ kind: "file", path, bytes: await readFile(place), mode: info.mode & 0o755 });
	}
}

/** Path of the skeleton with exactly these parts. */
export async function writeSkeleton(parts: readonly SkeletonPart[], directory: string): Promise<string> {
	const path = join(directory, nameOf(parts));
	if (await exists(path)) return path;
	const staging = await mkdtemp(join(directory, "new-"));
	try {
		for (const part of parts) await writePart(part, staging);
		await chmod(staging, 0o755);
		await syncFileSystem(directory);
		await moveInto(staging, path);
	} finally {
		await rm(staging, { recursive: true, force: true });
	}
	return path;
}

function nameOf(parts: readonly SkeletonPart[]): string {
	const hash = createHash("sha256");
	for (const part of parts) {
		const mode = part.kind === "symlink" ? 0 : part.mode;
		const content = part.kind === "file" ? part.bytes : part.kind === "symlink" ? part.target : "";
		hash.update(`${JSON.stringify([part.kind, part.path, mode, content.length])}\n`).update(content);
	}
	return hash.digest("hex").slice(0, 32);
}

async function writePart(part: SkeletonPart, root: string): Promise<void> {
	const path = join(root, part.path);
	await mkdir(dirname(path), { recursive: true, mode: 0o755 });
	switch (part.kind) {
		case "directory":
			await mkdir(path, { recursive: true });
			await chmod(path, part.mode);
			return;
		case "symlink":
			await symlink(part.target, path);
			return;
		case "file":
			await writeFile(path, part.bytes, { flag: "wx" });
			await chmod(path, part.mode);
	}
}
