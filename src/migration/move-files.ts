// The bytes of a move on this machine's disk: scratch directories `<state>/moves/<move>/{images,upper,log}`, and sending and
// receiving their content over a channel. Memory images and logs go as flat files, the upper layer as one tar stream (whiteouts,
// extended attributes, hard links, owners, holes). Every file carries its length and CRC-32; the stream itself is authenticated.
// Must never write outside the move's own directory or fill the disk to its end.

import { mkdir, readdir, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { SwarmError } from "../errors.js";
import { bytesUnder } from "../runtime/bytes-under.js";
import type { MoveChannel } from "./channel.js";
import { receiveFile, sendFile } from "./flat-files.js";
import { startPacking, startUnpacking, type TarProcess } from "./tar-process.js";
import { DISK_BYTES_RESERVE } from "./verdict.js";
import { FILES_MAX, type Section } from "./wire.js";

export interface MoveDirectory {
	readonly path: string;
	readonly images: string;
	readonly upper: string;
	readonly log: string;
}

/** Where the source's parts are. */
export interface MoveParts {
	readonly images: string;
	readonly upper: string;
	readonly log: string;
}

export interface SentCounts {
	readonly bytes: number;
	readonly imageBytes: number;
	readonly files: number;
}

/** Started before the freeze, so that starting a program is no part of the downtime. */
export interface Packer {
	send(channel: MoveChannel, parts: MoveParts, onBytes: (bytes: number) => void): Promise<SentCounts>;
	/** Lets go of everything; fine after `send`. */
	cancel(): void;
}

export interface Unpacker {
	/** Takes everything up to and without the manifest, which it gives with the count to compare. */
	receive(channel: MoveChannel): Promise<{ readonly manifest: Readonly<Record<string, unknown>> }>;
	cancel(): void;
}

/** The simulator brings its own. */
export interface MoveFiles {
	/** Makes the directories, empty. */
	make(move: string): Promise<MoveDirectory>;
	at(move: string): MoveDirectory;
	/** Absent is fine. */
	remove(move: string): Promise<void>;
	/** Moves that have a directory here. */
	list(): Promise<readonly string[]>;
	diskBytesFree(): Promise<number>;
	/** Of the files below a directory; looks at FILES_MEASURED_MAX of them and gives what it saw. */
	bytesUnder(directory: string): Promise<number>;
	packer(upper: string): Packer;
	unpacker(directory: MoveDirectory): Unpacker;
}

/** Free space is looked at again after so many bytes. */
const FREE_CHECK_BYTES = 64 * 1024 * 1024;

export function createMoveFiles(root: string): MoveFiles {
	const at = (move: string): MoveDirectory => {
		const path = join(root, move);
		return { path, images: join(path, "images"), upper: join(path, "upper"), log: join(path, "log") };
	};
	return {
		at,
		async make(move) {
			const directory = at(move);
			await rm(directory.path, { recursive: true, force: true });
			await mkdir(directory.path, { recursive: true, mode: 0o700 });
			for (const path of [directory.images, directory.upper, directory.log]) await mkdir(path, { mode: 0o755 });
			return directory;
		},
		async remove(move) {
			await rm(at(move).path, { recursive: true, force: true });
		},
		async list() {
			await mkdir(root, { recursive: true, mode: 0o700 });
			return await readdir(root);
		},
		async diskBytesFree() {
			await mkdir(root, { recursive: true, mode: 0o700 });
			return await freeBytesOf(root);
		},
		bytesUnder,
		packer: (upper) => new FilePacker(startPacking(upper)),
		unpacker: (directory) => new FileUnpacker(directory, startUnpacking(directory.upper)),
	};
}

class FilePacker implements Packer {
	readonly #tar: TarProcess;

	constructor(tar: TarProcess) {
		this.#tar = tar;
	}

	async send(channel: MoveChannel, parts: MoveParts, onBytes: (bytes: number) => void): Promise<SentCounts> {
		const before = channel.chunkBytesSent;
		const told = () => onBytes(channel.chunkBytesSent - before);
		this.#tar.begin();
		let files = 0;
		for (const name of await readdir(parts.images)) {
			await sendFile(channel, "images", parts.images, name, told);
			files++;
		}
		const imageBytes = channel.chunkBytesSent - before;
		await this.#sendUpper(channel, told);
		for (const name of await readdir(parts.log)) {
			await sendFile(channel, "log", parts.log, name, told);
			files++;
		}
		return { bytes: channel.chunkBytesSent - before, imageBytes, files: files + 1 };
	}

	cancel(): void {
		this.#tar.kill();
	}

	async #sendUpper(channel: MoveChannel, told: () => void): Promise<void> {
		let bytes = 0;
		let checksum = 0;
		await channel.post({ kind: "file", section: "upper", name: "tar" });
		for await (const chunk of this.#tar.output()) {
			bytes += chunk.length;
			checksum = crc32(chunk, checksum);
			await channel.sendBytes(chunk);
			told();
		}
		await this.#tar.finish();
		await channel.post({ kind: "file-end", bytes, crc32: checksum });
	}
}

