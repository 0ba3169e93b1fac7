// A named volume on its way: all of it while the container runs, then what changed since, while it stands still. Before the first copy its
// file system is synced: from then on every write, also one through a mapping, changes a file's time. Must never write to the volume.

import { statfs } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { syncFileSystem } from "../runtime/volumes/sync-file-system.js";
import type { MoveChannel } from "./channel.js";
import { startPackingSome, type TarProcess } from "./tar-process.js";
import { changesBetween, scanTree, summaryOf, type TreeScan } from "./tree-scan.js";
import { REMOVED_BYTES_MAX, REMOVED_MAX } from "./wire.js";

export interface VolumeSource {
	readonly name: string;
	/** Its contents on this machine. */
	readonly path: string;
}

/** A file system in memory does not tell of writes through mappings: all of it counts as changed. */
const TMPFS_MAGIC = 0x01021994;
/** Times of files are those of a clock that ticks every 4 to 10 ms. */
const TICK_MS_MAX = 1_000;

export class VolumePacker {
	readonly #source: VolumeSource;
	#before: TreeScan = new Map();
	#sinceMs = Number.NEGATIVE_INFINITY;
	#tar: TarProcess | null = null;

	constructor(source: VolumeSource) {
		this.#source = source;
	}

	async sendAll(channel: MoveChannel, told: () => void): Promise<void> {
		const { path } = this.#source;
		const inMemory = (await statfs(path)).type === TMPFS_MAGIC;
		if (!inMemory) this.#sinceMs = Date.now() - TICK_MS_MAX;
		await syncFileSystem(path);
		this.#before = await scanTree(path, true);
		// Only what was seen: what came since and is gone again at the freeze would stay in the copy.
		await this.#send(channel, startPackingSome(path, true), [...this.#before.keys()], told);
	}

	/** Nobody writes any more. */
	async sendChanges(channel: MoveChannel, told: () => void): Promise<void> {
		const { name, path } = this.#source;
		const now = await scanTree(path, false);
		const { changed, removed } = changesBetween(this.#before, now, this.#sinceMs);
		for (const paths of batchesOf(removed)) await channel.post({ kind: "removed", volume: name, paths });
		await this.#send(channel, startPackingSome(path, false), changed, told);
		await channel.post({ kind: "whole", volume: name, summary: summaryOf(now) });
	}

	cancel(): void {
		this.#tar?.kill();
	}

	async #send(channel: MoveChannel, tar: TarProcess, names: readonly string[], told: () => void): Promise<void> {
		let bytes = 0;
		let checksum = 0;
		this.#tar = tar;
		tar.begin(names);
		await channel.post({ kind: "file", section: "volume", name: this.#source.name });
		for await (const chunk of tar.output()) {
			bytes += chunk.length;
			checksum = crc32(chunk, checksum);
			await channel.sendBytes(chunk);
			told();
		}
		await tar.finish();
		await channel.send({ kind: "file-end", bytes, crc32: checksum });
	}
}

function* batchesOf(paths: readonly string[]): Iterable<readonly string[]> {
	let batch: string[] = [];
	let bytes = 0;
	for (const path of paths) {
		batch.push(path);
		bytes += path.length;
		if (batch.length < REMOVED_MAX && bytes < REMOVED_BYTES_MAX) continue;
		yield batch;
		batch = [];
		bytes = 0;
	}
	if (batch.length > 0) yield batch;
}
