// GNU tar as a subprocess, started early and fed late: both ends spawn it before the container is frozen. It knows whiteouts
// (character device 0/0), trusted.* attributes, hard links, holes and owners, and refuses names and links that lead out
// of its directory when it unpacks.

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { SwarmError } from "../errors.js";

const KEEP = ["--numeric-owner", "--xattrs", "--xattrs-include=*", "--sparse"];
const COMPLAINT_BYTES_MAX = 2048;

export interface TarProcess {
	/** Packing only: the directory is final now. */
	begin(): void;
	/** Packing only: the archive. */
	output(): AsyncIterable<Buffer>;
	/** Unpacking only; resolves when more may be written. */
	write(bytes: Uint8Array): Promise<void>;
	/** Resolves when tar ended well; rejects with what it complained of. */
	finish(): Promise<void>;
	kill(): void;
}

export function startPacking(directory: string): TarProcess {
	// It opens nothing before it reads the name from standard input.
	return new Tar("pack", ["--create", "--file=-", "--format=posix", ...KEEP, "-C", directory, "--files-from=-"]);
}

export function startUnpacking(directory: string): TarProcess {
	return new Tar("unpack", [
		"--extract",
		"--file=-",
		"--same-owner",
		"--preserve-permissions",
		...KEEP,
		"-C",
		directory,
	]);
}

class Tar implements TarProcess {
	readonly #action: string;
	readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
	readonly #ended: Promise<number | null>;
	#complaint = "";

	constructor(action: string, args: readonly string[]) {
		this.#action = action;
		this.#child = spawn("tar", args, {
			stdio: ["pipe", "pipe", "pipe"],
			env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
		});
		this.#child.stderr.on("data", (chunk: Buffer) => {
			if (this.#complaint.length < COMPLAINT_BYTES_MAX) this.#complaint += chunk.toString();
		});
		// Without a listener Node throws the output of a program away that ends before it is read.
		if (action === "pack") this.#child.stdout.on("readable", () => {});
		// A tar that ended early: `finish` says why, a broken pipe does not.
		this.#child.stdin.on("error", () => {});
		this.#ended = new Promise((resolve) => {
			this.#child.on("error", (error) => {
				this.#complaint = error.message;
				resolve(null);
			});
			this.#child.on("close", (code) => resolve(code));
		});
	}

	begin(): void {
		this.#child.stdin.end(".\n");
	}

	output(): AsyncIterable<Buffer> {
		return this.#child.stdout as AsyncIterable<Buffer>;
	}

	async write(bytes: Uint8Array): Promise<void> {
		if (this.#child.stdin.write(bytes)) return;
		await Promise.race([once(this.#child.stdin, "drain"), this.#ended]);
		if (this.#child.exitCode !== null || this.#child.signalCode !== null) await this.finish();
	}

	async finish(): Promise<void> {
		this.#child.stdin.end();
		this.#child.stdout.resume();
		if ((await this.#ended) === 0) return;
		const [complaint = "it said nothing"] = this.#complaint.split("\n");
		const full = this.#complaint.includes("No space left on device");
		throw new SwarmError(
			full ? "refused" : "failed",
			`Cannot ${this.#action} the written files: ${full ? "the disk is full, wanted more free space" : complaint}`,
			{
				details: { tar: this.#complaint.slice(0, COMPLAINT_BYTES_MAX) },
			},
		);
	}

	kill(): void {
		this.#child.kill("SIGKILL");
	}
}
