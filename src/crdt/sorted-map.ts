// A map in rising order of its keys that never changes: a version with other entries shares all but the touched leaves with the one before,
// so that one change among a hundred thousand entries costs some microseconds, and what differs between two versions is found without
// a look at what they share. Must never: change a leaf that was handed out.

import { compareText } from "./canonical.js";

/** Entries of a leaf: fewer make the list of leaves longer, more make each change copy more. */
export const LEAF_MAX = 64;
/** Neighbours that have become this small together are one. */
const MERGED_MAX = LEAF_MAX / 2;

interface Leaf<Key, Value> {
	readonly keys: readonly Key[];
	readonly values: readonly Value[];
}

type Change<Key, Value> = readonly [Key, Value | null];

export class SortedMap<Key extends string, Value> implements ReadonlyMap<Key, Value> {
	readonly size: number;
	readonly #leaves: readonly Leaf<Key, Value>[];
	/** The first key of each leaf. */
	readonly #firsts: readonly Key[];

	private constructor(leaves: readonly Leaf<Key, Value>[]) {
		this.#leaves = leaves;
		this.#firsts = leaves.map(({ keys }) => keys[0] as Key);
		this.size = leaves.reduce((sum, { keys }) => sum + keys.length, 0);
	}

	static empty<Key extends string, Value>(): SortedMap<Key, Value> {
		return new SortedMap<Key, Value>([]);
	}

