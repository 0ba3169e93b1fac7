// One flat file over a channel: `file`, chunks, `file-end` with length and CRC-32. Small files, of which a dump has dozens,
// take one synchronous call each (30 µs) instead of three trips through the thread pool.

import { closeSync, fstatSync, openSync, readSync, write, writeSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { crc32 } from "node:zlib";
import { SwarmError } from "../errors.js";
import { ChunkBuffer, type MoveChannel } from "./channel.js";
import { CHUNK_BYTES_MAX, type Section } from "./wire.js";

const SMALL_BYTES = 64 * 1024;
const writeLater = promisify(write);

export async function sendFile(
	channel: MoveChannel,
	section: Section,
	directory: string,
	name: string,
	told: () => void,
): Promise<void> {
	await channel.post({ kind: "file", section, name });
	const small = readSmall(join(directory, name));
	if (small === null) await sendLarge(channel, join(directory, name), told);
	else {
		if (small.length > 0) await channel.sendBytes(small);
		await channel.post({ kind: "file-end", bytes: small.length, crc32: crc32(small) });
	}
	told();
}

/** Makes the file; one that exists is `corrupt`. `check` is asked before each chunk is written. */
export async function receiveFile(
	channel: MoveChannel,
	path: string,
	check: (bytes: number) => Promise<void>,
): Promise<void> {
	const descriptor = openSync(path, "wx", 0o600);
	let bytes = 0;
	let checksum = 0;
	try {
		for (;;) {
			const message = await channel.receive();
			if (message?.kind === "chunk") {
				await check(message.bytes.length);
				await writeWhole(descriptor, message.bytes);
				bytes += message.bytes.length;
				checksum = crc32(message.bytes, checksum);
				continue;
			}
			if (message?.kind !== "file-end")
				throw new SwarmError("unreachable", "Cannot receive a file of the move: the source stopped sending");
			if (message.bytes !== bytes || message.crc32 !== checksum)
				throw new SwarmError("corrupt", "Cannot receive a file of the move: length or checksum differ");
			return;
		}
	} finally {
		closeSync(descriptor);
	}
}

function readSmall(path: string): Buffer | null {
	const descriptor = openSync(path, "r");
	try {
		const { size } = fstatSync(descriptor);
		if (size > SMALL_BYTES) return null;
		const bytes = Buffer.allocUnsafe(size);
		for (let read = 0; read < size; ) {
			const count = readSync(descriptor, bytes, read, size - read, read);
			if (count === 0) return bytes.subarray(0, read);
			read += count;
		}
		return bytes;
	} finally {
		closeSync(descriptor);
	}
}

/** Reads ahead by one chunk while the last one is on its way; where a stream copies what it is given, into the same memory by turns. */
async function sendLarge(channel: MoveChannel, path: string, told: () => void): Promise<void> {
	const file = await open(path, "r");
	const kept = channel.copies ? [new ChunkBuffer(), new ChunkBuffer()] : null;
	const bufferFor = (turn: number) => kept?.[turn % kept.length] ?? new ChunkBuffer();
	let bytes = 0;
	let checksum = 0;
	try {
		let next = readChunk(file, bufferFor(0));
		for (let turn = 1; ; turn++) {
			const { buffer, length } = await next;
			if (length === 0) break;
			next = readChunk(file, bufferFor(turn));
			// A failed read-ahead is told by the `await` above; a failed send leaves it without a listener.
			next.catch(() => {});
			bytes += length;
			checksum = crc32(buffer.content.subarray(0, length), checksum);
			await channel.sendChunk(buffer, length);
			if (channel.copies) await channel.flush();
			told();
		}
		await next;
	} finally {
		await file.close();
	}
	await channel.post({ kind: "file-end", bytes, crc32: checksum });
}

async function readChunk(
	file: FileHandle,
	buffer: ChunkBuffer,
): Promise<{ readonly buffer: ChunkBuffer; readonly length: number }> {
	const { bytesRead } = await file.read(buffer.content, 0, CHUNK_BYTES_MAX, null);
	return { buffer, length: bytesRead };
}

/** Large ones in the thread pool: a write waits for the disk when much is on its way to it. */
async function writeWhole(descriptor: number, bytes: Uint8Array): Promise<void> {
	for (let written = 0; written < bytes.length; ) {
		try {
			if (bytes.length <= SMALL_BYTES) written += writeSync(descriptor, bytes, written);
			else written += (await writeLater(descriptor, bytes, written)).bytesWritten;
		} catch (thrown) {
			if ((thrown as NodeJS.ErrnoException).code !== "ENOSPC") throw thrown;
			throw new SwarmError("refused", "Cannot receive the move: the disk is full, wanted more free space", {
				cause: thrown,
			});
		}
	}
}
