// Sparse files of GNU tar in PAX format 1.0 (`tar --format=posix -S`): the entry's data opens with a map of the parts
// that are not holes. Pure. GNU tar manual, "Storing Sparse Files". The older GNU formats are refused, not misread.

import { SPARSE_PARTS_MAX } from "../limits.js";
import type { TarHeader } from "../tar.js";
import { refuseEntry } from "./entry.js";

export interface SparsePart {
	readonly offset: number;
	readonly bytes: number;
}

export interface SparseMap {
	/** Size of the file with its holes. */
	readonly sizeBytes: number;
	readonly parts: readonly SparsePart[];
	/** Bytes of the data that the map itself takes; the parts' bytes follow. */
	readonly mapBytes: number;
}

const BLOCK = 512;

/** Null for an ordinary file; its size with holes for a sparse one. */
export function sparseSizeOf(header: TarHeader): number | null {
	const pax = header.pax;
	if (pax === null) return null;
	const major = pax["GNU.sparse.major"];
	if (major === undefined) {
		if (Object.keys(pax).some((key) => key.startsWith("GNU.sparse."))) {
			throw refuseEntry(header.name, "is sparse in an old GNU format, wanted PAX 1.0");
		}
		return null;
	}
	const size = Number(pax["GNU.sparse.realsize"]);
	if (major !== "1" || pax["GNU.sparse.minor"] !== "0" || !Number.isSafeInteger(size) || size < 0) {
		throw refuseEntry(header.name, "is sparse in a form that is not known");
	}
	return size;
}

/** Reads the map from the first bytes of the data; null when more bytes are needed. */
export function readSparseMap(header: TarHeader, sizeBytes: number, data: Buffer): SparseMap | null {
	const numbers: number[] = [];
	let at = 0;
	let wanted = 1;
	while (numbers.length < wanted) {
		const end = data.indexOf(0x0a, at);
		if (end < 0) return checkLength(header, data);
		const value = Number(data.toString("latin1", at, end));
		if (!Number.isSafeInteger(value) || value < 0) throw refuseEntry(header.name, "has a broken sparse map");
		numbers.push(value);
		at = end + 1;
		if (numbers.length === 1) {
			if (value > SPARSE_PARTS_MAX) throw refuseEntry(header.name, `has more than ${SPARSE_PARTS_MAX} sparse parts`);
			wanted = 1 + 2 * value;
		}
	}
	const mapBytes = Math.ceil(at / BLOCK) * BLOCK;
	if (data.length < mapBytes) return null;
	return { sizeBytes, parts: partsOf(header, sizeBytes, numbers), mapBytes };
}

function checkLength(header: TarHeader, data: Buffer): null {
	if (data.length > SPARSE_PARTS_MAX * 44) throw refuseEntry(header.name, "has a broken sparse map");
	return null;
}

function partsOf(header: TarHeader, sizeBytes: number, numbers: readonly number[]): SparsePart[] {
	const parts: SparsePart[] = [];
	let end = 0;
	for (let i = 1; i < numbers.length; i += 2) {
		const offset = numbers[i] ?? 0;
		const bytes = numbers[i + 1] ?? 0;
		if (offset < end || offset + bytes > sizeBytes) throw refuseEntry(header.name, "has a broken sparse map");
		parts.push({ offset, bytes });
		end = offset + bytes;
	}
	return parts;
}
