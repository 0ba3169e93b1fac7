// Plain files of this machine as a tar archive and back, by tar(1): it keeps archives from writing outside the directory that they are
// unpacked in (names with `..`, links first and files through them after).

import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { SwarmError } from "../errors.js";
import { drained } from "./drained.js";

const COMPLAINT_BYTES_MAX = 4_096;

/** These names of that directory; `.` is its whole content. */
export function packTar(
	directory: string,
	names: readonly string[],
): { readonly tar: Readable; readonly ended: Promise<void> } {
	const child = startTar(["--create", "--format=pax", "--directory", directory, "--", ...names], "ignore", "pipe");
	return { tar: child.stdout as Readable, ended: endOf(child, `read ${names.join(" and ")}`) };
}

/** Owned by whoever calls, with the archive's permissions. Resolves with the bytes of the archive. */
export async function unpackTar(directory: string, tar: AsyncIterable<Uint8Array>): Promise<number> {
	const flags = ["--extract", "--preserve-permissions", "--no-same-owner", "--directory", directory];
	const child = startTar(flags, "pipe", "ignore");
	const ended = endOf(child, `write to ${directory}`);
	const { stdin } = child;
	if (stdin === null) throw new SwarmError("failed", "Cannot start tar: it has no standard input");
	stdin.on("error", () => {});
	let bytes = 0;
	try {
		for await (const part of tar) {
			bytes += part.length;
			if (!stdin.write(part)) await drained(stdin);
		}
	} catch (thrown) {
		child.kill();
		throw thrown;
	}
	stdin.end();
	await ended;
	return bytes;
}

function startTar(args: readonly string[], stdin: "ignore" | "pipe", stdout: "ignore" | "pipe"): ChildProcess {
	return spawn("tar", args, { stdio: [stdin, stdout, "pipe"], env: { ...process.env, LC_ALL: "C", TAR_OPTIONS: "" } });
}

function endOf(child: ChildProcess, action: string): Promise<void> {
	let complaint = "";
	child.stderr?.on("data", (part: Buffer) => {
		if (complaint.length < COMPLAINT_BYTES_MAX) complaint += part.toString();
	});
	const ended = new Promise<void>((resolve, reject) => {
		child.once("error", (thrown) => reject(new SwarmError("failed", `Cannot ${action}: tar: ${thrown.message}`)));
		child.once("close", (code) => {
			if (code === 0) resolve();
			else reject(new SwarmError("failed", `Cannot ${action}: ${complaint.trim().split("\n")[0] || `tar: ${code}`}`));
		});
	});
	ended.catch(() => {});
	return ended;
}
