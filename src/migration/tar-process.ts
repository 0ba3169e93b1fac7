// GNU tar as a subprocess, started early and fed late: both ends spawn it before the container is frozen. It knows whiteouts
// (character device 0/0), trusted.* attributes, hard links, holes and owners, and refuses names and links that lead out
// of its directory when it unpacks.

import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { SwarmError } from "../errors.js";

const KEEP = ["--numeric-owner", "--xattrs", "--xattrs-include=*", "--sparse"];
const COMPLAINT_BYTES_MAX = 2048;

export interface TarProcess {
	/** Packing only: the directory is final now. `names`: only these, "" is the directory itself; each byte one character. */
	begin(names?: readonly string[]): void;
	/** Packing only: the archive. */
	output(): AsyncIterable<Buffer>;
	/** Unpacking only; resolves when tar has taken them, and their memory is the caller's again. */
	write(bytes: Uint8Array): Promise<void>;
	/** Resolves when tar ended well; rejects with what it complained of. */
	finish(): Promise<void>;
	kill(): void;
}

export function startPacking(directory: string): TarProcess {
	// It opens nothing before it reads the name from standard input.
	return new Tar("pack", ["--create", "--file=-", "--format=posix", ...KEEP, "-C", directory, "--files-from=-"]);
}

/** Of the names that `begin` gives, and nothing below them. `live`: somebody may be writing: what changes or vanishes is no failure. */
export function startPackingSome(directory: string, live: boolean): TarProcess {
	const named = ["--null", "--verbatim-files-from", "--no-recursion", "--files-from=-"];
	const options = [...KEEP, ...(live ? ["--ignore-failed-read"] : []), "-C", directory, ...named];
	return new Tar("pack", ["--create", "--file=-", "--format=posix", ...options], live ? [0, 1] : [0]);
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

	/** Exit codes of tar(1) that are no failure; 1: "some files differ". */
	readonly #fine: readonly number[];

	constructor(action: string, args: readonly string[], fine: readonly number[] = [0]) {
		this.#action = action;
		this.#fine = fine;
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

	begin(names?: readonly string[]): void {
		if (names === undefined) this.#child.stdin.end(".\n");
		else this.#child.stdin.end(names.map((name) => `./${name}\0`).join(""), "latin1");
	}

	output(): AsyncIterable<Buffer> {
		return this.#child.stdout as AsyncIterable<Buffer>;
	}

	async write(bytes: Uint8Array): Promise<void> {
		const written = new Promise((resolve) => this.#child.stdin.write(bytes, resolve));
		await Promise.race([written, this.#ended]);
		if (this.#child.exitCode !== null || this.#child.signalCode !== null) await this.finish();
	}

	async finish(): Promise<void> {
		this.#child.stdin.end();
		this.#child.stdout.resume();
		if (this.#fine.includes((await this.#ended) ?? -1)) return;
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
