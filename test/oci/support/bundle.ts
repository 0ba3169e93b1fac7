// Bundles and the real runtime for kernel tests: a busybox root, a minimal config.json, calls of dist/oci.cjs.

import { spawnSync } from "node:child_process";
import {
	chmodSync,
	closeSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	openSync,
	readFileSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { runProgram } from "../../support/kernel.js";
import { busyboxImage, missingForContainers } from "../../support/native-world.js";
import { minimalConfig } from "./config.js";

const program = new URL("../../../dist/oci.cjs", import.meta.url).pathname;

export function missingForOci(): string | null {
	return missingForContainers() ?? (existsSync(program) ? null : "dist/oci.cjs (node scripts/build.mjs)");
}

export interface Called {
	readonly code: number;
	readonly stdout: string;
	readonly stderr: string;
}

export interface OciWorld {
	readonly directory: string;
	readonly root: string;
	/** Writes config.json over the minimal one, and gives the bundle. */
	bundle(change?: Readonly<Record<string, unknown>>): string;
	/** A bundle that runs a shell script. */
	script(text: string, change?: Readonly<Record<string, unknown>>): string;
	oci(...args: string[]): Called;
	/** Throws with what it said when it fails; gives standard output. */
	done(...args: string[]): string;
	state(id: string): Readonly<Record<string, unknown>>;
	/** Ends what still runs and removes all. */
	dispose(): void;
}

let worlds = 0;

export function openOciWorld(): OciWorld {
	worlds += 1;
	const directory = mkdtempSync(`/var/tmp/swarm-oci-t${process.pid}x${worlds}-`);
	// The mapped root of a user namespace walks through it.
	chmodSync(directory, 0o755);
	const root = join(directory, "containers");
	const rootfs = join(directory, "rootfs");
	busyboxImage(rootfs);
	for (const name of runProgram("busybox", "--list").split("\n").filter(Boolean))
		if (!existsSync(join(rootfs, "bin", name))) symlinkSync("busybox", join(rootfs, "bin", name));
	let bundles = 0;
	let calls = 0;
	/** Into files: a container that goes on holds the streams that its create was given, and a pipe would not end before it. */
	const oci = (...args: string[]): Called => {
		calls += 1;
		const paths = ["stdout", "stderr"].map((name) => join(directory, `${name}${calls}`));
		const files = paths.map((path) => openSync(path, "w"));
		const ended = spawnSync(process.execPath, [program, "--root", root, ...args], {
			stdio: ["ignore", ...files],
			timeout: 60_000,
		});
		for (const file of files) closeSync(file);
		const [stdout = "", stderr = ""] = paths.map((path) => readFileSync(path, "utf8"));
		return { code: ended.status ?? -1, stdout, stderr };
	};
	const bundle = (change: Readonly<Record<string, unknown>> = {}) => {
		bundles += 1;
		const path = join(directory, `bundle${bundles}`);
		mkdirSync(path);
		writeFileSync(join(path, "config.json"), JSON.stringify({ ...minimalConfig(rootfs), ...change }));
		return path;
	};
	const done = (...args: string[]) => {
		const { code, stdout, stderr } = oci(...args);
		if (code !== 0) throw new Error(`oci ${args.join(" ")} ended with ${code}: ${stderr}${stdout}`);
		return stdout;
	};
	return {
		directory,
		root,
		bundle,
		script: (text, change) => {
			const config = minimalConfig(rootfs);
			const process = { ...config.process, ...(change?.process as object | undefined), args: ["/bin/sh", "-c", text] };
			return bundle({ ...change, process });
		},
		oci,
		done,
		state: (id) => JSON.parse(done("state", id)) as Readonly<Record<string, unknown>>,
		dispose() {
			for (const id of idsOf(root)) oci("delete", "--force", id);
			rmSync(directory, { recursive: true });
		},
	};
}

function idsOf(root: string): readonly string[] {
	const listed = spawnSync("ls", [root], { encoding: "utf8" });
	return listed.stdout.split("\n").filter(Boolean);
}
