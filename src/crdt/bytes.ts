// Reads and writes the fixed binary layouts of envelopes, sync messages and journal entries: big-endian, lengths first.
// Must never: read past the end or allocate by a length that was not checked; a short input is `corrupt`.

import { SwarmError } from "../errors.js";

export interface ByteReader {
	u8(): number;
	u16(): number;
	u32(): number;
	/** 64 bits, refused past 2^53 − 1. */
	u64(): number;
	/** A view into the input, not a copy. */
	bytes(count: number): Uint8Array;
	/** Bytes not read yet. */
	left(): number;
}

export interface ByteWriter {
	u8(value: number): void;
	u16(value: number): void;
	u32(value: number): void;
	u64(value: number): void;
	bytes(value: Uint8Array): void;
	done(): Uint8Array;
}

/** `what` names the input in errors: "Cannot read <what>: …". */
export function readerOf(input: Uint8Array, what: string): ByteReader {
	const data = new DataView(input.buffer, input.byteOffset, input.byteLength);
	let at = 0;
	const take = (count: number) => {
		if (count > input.length - at) {
			throw new SwarmError("corrupt", `Cannot read ${what}: it ends early, ${count} more bytes were announced`);
		}
		at += count;
		return at - count;
	};
	return {
		u8: () => data.getUint8(take(1)),
		u16: () => data.getUint16(take(2)),
		u32: () => data.getUint32(take(4)),
		u64() {
			const value = data.getBigUint64(take(8));
			if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
				throw new SwarmError("corrupt", `Cannot read ${what}: ${value} is no safe integer`);
			}
			return Number(value);
		},
		bytes(count) {
			const start = take(count);
			return input.subarray(start, start + count);
		},
		left: () => input.length - at,
	};
}

export function writerOf(): ByteWriter {
	const parts: Uint8Array[] = [];
	const integer = (size: number, write: (buffer: Buffer) => void) => {
		const buffer = Buffer.alloc(size);
		write(buffer);
		parts.push(buffer);
	};
	return {
		u8: (value) => integer(1, (buffer) => buffer.writeUInt8(value)),
		u16: (value) => integer(2, (buffer) => buffer.writeUInt16BE(value)),
		u32: (value) => integer(4, (buffer) => buffer.writeUInt32BE(value)),
		u64: (value) => integer(8, (buffer) => buffer.writeBigUInt64BE(BigInt(value))),
		bytes: (value) => void parts.push(value),
		done: () => new Uint8Array(Buffer.concat(parts)),
	};
}