class FileUnpacker implements Unpacker {
	readonly #directory: MoveDirectory;
	readonly #tar: TarProcess;
	#unchecked = 0;

	constructor(directory: MoveDirectory, tar: TarProcess) {
		this.#directory = directory;
		this.#tar = tar;
	}

	async receive(channel: MoveChannel): Promise<{ readonly manifest: Readonly<Record<string, unknown>> }> {
		for (let files = 0; files <= FILES_MAX; files++) {
			const message = await channel.receive();
			if (message === null) throw new SwarmError("unreachable", "Cannot receive the move: the source went away");
			if (message.kind === "dismiss") throw new SwarmError("aborted", `Cannot receive the move: ${message.reason}`);
			if (message.kind === "failed") throw SwarmError.fromJSON(message.error);
			if (message.kind === "manifest") {
				if (message.files !== files)
					throw new SwarmError("corrupt", `Cannot receive the move: ${files} files came, wanted ${message.files}`);
				return { manifest: message.manifest };
			}
			if (message.kind !== "file")
				throw new SwarmError("corrupt", `Cannot receive the move: ${message.kind} came, wanted a file`);
			await this.#take(channel, message.section, message.name);
		}
		throw new SwarmError("too-large", `Cannot receive the move: more than ${FILES_MAX} files`);
	}

	cancel(): void {
		this.#tar.kill();
	}

	async #take(channel: MoveChannel, section: Section, name: string): Promise<void> {
		const check = (bytes: number) => this.#checkSpace(bytes);
		if (section !== "upper") return await receiveFile(channel, join(this.#directory[section], name), check);
		let bytes = 0;
		let checksum = 0;
		for (;;) {
			const message = await channel.receive();
			if (message?.kind === "chunk") {
				bytes += message.bytes.length;
				checksum = crc32(message.bytes, checksum);
				await check(message.bytes.length);
				await this.#tar.write(message.bytes);
				continue;
			}
			if (message?.kind !== "file-end")
				throw new SwarmError("unreachable", "Cannot receive the written files: the source stopped sending");
			if (message.bytes !== bytes || message.crc32 !== checksum)
				throw new SwarmError("corrupt", "Cannot receive the written files: length or checksum differ");
			await this.#tar.finish();
			return;
		}
	}

	async #checkSpace(bytes: number): Promise<void> {
		this.#unchecked += bytes;
		if (this.#unchecked < FREE_CHECK_BYTES) return;
		this.#unchecked = 0;
		if ((await freeBytesOf(this.#directory.path)) < DISK_BYTES_RESERVE)
			throw new SwarmError(
				"refused",
				"Cannot receive the move: the disk is full but for its reserve, wanted more free space",
			);
	}
}

async function freeBytesOf(path: string): Promise<number> {
	const { bavail, bsize } = await statfs(path);
	return bavail * bsize;
}
