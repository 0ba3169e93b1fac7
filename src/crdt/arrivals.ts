// What peers told, on its way to the journal: together and a little later, so that nobody who waits for a change waits for this disk or for
// a signature. A crash that comes before loses what the next sync brings again. Must never: hold back what this node wrote itself.

import type { Clock } from "../clock.js";
import type { Journal } from "./journal.js";

const DELAY_MS = 100;
/** So much at once is written without delay. */
const BYTES_MAX = 256 * 1024;

export interface Arrivals {
	keep(envelopes: readonly Uint8Array[]): void;
	/** Writes what waits. */
	stop(): Promise<void>;
}

export interface ArrivalsOptions {
	readonly journal: Pick<Journal, "append">;
	readonly clock: Pick<Clock, "after">;
	/** Called with what waited: which of it is to be kept. */
	readonly checked: (envelopes: readonly Uint8Array[]) => readonly Uint8Array[];
	readonly onFailed: (thrown: unknown) => void;
}

export function createArrivals({ journal, clock, checked, onFailed }: ArrivalsOptions): Arrivals {
	let waiting: Uint8Array[] = [];
	let bytes = 0;
	let cancel: (() => void) | null = null;

	const write = async () => {
		cancel?.();
		cancel = null;
		const kept = checked(waiting);
		[waiting, bytes] = [[], 0];
		if (kept.length > 0) await journal.append(kept, "lazy").catch(onFailed);
	};

	return {
		keep(envelopes) {
			for (const envelope of envelopes) {
				waiting.push(envelope);
				bytes += envelope.length;
			}
			if (bytes > BYTES_MAX) void write();
			else cancel ??= clock.after(DELAY_MS, write);
		},
		stop: write,
	};
}
