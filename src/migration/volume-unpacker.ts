// Named volumes as they arrive: the first stream of one makes it, a second one brings what changed since. Must never write or remove outside
// the directory that it was given for a volume, and takes no volume that was not offered.

import { realpath, rm } from "node:fs/promises";
import { SwarmError } from "../errors.js";
import { syncFileSystem } from "../runtime/volumes/sync-file-system.js";
import { startUnpacking, type TarProcess } from "./tar-process.js";
import { scanTree, summaryOf } from "./tree-scan.js";

/** Makes the directory for a volume of the move; null for one that was not offered. */
export type IncomingVolume = (name: string) => string | null;

export class VolumeUnpacker {
	readonly #incoming: IncomingVolume;
	readonly #paths = new Map<string, string>();
	#tar: TarProcess | null = null;

	constructor(incoming: IncomingVolume) {
		this.#incoming = incoming;
	}

	/** For a stream of the volume; `close` when it is over. */
	open(name: string): { readonly path: string; readonly tar: TarProcess; readonly close: () => Promise<void> } {
		const isNew = !this.#paths.has(name);
		const path = this.#paths.get(name) ?? this.#incoming(name);
		if (path === null) throw new SwarmError("corrupt", `Cannot receive the volume ${name}: it was not offered`);
		this.#paths.set(name, path);
		const tar = startUnpacking(path);
		this.#tar = tar;
		const close = async () => {
			await tar.finish();
			// The most of it, so that little is left to be written while the container stands still.
			if (isNew) await syncFileSystem(path);
		};
		return { path, tar, close };
	}

	async remove(name: string, paths: readonly string[]): Promise<void> {
		const root = this.#paths.get(name);
		if (root === undefined)
			throw new SwarmError("corrupt", `Cannot change the volume ${name}: nothing of it came before`);
		for (const path of paths) await removeBelow(await realpath(root), path);
	}

	/** Throws `corrupt` unless the copy has all that the source has. */
	async check(name: string, summary: string): Promise<void> {
		const root = this.#paths.get(name);
		if (root === undefined || summaryOf(await scanTree(root, false)) !== summary)
			throw new SwarmError("corrupt", `Cannot receive the volume ${name}: its copy is not what the source has`);
	}

	cancel(): void {
		this.#tar?.kill();
	}
}

/** A link on the way, which a copy of a directory of the source never has, is not followed. */
async function removeBelow(root: string, path: string): Promise<void> {
	const at = path.lastIndexOf("/");
	const parent = Buffer.concat([Buffer.from(root), Buffer.from(`/${path.slice(0, Math.max(0, at))}`, "latin1")]);
	const real = await realpath(parent, { encoding: "buffer" }).catch(() => null);
	if (real === null) return;
	const wanted = at < 0 ? Buffer.from(root) : parent;
	if (!real.equals(wanted)) throw new SwarmError("corrupt", "Cannot change a volume: a link stands in the way");
	await rm(Buffer.concat([wanted, Buffer.from(`/${path.slice(at + 1)}`, "latin1")]), { recursive: true, force: true });
}
