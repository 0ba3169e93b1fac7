// What every checker is: it looks at the whole world after each step, from outside, and throws when a promise is broken.

export interface Checker {
	look(): void;
	/** At the end, when everything was calm for longer than all bounds. */
	conclude(): void;
}

/** After a split: detection of the healed peer, anti-entropy, and the loser's end. */
export const HEAL_MS_MAX = 30_000;

export class BrokenPromise extends Error {
	constructor(message: string) {
		super(message);
		this.name = "BrokenPromise";
	}
}