	/** With these entries set, or taken out where null; this map itself when nothing differs. */
	with(changes: ReadonlyMap<Key, Value | null>): SortedMap<Key, Value> {
		if (changes.size === 0) return this;
		const sorted = [...changes].sort(([a], [b]) => compareText(a, b));
		const leaves: Leaf<Key, Value>[] = [];
		let differs = false;
		let next = 0;
		for (let from = 0; from < sorted.length; ) {
			const at = Math.max(next, this.#leafFor((sorted[from] as Change<Key, Value>)[0]));
			while (next < at) leaves.push(this.#leaves[next++] as Leaf<Key, Value>);
			const end = this.#firsts[at + 1];
			let to = from + 1;
			while (to < sorted.length && (end === undefined || (sorted[to] as Change<Key, Value>)[0] < end)) to++;
			const leaf = this.#leaves[at] ?? { keys: [], values: [] };
			const changed = changedLeaf(leaf, sorted.slice(from, to));
			if (changed === leaf) leaves.push(leaf);
			else pushSplit(leaves, changed);
			differs ||= changed !== leaf;
			next = at + 1;
			from = to;
		}
		if (!differs) return this;
		while (next < this.#leaves.length) leaves.push(this.#leaves[next++] as Leaf<Key, Value>);
		return new SortedMap(leaves);
	}

	get(key: Key): Value | undefined {
		const leaf = this.#leaves[this.#leafFor(key)];
		if (leaf === undefined) return undefined;
		const at = placeIn(leaf.keys, key);
		return leaf.keys[at] === key ? leaf.values[at] : undefined;
	}

	has(key: Key): boolean {
		const leaf = this.#leaves[this.#leafFor(key)];
		return leaf !== undefined && leaf.keys[placeIn(leaf.keys, key)] === key;
	}

	/** Entries that `before` has not, or with another value. Quick where the two share leaves, and where a leaf took the place of another. */
	*changedSince(before: ReadonlyMap<Key, Value>): Generator<[Key, Value], undefined> {
		if (before === this) return;
		const others = before instanceof SortedMap ? (before as SortedMap<Key, Value>) : SortedMap.empty<Key, Value>();
		const shared = new Set(others.#leaves);
		for (const leaf of this.#leaves) {
			if (shared.has(leaf)) continue;
			const { keys, values } = leaf;
			const old = others.#leaves[others.#leafFor(keys[0] as Key)];
			let oldAt = 0;
			for (let at = 0; at < keys.length; at++) {
				const [key, value] = [keys[at] as Key, values[at] as Value];
				while (old !== undefined && oldAt < old.keys.length && (old.keys[oldAt] as Key) < key) oldAt++;
				const known = old?.keys[oldAt] === key ? old.values[oldAt] : before.get(key);
				if (known !== value) yield [key, value];
			}
		}
	}

	*entries(): Generator<[Key, Value], undefined> {
		for (const { keys, values } of this.#leaves)
			for (let at = 0; at < keys.length; at++) yield [keys[at] as Key, values[at] as Value];
	}

	*keys(): Generator<Key, undefined> {
		for (const { keys } of this.#leaves) yield* keys;
	}

	*values(): Generator<Value, undefined> {
		for (const { values } of this.#leaves) yield* values;
	}

	[Symbol.iterator](): Generator<[Key, Value], undefined> {
		return this.entries();
	}

	forEach(callback: (value: Value, key: Key, map: ReadonlyMap<Key, Value>) => void): void {
		for (const [key, value] of this.entries()) callback(value, key, this);
	}

	/** The leaf that has the key, or would; 0 when there is none. */
	#leafFor(key: Key): number {
		return Math.max(0, placeAfter(this.#firsts, key) - 1);
	}
}

/** Entries of `after` that `before` has not, or with another value, of any maps. */
export function* changedIn<Key extends string, Value>(
	before: ReadonlyMap<Key, Value>,
	after: ReadonlyMap<Key, Value>,
): Iterable<readonly [Key, Value]> {
	if (before === after) return;
	if (after instanceof SortedMap) yield* after.changedSince(before);
	else for (const entry of after) if (before.get(entry[0]) !== entry[1]) yield entry;
}

/** How many of the sorted keys are not above this one. */
function placeAfter<Key extends string>(keys: readonly Key[], key: Key): number {
	let [low, high] = [0, keys.length];
	while (low < high) {
		const middle = (low + high) >>> 1;
		if ((keys[middle] as Key) <= key) low = middle + 1;
		else high = middle;
	}
	return low;
}

/** Where the key is in the leaf, or where something else is. */
function placeIn<Key extends string>(keys: readonly Key[], key: Key): number {
	return placeAfter(keys, key) - 1;
}

/** The same leaf when nothing differs. `changes` are sorted. */
function changedLeaf<Key extends string, Value>(
	leaf: Leaf<Key, Value>,
	changes: readonly Change<Key, Value>[],
): Leaf<Key, Value> {
	const isNews = ([key, value]: Change<Key, Value>) => {
		const at = placeIn(leaf.keys, key);
		return leaf.keys[at] === key ? leaf.values[at] !== value : value !== null;
	};
	if (!changes.some(isNews)) return leaf;
	const [keys, values]: [Key[], Value[]] = [[], []];
	let at = 0;
	/** A leaf is small, so that its parts can be arguments. */
	const keepUntil = (end: number) => {
		keys.push(...leaf.keys.slice(at, end));
		values.push(...leaf.values.slice(at, end));
		at = end;
	};
	for (const [key, value] of changes) {
		const place = placeIn(leaf.keys, key);
		const isKnown = leaf.keys[place] === key;
		keepUntil(isKnown ? place : place + 1);
		if (isKnown) at++;
		if (value === null) continue;
		keys.push(key);
		values.push(value);
	}
	keepUntil(leaf.keys.length);
	return { keys, values };
}

/** Adds a new leaf of any size, in parts that are no larger than they may be, or to the last one when both are small. */
function pushSplit<Key, Value>(leaves: Leaf<Key, Value>[], { keys, values }: Leaf<Key, Value>): void {
	const last = leaves.at(-1);
	if (last !== undefined && last.keys.length + keys.length <= MERGED_MAX) {
		leaves[leaves.length - 1] = { keys: [...last.keys, ...keys], values: [...last.values, ...values] };
		return;
	}
	const parts = Math.ceil(keys.length / LEAF_MAX);
	const size = Math.ceil(keys.length / parts);
	for (let from = 0; from < keys.length; from += size)
		leaves.push({ keys: keys.slice(from, from + size), values: values.slice(from, from + size) });
}
