// One root file system for all, as an OCI layout (for us) and as a directory (for peers): a static busybox, and a /bin/true that only ends (true.c).

import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packageDirectory } from "../src/native/paths.js";

export interface BenchRootfs {
	/** The directory that crun and runc run. */
	readonly directory: string;
	/** OCI image layout with the same files as its one layer. */
	readonly layout: string;
	readonly imageName: string;
}

/** What containers run where their runtime is measured. Most of the second is the start-up of its C library: goals go by the first. */
export const commands: readonly BenchCommand[] = [
	{ name: "true", command: ["/bin/true"], isCounted: true },
	{ name: "busybox-true", command: ["/bin/busybox", "true"], isCounted: false },
];

export interface BenchCommand {
	readonly name: string;
	readonly command: readonly string[];
	/** Whether the goals hold for it. */
	readonly isCounted: boolean;
}

export function makeRootfs(under: string): BenchRootfs {
	const directory = join(under, "rootfs");
	for (const name of ["bin", "proc", "sys", "dev", "etc", "tmp"]) mkdirSync(join(directory, name), { recursive: true });
	copyFileSync("/bin/busybox", join(directory, "bin/busybox"));
	for (const name of ["sh", "sleep"]) symlinkSync("busybox", join(directory, "bin", name));
	const source = join(packageDirectory(), "bench/true.c");
	execFileSync("cc", ["-Os", "-static", "-nostdlib", "-o", join(directory, "bin/true"), source]);
	writeFileSync(join(directory, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
	writeFileSync(join(directory, "etc/group"), "root:x:0:\n");
	const layout = join(under, "layout");
	writeLayout(directory, layout, "bench:1");
	return { directory, layout, imageName: "bench:1" };
}

function writeLayout(directory: string, layout: string, name: string): void {
	mkdirSync(join(layout, "blobs/sha256"), { recursive: true });
	const tar = join(layout, "layer.tar");
	const packed = spawnSync("tar", ["-C", directory, "-cf", tar, ...readdirSync(directory)]);
	if (packed.status !== 0) throw new Error(`tar: ${packed.stderr.toString()}`);
	const layer = addBlob(layout, readFileSync(tar));
	const config = addBlob(
		layout,
		Buffer.from(
			JSON.stringify({
				architecture: process.arch === "arm64" ? "arm64" : "amd64",
				os: "linux",
				config: { Env: ["PATH=/bin"], Cmd: ["/bin/true"] },
				rootfs: { type: "layers", diff_ids: [layer.digest] },
			}),
		),
	);
	const manifest = addBlob(
		layout,
		Buffer.from(
			JSON.stringify({
				schemaVersion: 2,
				mediaType: "application/vnd.oci.image.manifest.v1+json",
				config: { mediaType: "application/vnd.oci.image.config.v1+json", ...config },
				layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar", ...layer }],
			}),
		),
	);
	const entry = {
		mediaType: "application/vnd.oci.image.manifest.v1+json",
		...manifest,
		annotations: { "org.opencontainers.image.ref.name": name },
	};
	writeFileSync(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
	writeFileSync(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
	spawnSync("rm", [tar]);
}

function addBlob(layout: string, bytes: Buffer): { digest: string; size: number } {
	const hex = createHash("sha256").update(bytes).digest("hex");
	const path = join(layout, "blobs/sha256", hex);
	writeFileSync(path, bytes);
	return { digest: `sha256:${hex}`, size: statSync(path).size };
}
