// Makes inputs out of valid ones: bits flipped, cut, repeated, put in elsewhere, taken from another, replaced by what decoders trip over.
// Pure; the same chance gives the same input.

import type { SimChance } from "../cluster/sim/sim-chance.js";
import { BYTES_MAX, type Decoder } from "./decoder.js";

const CHANGES_MAX = 4;
const MESSAGES_MAX = 6;
const edges = [0, 1, 0x7f, 0x80, 0xff, 0xc0, 0xc1, 0xd9, 0xdd, 0xdf, 0x0a, 0x22, 0x5b, 0x7b];
const lengths = [0, 1, 0x7f, 0xff, 0x100, 0x7fff, 0xffff, 0x1_0000, 0x10_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

type Change = (bytes: Uint8Array, chance: SimChance, other: Uint8Array) => Uint8Array;

const changes: readonly Change[] = [
	function flipBits(bytes, chance) {
		const changed = Uint8Array.from(bytes);
		for (let count = 1 + chance.below(8); count > 0; count--) {
			const at = chance.below(changed.length);
			changed[at] = (changed[at] ?? 0) ^ (1 << chance.below(8));
		}
		return changed;
	},
	function setBytes(bytes, chance) {
		const changed = Uint8Array.from(bytes);
		for (let count = 1 + chance.below(4); count > 0; count--)
			changed[chance.below(changed.length)] = chance.happens(0.5) ? chance.pick(edges) : chance.below(256);
		return changed;
	},
	function setLength(bytes, chance) {
		const changed = Buffer.from(bytes);
		const size = chance.pick([2, 4] as const);
		if (changed.length < size) return changed;
		const at = chance.below(changed.length - size + 1);
		const value = chance.pick(lengths) % 2 ** (8 * size);
		if (chance.happens(0.5)) changed.writeUIntBE(value, at, size);
		else changed.writeUIntLE(value, at, size);
		return changed;
	},
	(bytes, chance) => bytes.subarray(0, chance.below(bytes.length)),
	(bytes, chance) => bytes.subarray(chance.below(bytes.length)),
	function takeOut(bytes, chance) {
		const [from, to] = spanOf(bytes, chance);
		return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
	},
	function repeat(bytes, chance) {
		const [from, to] = spanOf(bytes, chance);
		const times = chance.happens(0.9) ? 1 : chance.below(200);
		const part = bytes.subarray(from, to);
		return Buffer.concat([bytes.subarray(0, to), ...Array(times).fill(part), bytes.subarray(to)]);
	},
	function putIn(bytes, chance) {
		const at = chance.below(bytes.length + 1);
		const count = 1 + chance.below(chance.happens(0.9) ? 16 : 1024);
		return Buffer.concat([bytes.subarray(0, at), chance.bytes(count), bytes.subarray(at)]);
	},
	function fill(bytes, chance) {
		const at = chance.below(bytes.length + 1);
		const count = chance.pick([1, 16, 256, 4_096, 70_000]);
		const value = chance.happens(0.7) ? chance.pick(edges) : (bytes[chance.below(bytes.length)] ?? 0);
		return Buffer.concat([bytes.subarray(0, at), Buffer.alloc(count, value), bytes.subarray(at)]);
	},
	function splice(bytes, chance, other) {
		const [from, to] = spanOf(other, chance);
		const [start, end] = spanOf(bytes, chance);
		return Buffer.concat([bytes.subarray(0, start), other.subarray(from, to), bytes.subarray(end)]);
	},
	function swap(bytes, chance) {
		const [from, to] = spanOf(bytes, chance);
		const middle = from + chance.below(to - from + 1);
		const parts = [bytes.subarray(0, from), bytes.subarray(middle, to), bytes.subarray(from, middle)];
		return Buffer.concat([...parts, bytes.subarray(to)]);
	},
];

const oddValues: readonly unknown[] = [
	...[null, true, false, 0, -1, 0.5, 1e308, -1e308, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 63, "", " ", "\0", "0", "null"],
	...["__proto__", "constructor", "toString", "../../etc/passwd", "/", ".", "..", "a\nb", "\u{1f600}", "\ud800"],
	...["x".repeat(5_000), [], {}, [[]], [null], [1, "a"], { kind: "x" }, { length: 1e9 }, { toString: null }],
	...[Array(300).fill("a"), { ["__proto__" as string]: 1, constructor: { prototype: 1 } }],
];

/** One input of a decoder; the same for the same chance. */
export function inputOf(decoder: Decoder, chance: SimChance): Uint8Array {
	const input = decoder.form === "talk" ? talkOf(decoder, chance) : oneOf(decoder, chance);
	return input.subarray(0, decoder.bytesMax ?? BYTES_MAX);
}

/** Messages in any order, replayed, left out. */
function talkOf(decoder: Decoder, chance: SimChance): Uint8Array {
	const count = chance.below(MESSAGES_MAX + 1);
	// Often from the start and in turn, so that the later steps are reached too.
	const from = chance.happens(0.5) ? 0 : null;
	const messages = Array.from({ length: count }, (_, index) => {
		const seed =
			from === null ? chance.pick(decoder.seeds) : (decoder.seeds[index % decoder.seeds.length] as Uint8Array);
		return chance.happens(0.6) ? wrapped(decoder, seed, chance) : changed(decoder, seed, chance);
	});
	const all = Buffer.concat(messages);
	return chance.happens(0.1) && all.length > 0 ? changedBytes(all, chance, all) : all;
}

function oneOf(decoder: Decoder, chance: SimChance): Uint8Array {
	const seed = chance.pick(decoder.seeds);
	if (chance.happens(0.02)) return wrapped(decoder, seed, chance);
	if (chance.happens(0.02)) return wrapped(decoder, chance.bytes(chance.below(300)), chance);
	return changed(decoder, seed, chance);
}

function changed(decoder: Decoder, seed: Uint8Array, chance: SimChance): Uint8Array {
	const other = chance.pick(decoder.seeds);
	const asValue = decoder.form === "json" && chance.happens(0.7);
	const inner = asValue ? changedJson(seed, chance, other) : changedBytes(seed, chance, other);
	const whole = wrapped(decoder, inner, chance);
	// What was wrapped around it is from outside as well.
	return decoder.wrap !== undefined && chance.happens(0.2) && whole.length > 0
		? changedBytes(whole, chance, whole)
		: whole;
}

function wrapped({ wrap }: Decoder, bytes: Uint8Array, chance: SimChance): Uint8Array {
	return wrap === undefined ? bytes : wrap(bytes, chance);
}

function changedBytes(seed: Uint8Array, chance: SimChance, other: Uint8Array): Uint8Array {
	let bytes = seed;
	for (let count = 1 + chance.below(CHANGES_MAX); count > 0 && bytes.length > 0; count--)
		bytes = chance.pick(changes)(bytes, chance, other);
	return bytes;
}

function changedJson(seed: Uint8Array, chance: SimChance, other: Uint8Array): Uint8Array {
	const root = { value: JSON.parse(new TextDecoder().decode(seed)) as unknown };
	const givers = [...placesIn({ value: JSON.parse(new TextDecoder().decode(other)) as unknown })];
	let deep = "";
	for (let count = 1 + chance.below(CHANGES_MAX); count > 0; count--) {
		const places = [...placesIn(root)];
		if (places.length === 0) break;
		const { holder, key } = chance.pick(places);
		const kind = chance.below(10);
		if (kind < 5) put(holder, key, structuredClone(chance.pick(oddValues)));
		else if (kind < 6) delete holder[key];
		else if (kind < 7) put(holder, chance.pick(["__proto__", "constructor", "", "0", "kind"]), holder[key]);
		else if (kind < 9) {
			const giver = chance.pick(givers);
			put(holder, key, structuredClone(giver.holder[giver.key]));
		} else {
			put(holder, key, "DEEP");
			deep = nested(chance);
		}
	}
	const text = JSON.stringify(root.value) ?? "";
	return new TextEncoder().encode(text.replace('"DEEP"', () => deep));
}

/** Also under the name `__proto__`, as JSON.parse does it. */
function put(holder: object, key: string, value: unknown): void {
	Object.defineProperty(holder, key, { value, writable: true, enumerable: true, configurable: true });
}

/** Deeper than a walk that calls itself gets. */
function nested(chance: SimChance): string {
	const depth = chance.pick([20, 1_000, 20_000, 60_000]);
	const [open, close] = chance.pick([
		["[", "]"],
		['{"a":', "}"],
	] as const);
	return `${open.repeat(depth)}1${close.repeat(depth)}`;
}

interface Place {
	readonly holder: Record<string, unknown>;
	readonly key: string;
}

function* placesIn(holder: object): Generator<Place> {
	for (const [key, value] of Object.entries(holder)) {
		yield { holder: holder as Record<string, unknown>, key };
		if (typeof value === "object" && value !== null) yield* placesIn(value);
	}
}

function spanOf(bytes: Uint8Array, chance: SimChance): readonly [from: number, to: number] {
	const from = chance.below(bytes.length + 1);
	const most = chance.happens(0.5) ? Math.min(16, bytes.length - from) : bytes.length - from;
	return [from, from + chance.below(most + 1)];
}
