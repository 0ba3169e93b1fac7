// What a container wrote over its image, as the tar of one more layer: overlayfs's whiteouts and opaque directories become those of
// the image specification (layer.md). Nothing may write below the directory meanwhile. Must never follow a link of the container.

import { spawn } from "node:child_process";
import { lstat, readdir } from "node:fs/promises";
import type { Writable } from "node:stream";
import { pack } from "tar-stream";
import { SwarmError } from "../../errors.js";
import type { Native } from "../../native/native.js";
import { drained } from "../drained.js";
import { LAYER_ENTRIES_MAX } from "./limits.js";

/** Written by the runtime at every start (launch-config.ts), never by the container's owner. */
const OWN_FILES: ReadonlySet<string> = new Set(["etc/hosts", "etc/hostname", "etc/resolv.conf"]);
const WHITEOUTS_A_BATCH = 1_000;
/** The two blocks of zeros at a tar's end. */
const END_BYTES = 1_024;
const COMPLAINT_BYTES_MAX = 4_096;

/** Names are byte strings (one character for one byte), relative, without `./`. */
interface Written {
	readonly entries: readonly string[];
	/** As names of the specification: `etc/.wh.motd`, `srv/.wh..wh..opq`. */
	readonly whiteouts: readonly string[];
}

export async function* packWrittenLayer(
	upper: string,
	native: Pick<Native, "getAttribute">,
	signal: AbortSignal,
): AsyncIterable<Uint8Array> {
	const { entries, whiteouts } = await look(upper, native, signal);
	for (let from = 0; from < whiteouts.length; from += WHITEOUTS_A_BATCH) {
		const batch = await tarOfEmptyFiles(whiteouts.slice(from, from + WHITEOUTS_A_BATCH));
		yield batch.subarray(0, batch.length - END_BYTES);
	}
	yield* tarOf(upper, entries, signal);
}

async function look(upper: string, native: Pick<Native, "getAttribute">, signal: AbortSignal): Promise<Written> {
	const [entries, whiteouts]: [string[], string[]] = [[], []];
	const waiting = [""];
	for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
		signal.throwIfAborted();
		if (isMarked(native, pathIn(upper, directory), "opaque")) whiteouts.push(join(directory, ".wh..wh..opq"));
		if (isMarked(native, pathIn(upper, directory), "redirect"))
			throw new SwarmError("unsupported", "Cannot commit: a directory was renamed by overlayfs (redirect_dir)");
		for (const entry of await readdir(pathIn(upper, directory), { withFileTypes: true, encoding: "buffer" })) {
			const own = entry.name.toString("latin1");
			const name = join(directory, own);
			if (entry.isCharacterDevice() && (await lstat(pathIn(upper, name))).rdev === 0)
				whiteouts.push(join(directory, `.wh.${own}`));
			else if (!entry.isSocket() && !OWN_FILES.has(name)) entries.push(name);
			if (entry.isDirectory()) waiting.push(name);
			if (entries.length + whiteouts.length > LAYER_ENTRIES_MAX)
				throw new SwarmError("too-large", `Cannot commit: it wrote more than ${LAYER_ENTRIES_MAX} files`);
		}
	}
	return { entries: entries.sort(), whiteouts };
}

/** The root needs no entry of its own: the image has one. */
function join(directory: string, name: string): string {
	return directory === "" ? name : `${directory}/${name}`;
}

function pathIn(upper: string, name: string): Buffer {
	return Buffer.concat([Buffer.from(`${upper}/`), Buffer.from(name, "latin1")]);
}

/** Of root's overlays and of those in user namespaces. */
function isMarked(native: Pick<Native, "getAttribute">, path: Buffer, mark: "opaque" | "redirect"): boolean {
	return ["trusted", "user"].some((kind) => {
		const value = native.getAttribute(path, `${kind}.overlay.${mark}`);
		return value !== null && (mark === "redirect" || value[0] === 0x79);
	});
}

async function tarOfEmptyFiles(names: readonly string[]): Promise<Buffer> {
	const archive = pack();
	for (const name of names) {
		const bytes = Buffer.from(name, "latin1");
		if (!Buffer.from(bytes.toString("utf8"), "utf8").equals(bytes))
			throw new SwarmError(
				"unsupported",
				`Cannot commit: a removed file's name is no UTF-8: ${bytes.toString("utf8")}`,
			);
		archive.entry({ name: bytes.toString("utf8"), mode: 0, mtime: new Date(0), size: 0 }, "");
	}
	archive.finalize();
	const parts: Buffer[] = [];
	for await (const part of archive as unknown as AsyncIterable<Buffer>) parts.push(part);
	return Buffer.concat(parts);
}

async function* tarOf(upper: string, entries: readonly string[], signal: AbortSignal): AsyncIterable<Uint8Array> {
	const tar = spawn(
		"tar",
		[
			...["--create", "--file=-", "--format=pax", "--numeric-owner", "--pax-option=delete=atime,delete=ctime"],
			...["--xattrs", "--xattrs-include=security.capability", "--xattrs-include=user.*"],
			...["--xattrs-exclude=user.overlay.*", `--directory=${upper}`],
			...["--no-recursion", "--null", "--verbatim-files-from", "--files-from=-"],
		],
		{ stdio: "pipe", env: { PATH: process.env.PATH ?? "/usr/bin:/bin", LC_ALL: "C" } },
	);
	const stop = () => void tar.kill("SIGKILL");
	signal.addEventListener("abort", stop, { once: true });
	let complaint = "";
	tar.stderr.on("data", (part: Buffer) => {
		if (complaint.length < COMPLAINT_BYTES_MAX) complaint += part.toString();
	});
	const ended = new Promise<number | null>((resolve, reject) => {
		tar.once("error", reject);
		tar.once("close", resolve);
	});
	ended.catch(() => {});
	try {
		void feed(tar.stdin, entries);
		yield* tar.stdout as AsyncIterable<Uint8Array>;
		const code = await ended;
		signal.throwIfAborted();
		if (code !== 0) throw new SwarmError("failed", `Cannot commit: tar: ${complaint.trim().split("\n")[0] ?? code}`);
	} finally {
		signal.removeEventListener("abort", stop);
		stop();
	}
}

async function feed(stdin: Writable, entries: readonly string[]): Promise<void> {
	stdin.on("error", () => {});
	for (const name of entries) {
		if (stdin.destroyed) return;
		if (!stdin.write(Buffer.from(`${name}\0`, "latin1"))) await drained(stdin);
	}
	stdin.end();
}
