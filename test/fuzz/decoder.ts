// What a fuzzer is told of one decoder of bytes from outside. Each decoder answers or throws a SwarmError that says why; anything else
// that it does is a flaw: another error, `failed` (an error of others in our clothes), a promise that never settles, time, memory.

import type { SimChance } from "../cluster/sim/sim-chance.js";

export interface Decoder {
	readonly name: string;
	/** Valid inputs, of which the others are made. */
	readonly seeds: readonly Uint8Array[];
	/** `json`: the seeds are JSON texts, changed as values too. `talk`: they are messages, put one after the other. */
	readonly form: "bytes" | "json" | "talk";
	/** Puts a changed seed into what makes it count: a length before it, a checksum, a signature (also a wrong one). */
	readonly wrap?: (changed: Uint8Array, chance: SimChance) => Uint8Array;
	/**
	 * Decodes, and throws by itself (AssertionError) when what it accepted must never be. null counts as refused. `chance` is for how
	 * the bytes arrive.
	 */
	read(bytes: Uint8Array, chance: SimChance): unknown;
	/** For one input; MS_MAX unless told. */
	readonly msMax?: number;
	/** Inputs larger than this only cost time. */
	readonly bytesMax?: number;
	/** Runs when no more input comes. */
	close?(): Promise<void>;
}

/** Of processor time: far above what any input of these sizes should take. */
export const MS_MAX = 250;
export const BYTES_MAX = 256 * 1024;
const PIECES_MAX = 8 * 1024;

export function textSeed(text: string): Uint8Array {
	return new TextEncoder().encode(text);
}

export function jsonSeed(value: unknown): Uint8Array {
	return textSeed(JSON.stringify(value));
}

/** The bytes as a stream may bring them: whole, in a few pieces, or byte by byte. */
export function* piecesOf(bytes: Uint8Array, chance: SimChance): Generator<Uint8Array> {
	const most = chance.pick([bytes.length, bytes.length, 1 + chance.below(bytes.length + 1), 1 + chance.below(64), 1]);
	const least = Math.ceil(bytes.length / PIECES_MAX);
	for (let at = 0; at < bytes.length; ) {
		const size = Math.max(least, most === 1 ? 1 : chance.below(most + 1));
		yield Uint8Array.from(bytes.subarray(at, at + size));
		at += size;
	}
}
