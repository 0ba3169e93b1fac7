// Reads what containers use, many at a time. Keeps the files open between readings: a node with a thousand containers is read in a
// third of the time. Must never keep a descriptor of a container that is gone.

import { closeSync, openSync } from "node:fs";
import type { ContainerId } from "../../model.js";
import type { Native } from "../../native/native.js";
import type { ReadingName, Readings } from "./readings.js";

export interface StatFile {
	readonly name: ReadingName;
	readonly path: string;
}

/** Beyond these, files are opened for each reading: the daemon has other uses for descriptors. */
export const KEPT_DESCRIPTORS_MAX = 10_000;

/** Opening the files of a container takes half a millisecond: others get their turn after so many. */
const OPENED_AT_ONCE = 20;

interface Kept {
	readonly files: readonly StatFile[];
	readonly descriptors: readonly (number | null)[];
}

export class StatsReader {
	readonly #native: Pick<Native, "readDescriptors">;
	readonly #kept = new Map<ContainerId, Kept>();
	#descriptors = 0;
	/** Readings take turns: a container that goes meanwhile is closed after its turn. */
	#turn: Promise<unknown> = Promise.resolve();

	constructor(native: Pick<Native, "readDescriptors">) {
		this.#native = native;
	}

	/** In order; a file that cannot be read is null. */
	read(wanted: ReadonlyMap<ContainerId, readonly StatFile[]>): Promise<ReadonlyMap<ContainerId, Readings>> {
		return this.#alone(() => this.#readAll(wanted));
	}

	/** Its cgroups are about to go, or have been made anew. */
	forget(container: ContainerId): void {
		if (this.#kept.has(container)) void this.#alone(async () => this.#close(container));
	}

	close(): Promise<void> {
		return this.#alone(async () => {
			for (const container of [...this.#kept.keys()]) this.#close(container);
		});
	}

	#alone<T>(work: () => Promise<T>): Promise<T> {
		const turn = this.#turn.then(work);
		this.#turn = turn.catch(() => {});
		return turn;
	}

	async #readAll(wanted: ReadonlyMap<ContainerId, readonly StatFile[]>): Promise<ReadonlyMap<ContainerId, Readings>> {
		const opened: (Kept & { readonly container: ContainerId })[] = [];
		for (const [container, files] of wanted) {
			if (this.#kept.get(container) === undefined && opened.length % OPENED_AT_ONCE === 0) await breath();
			opened.push({ container, ...this.#open(container, files) });
		}
		const descriptors = opened.flatMap((each) => each.descriptors.map((descriptor) => descriptor ?? -1));
		const texts = await this.#native.readDescriptors(Int32Array.from(descriptors));
		const readings = new Map<ContainerId, Readings>();
		let at = 0;
		for (const { container, files, descriptors: own } of opened) {
			const found: Partial<Record<ReadingName, string | null>> = {};
			let stale = false;
			for (const [index, { name }] of files.entries()) {
				const text = texts[at++] ?? null;
				found[name] = text;
				stale ||= text === null && own[index] !== null;
			}
			readings.set(container, found);
			// Of cgroups that are gone: opened anew the next time.
			if (stale || this.#descriptors > KEPT_DESCRIPTORS_MAX) this.#close(container);
		}
		return readings;
	}

	#open(container: ContainerId, files: readonly StatFile[]): Kept {
		const known = this.#kept.get(container);
		if (known !== undefined && sameFiles(known.files, files)) return known;
		this.#close(container);
		const kept = { files, descriptors: files.map(({ path }) => openOrNull(path)) };
		this.#descriptors += kept.descriptors.length;
		this.#kept.set(container, kept);
		return kept;
	}

	#close(container: ContainerId): void {
		const kept = this.#kept.get(container);
		if (kept === undefined) return;
		for (const descriptor of kept.descriptors) if (descriptor !== null) closeSync(descriptor);
		this.#descriptors -= kept.descriptors.length;
		this.#kept.delete(container);
	}
}

function breath(): Promise<void> {
	return new Promise((resolve) => void setImmediate(resolve));
}

function sameFiles(left: readonly StatFile[], right: readonly StatFile[]): boolean {
	return left.length === right.length && left.every((file, index) => file.path === right[index]?.path);
}

function openOrNull(path: string): number | null {
	try {
		return openSync(path, "r");
	} catch {
		return null;
	}
}
