// Envelopes on disk, append-only: length u32 | crc32 u32 | envelope. A torn or damaged part is cut out and reported, never a
// refusal to start. Must never: report a synced append that is not on disk, or append after a failure without
// having written the whole file anew.

import { crc32 } from "node:zlib";
import { readerOf } from "./bytes.js";
import type { Disk } from "./disk.js";
import { ENVELOPE_BYTES_MAX } from "./envelope.js";

const HEAD_BYTES = 8;
/** The file is written anew when it is this much larger than what it must hold … */
const GARBAGE_FACTOR = 4;
/** … and at least this large. */
const COMPACT_BYTES_MIN = 1024 * 1024;

export interface JournalContent {
	readonly entries: readonly Uint8Array[];
	/** Bytes that were not readable as entries. */
	readonly bytesCut: number;
}

export interface Journal {
	/** Calls run one after another, in the order of their making. */
	append(entries: readonly Uint8Array[], durability: "synced" | "lazy"): Promise<void>;
	/** Writes the file anew with what `content` returns at its turn; durable. */
	rewrite(content: () => readonly Uint8Array[]): Promise<void>;
	/** Whether a rewrite is due: after a failure, or because of garbage, given the bytes that must be kept. */
	needsRewrite(bytesKept: number): boolean;
	close(): Promise<void>;
}

export function createJournal(disk: Disk, sizeAtStart: number): Journal {
	let size = sizeAtStart;
	let failed = false;
	let queue: Promise<unknown> = Promise.resolve();
	const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
		const result = queue.then(work);
		queue = result.catch(() => {});
		return result;
	};
	const guarded = async (work: () => Promise<void>) => {
		try {
			await work();
		} catch (thrown) {
			failed = true;
			throw thrown;
		}
	};
	return {
		append: (entries, durability) =>
			inTurn(() =>
				guarded(async () => {
					if (failed) throw new Error("an earlier write failed and the journal was not written anew since");
					const bytes = encodeEntries(entries);
					await disk.append(bytes);
					size += bytes.length;
					if (durability === "synced") await disk.sync();
				}),
			),
		rewrite: (content) =>
			inTurn(() =>
				guarded(async () => {
					const bytes = encodeEntries(content());
					await disk.replace(bytes);
					size = bytes.length;
					failed = false;
				}),
			),
		needsRewrite: (bytesKept) => failed || size > Math.max(COMPACT_BYTES_MIN, GARBAGE_FACTOR * bytesKept),
		close: () => inTurn(() => disk.close()),
	};
}

/** Reads what can be read: a damaged entry is left out, and everything from an impossible length on. */
export function decodeJournal(bytes: Uint8Array): JournalContent {
	const entries: Uint8Array[] = [];
	const reader = readerOf(bytes, "the journal");
	let bytesCut = 0;
	while (reader.left() >= HEAD_BYTES) {
		const length = reader.u32();
		const checksum = reader.u32();
		if (length === 0 || length > ENVELOPE_BYTES_MAX || length > reader.left()) {
			return { entries, bytesCut: bytesCut + HEAD_BYTES + reader.left() };
		}
		const entry = reader.bytes(length);
		if (crc32(entry) === checksum) entries.push(entry);
		else bytesCut += HEAD_BYTES + length;
	}
	return { entries, bytesCut: bytesCut + reader.left() };
}

function encodeEntries(entries: readonly Uint8Array[]): Uint8Array {
	return Buffer.concat(
		entries.flatMap((entry) => {
			const head = Buffer.alloc(HEAD_BYTES);
			head.writeUInt32BE(entry.length, 0);
			head.writeUInt32BE(crc32(entry), 4);
			return [head, entry];
		}),
	);
}
