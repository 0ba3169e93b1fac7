// Seeded chance. Must never: be shared by two nodes (give each its own by `split`), or one's draws would move another's.

import type { Chance } from "../../../src/clock.js";

export interface SimChance extends Chance {
	/** Whole number in [0, below). */
	below(below: number): number;
	between(min: number, max: number): number;
	pick<T>(items: readonly T[]): T;
	/** True with the given probability. */
	happens(probability: number): boolean;
	/** An independent stream named `name`. */
	split(name: string): SimChance;
}

/** sfc32 with its state from a hash of the seed. */
export function createSimChance(seed: string): SimChance {
	let [a, b, c, d] = [hash(`${seed}|a`), hash(`${seed}|b`), hash(`${seed}|c`), 1];
	const next = () => {
		const t = (((a + b) | 0) + d) | 0;
		d = (d + 1) | 0;
		a = b ^ (b >>> 9);
		b = (c + (c << 3)) | 0;
		c = (c << 21) | (c >>> 11);
		c = (c + t) | 0;
		return t >>> 0;
	};
	for (let index = 0; index < 16; index++) next();
	const fraction = () => next() / 2 ** 32;
	return {
		fraction,
		bytes: (count) => Uint8Array.from({ length: count }, () => next() & 0xff),
		below: (below) => Math.floor(fraction() * below),
		between: (min, max) => min + fraction() * (max - min),
		pick<T>(items: readonly T[]): T {
			if (items.length === 0) throw new Error("nothing to pick from");
			return items[Math.floor(fraction() * items.length)] as T;
		},
		happens: (probability) => fraction() < probability,
		split: (name) => createSimChance(`${seed}/${name}`),
	};
}

/** FNV-1a. */
function hash(text: string): number {
	let value = 0x811c9dc5;
	for (let index = 0; index < text.length; index++) {
		value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
	}
	return value | 0;
}
