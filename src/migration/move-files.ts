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
import { VolumePacker, type VolumeSource } from "./volume-packer.js";
import { type IncomingVolume, VolumeUnpacker } from "./volume-unpacker.js";
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
	/** All of it. */
	readonly bytes: number;
	readonly imageBytes: number;
	/** Of named volumes, before the freeze and after it. */
	readonly volumeBytes: number;
	readonly files: number;
}

/** Started before the freeze, so that starting a program is no part of the downtime. */
export interface Packer {
	/** Copies the volumes while the container runs; nothing to do without. */
	sendVolumes(channel: MoveChannel, onBytes: (bytes: number) => void): Promise<void>;
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
	packer(upper: string, volumes: readonly VolumeSource[]): Packer;
	unpacker(directory: MoveDirectory, incoming: IncomingVolume): Unpacker;
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
		packer: (upper, volumes) => new FilePacker(startPacking(upper), volumes),
		unpacker: (directory, incoming) => new FileUnpacker(directory, startUnpacking(directory.upper), incoming),
	};
}

class FilePacker implements Packer {
	readonly #tar: TarProcess;
	readonly #volumes: readonly VolumePacker[];
	/** Sent before the freeze. */
	#aheadBytes = 0;

	constructor(tar: TarProcess, volumes: readonly VolumeSource[]) {
		this.#tar = tar;
		this.#volumes = volumes.map((volume) => new VolumePacker(volume));
	}

	async sendVolumes(channel: MoveChannel, onBytes: (bytes: number) => void): Promise<void> {
		const before = channel.chunkBytesSent;
		for (const volume of this.#volumes) await volume.sendAll(channel, () => onBytes(channel.chunkBytesSent - before));
		this.#aheadBytes = channel.chunkBytesSent - before;
	}

	async send(channel: MoveChannel, parts: MoveParts, onBytes: (bytes: number) => void): Promise<SentCounts> {
		const before = channel.chunkBytesSent;
		const told = () => onBytes(channel.chunkBytesSent - before);
		this.#tar.begin();
		let files = 2 * this.#volumes.length;
		for (const volume of this.#volumes) await volume.sendChanges(channel, told);
		const changedBytes = channel.chunkBytesSent - before;
		for (const name of await readdir(parts.images)) {
			await sendFile(channel, "images", parts.images, name, told);
			files++;
		}
		const imageBytes = channel.chunkBytesSent - before - changedBytes;
		await this.#sendUpper(channel, told);
		for (const name of await readdir(parts.log)) {
			await sendFile(channel, "log", parts.log, name, told);
			files++;
		}
		const volumeBytes = this.#aheadBytes + changedBytes;
		const bytes = channel.chunkBytesSent - before + this.#aheadBytes;
		return { bytes, imageBytes, volumeBytes, files: files + 1 };
	}

	cancel(): void {
		this.#tar.kill();
		for (const volume of this.#volumes) volume.cancel();
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
	readonly #volumes: VolumeUnpacker;
	#unchecked = 0;

	constructor(directory: MoveDirectory, tar: TarProcess, incoming: IncomingVolume) {
		this.#directory = directory;
		this.#tar = tar;
		this.#volumes = new VolumeUnpacker(incoming);
	}

	async receive(channel: MoveChannel): Promise<{ readonly manifest: Readonly<Record<string, unknown>> }> {
		for (let files = 0; files <= FILES_MAX; files++) {
			const message = await channel.receive();
			if (message === null) throw new SwarmError("unreachable", "Cannot receive the move: the source went away");
			if (message.kind === "dismiss") throw new SwarmError("aborted", `Cannot receive the move: ${message.reason}`);
			if (message.kind === "failed") throw SwarmError.fromJSON(message.error);
			if (message.kind === "removed" || message.kind === "whole") {
				if (message.kind === "removed") await this.#volumes.remove(message.volume, message.paths);
				else await this.#volumes.check(message.volume, message.summary);
				files--;
				continue;
			}
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
		this.#volumes.cancel();
	}

	async #take(channel: MoveChannel, section: Section, name: string): Promise<void> {
		if (section === "volume") {
			const { path, tar, close } = this.#volumes.open(name);
			return await this.#unpack(channel, tar, path, close);
		}
		const { path } = this.#directory;
		if (section === "upper") return await this.#unpack(channel, this.#tar, path, () => this.#tar.finish());
		await receiveFile(channel, join(this.#directory[section], name), (bytes) => this.#checkSpace(bytes, path));
	}

	async #unpack(channel: MoveChannel, tar: TarProcess, path: string, close: () => Promise<void>): Promise<void> {
		let bytes = 0;
		let checksum = 0;
		for (;;) {
			const message = await channel.receive();
			if (message?.kind === "chunk") {
				bytes += message.bytes.length;
				checksum = crc32(message.bytes, checksum);
				await this.#checkSpace(message.bytes.length, path);
				await tar.write(message.bytes);
				continue;
			}
			if (message?.kind === "dismiss") throw new SwarmError("aborted", `Cannot receive the files: ${message.reason}`);
			if (message?.kind !== "file-end")
				throw new SwarmError("unreachable", "Cannot receive the written files: the source stopped sending");
			if (message.bytes !== bytes || message.crc32 !== checksum)
				throw new SwarmError("corrupt", "Cannot receive the written files: length or checksum differ");
			return await close();
		}
	}

	async #checkSpace(bytes: number, path: string): Promise<void> {
		this.#unchecked += bytes;
		if (this.#unchecked < FREE_CHECK_BYTES) return;
		this.#unchecked = 0;
		if ((await freeBytesOf(path)) < DISK_BYTES_RESERVE)
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
