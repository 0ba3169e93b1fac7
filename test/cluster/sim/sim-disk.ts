// A simulated disk with one file: what was appended but not synced can be lost, or torn, when the machine crashes; it survives
// when only the daemon does. Disk full can be switched on.

import type { Disk } from "../../../src/crdt/disk.js";
import type { SimChance } from "./sim-chance.js";
import type { SimProcess } from "./sim-process.js";
import type { Timeline } from "./timeline.js";

export interface SimDisk {
	/** The disk as one daemon sees it. */
	openFor(process: SimProcess): Disk;
	/** Power loss: unsynced bytes are kept up to a point drawn by chance. */
	crashMachine(): void;
	setFull(isFull: boolean): void;
	/** What a backup would hold now; `restore` puts it back. */
	backup(): Uint8Array;
	restore(bytes: Uint8Array): void;
	/** Synced appends and replacements so far. */
	syncs(): number;
}

const APPEND_MS = 0.05;
const SYNC_MS_MAX = 4;

export function createSimDisk(timeline: Timeline, chance: SimChance): SimDisk {
	let parts: Uint8Array[] = [];
	let length = 0;
	let synced = 0;
	let full = false;
	let syncCount = 0;

	const whole = (): Uint8Array => {
		const bytes = new Uint8Array(Buffer.concat(parts));
		parts = [bytes];
		return bytes;
	};
	const hold = (bytes: Uint8Array) => {
		parts = [bytes];
		length = bytes.length;
	};
	const wait = (delayMs: number) => new Promise<void>((resolve) => void timeline.after(delayMs, resolve));
	const checkSpace = () => {
		if (full) throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
	};

	return {
		openFor(process) {
			const guarded = <T>(work: () => Promise<T>) => {
				if (!process.isAlive()) return new Promise<T>(() => {});
				return process.answer(work());
			};
			return {
				read: () => guarded(async () => (length > 0 ? whole().slice() : null)),
				append: (bytes) =>
					guarded(async () => {
						checkSpace();
						parts.push(bytes);
						length += bytes.length;
						await wait(APPEND_MS);
					}),
				sync: () =>
					guarded(async () => {
						const covered = length;
						await wait(chance.between(0.2, SYNC_MS_MAX));
						if (!process.isAlive()) return;
						synced = Math.max(synced, Math.min(covered, length));
						syncCount += 1;
					}),
				replace: (bytes) =>
					guarded(async () => {
						checkSpace();
						await wait(chance.between(1, 2 * SYNC_MS_MAX));
						if (!process.isAlive()) return;
						hold(bytes.slice());
						synced = length;
						syncCount += 1;
					}),
				close: () => guarded(async () => {}),
			};
		},
		crashMachine() {
			hold(whole().slice(0, synced + chance.below(length - synced + 1)));
			synced = length;
		},
		setFull(isFull) {
			full = isFull;
		},
		backup: () => whole().slice(),
		restore(bytes) {
			hold(bytes.slice());
			synced = length;
		},
		syncs: () => syncCount,
	};
}
