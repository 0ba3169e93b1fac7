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
	return new Reader(input, what);
}

/** A class, for envelopes are read one by one while others wait: seven closures cost more to make than an envelope to read. */
class Reader implements ByteReader {
	readonly #input: Uint8Array;
	readonly #what: string;
	#at = 0;

	constructor(input: Uint8Array, what: string) {
		this.#input = input;
		this.#what = what;
	}

	u8(): number {
		return this.#input[this.#take(1)] ?? 0;
	}

	u16(): number {
		return this.#number(2);
	}

	u32(): number {
		return this.#number(4);
	}

	u64(): number {
		const [high, low] = [this.#number(4), this.#number(4)];
		const value = high * 2 ** 32 + low;
		if (Number.isSafeInteger(value)) return value;
		throw new SwarmError("corrupt", `Cannot read ${this.#what}: ${value} is no safe integer`);
	}

	bytes(count: number): Uint8Array {
		const start = this.#take(count);
		return this.#input.subarray(start, start + count);
	}

	left(): number {
		return this.#input.length - this.#at;
	}

	#number(count: number): number {
		let value = 0;
		const start = this.#take(count);
		for (let at = start; at < start + count; at++) value = value * 256 + (this.#input[at] ?? 0);
		return value;
	}

	#take(count: number): number {
		const start = this.#at;
		if (count > this.#input.length - start) {
			throw new SwarmError("corrupt", `Cannot read ${this.#what}: it ends early, ${count} more bytes were announced`);
		}
		this.#at = start + count;
		return start;
	}
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
