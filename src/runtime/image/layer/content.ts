// Writes the data of one file of a layer: plain, or sparse with its holes kept. Counts what it writes before it does.

import { ftruncateSync, write } from "node:fs";
import { promisify } from "node:util";
import { SwarmError } from "../../../errors.js";
import type { SpaceGuard } from "../space.js";
import type { TarHeader } from "../tar.js";
import { refuseEntry } from "./entry.js";
import { readSparseMap, type SparseMap, sparseSizeOf } from "./sparse.js";

const writeAt = promisify(write);

export async function writeContent(
	file: number,
	header: TarHeader,
	data: AsyncIterable<Buffer>,
	space: SpaceGuard,
): Promise<void> {
	const sparseSize = sparseSizeOf(header);
	if (sparseSize !== null) return writeSparse(file, header, sparseSize, data, space);
	let position = 0;
	for await (const piece of data) {
		await space.take(piece.length);
		await writeAll(file, piece, position);
		position += piece.length;
	}
}

async function writeSparse(
	file: number,
	header: TarHeader,
	sizeBytes: number,
	data: AsyncIterable<Buffer>,
	space: SpaceGuard,
): Promise<void> {
	let head: Buffer = Buffer.alloc(0);
	let map: SparseMap | null = null;
	let cursor: Cursor = { part: 0, done: 0 };
	for await (const piece of data) {
		await space.take(piece.length);
		let rest = piece;
		if (map === null) {
			head = Buffer.concat([head, piece]);
			map = readSparseMap(header, sizeBytes, head);
			if (map === null) continue;
			rest = head.subarray(map.mapBytes);
		}
		cursor = await writeParts(file, header, map, cursor, rest);
	}
	if (map === null || cursor.part < map.parts.findLastIndex((part) => part.bytes > 0) + 1) {
		throw refuseEntry(header.name, "has a broken sparse map");
	}
	ftruncateSync(file, sizeBytes);
}

/** Which part is being filled, and how much of it is there. */
interface Cursor {
	readonly part: number;
	readonly done: number;
}

async function writeParts(
	file: number,
	header: TarHeader,
	map: SparseMap,
	from: Cursor,
	bytes: Buffer,
): Promise<Cursor> {
	let { part, done } = from;
	let rest = bytes;
	for (;;) {
		const current = map.parts[part];
		if (current === undefined) {
			if (rest.length > 0) throw refuseEntry(header.name, "has more data than its sparse map tells");
			return { part, done };
		}
		const now = rest.subarray(0, current.bytes - done);
		if (now.length > 0) await writeAll(file, now, current.offset + done);
		rest = rest.subarray(now.length);
		done += now.length;
		if (done < current.bytes) return { part, done };
		part += 1;
		done = 0;
	}
}

async function writeAll(file: number, bytes: Buffer, position: number): Promise<void> {
	let written = 0;
	while (written < bytes.length) {
		const { bytesWritten } = await writeAt(file, bytes, written, bytes.length - written, position + written);
		if (bytesWritten === 0) throw new SwarmError("failed", "Cannot unpack the layer: the disk takes no more bytes");
		written += bytesWritten;
	}
}
