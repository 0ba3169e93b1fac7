// Time and chance as ports: product code asks these, the simulator moves them. Nothing else may call Date.now,
// setTimeout, setInterval, Math.random or crypto.randomBytes for decisions.

import { randomBytes } from "node:crypto";

export interface Clock {
	/** Milliseconds since the Unix epoch; may jump. */
	nowMs(): number;
	/** Milliseconds that never go back and never jump; the zero is arbitrary. */
	monotonicMs(): number;
	/** Runs `callback` once after `delayMs`; the returned function cancels. Never keeps the process alive by itself. */
	after(delayMs: number, callback: () => void): () => void;
	/** Resolves after `delayMs`; rejects with the signal's reason as soon as it aborts. */
	sleep(delayMs: number, signal: AbortSignal): Promise<void>;
}

export interface Chance {
	/** Uniform in [0, 1). */
	fraction(): number;
	bytes(count: number): Uint8Array;
}

export const systemClock: Clock = {
	nowMs: () => Date.now(),
	monotonicMs: () => performance.now(),
	after(delayMs, callback) {
		const timer = setTimeout(callback, delayMs);
		timer.unref();
		return () => clearTimeout(timer);
	},
	sleep(delayMs, signal) {
		return new Promise((resolve, reject) => {
			if (signal.aborted) {
				reject(signal.reason);
				return;
			}
			const onAbort = () => {
				clearTimeout(timer);
				reject(signal.reason);
			};
			const timer = setTimeout(() => {
				signal.removeEventListener("abort", onAbort);
				resolve();
			}, delayMs);
			signal.addEventListener("abort", onAbort, { once: true });
		});
	},
};

export const systemChance: Chance = {
	fraction: () => randomBytes(4).readUInt32LE(0) / 2 ** 32,
	bytes: (count) => randomBytes(count),
};
