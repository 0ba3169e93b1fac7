// Unpacks one layer's tar into a directory that nobody else writes to: files, links, owners, modes, times; whiteouts and
// opaque directories in the form that overlayfs reads. Never writes outside that directory: every parent of an entry
// is a directory that this call made, so no link of the archive is ever followed.
//
// Extended attributes of the archive are not applied: containers run with no_new_privs, under which file
// capabilities have no effect. Device nodes are skipped: a container gets its /dev from the runtime.

import { createHash } from "node:crypto";
import {
	chmodSync,
	closeSync,
	fchmodSync,
	fchownSync,
	futimesSync,
	lchownSync,
	linkSync,
	lstatSync,
	lutimesSync,
	mkdirSync,
	openSync,
	symlinkSync,
	unlinkSync,
} from "node:fs";
import { SwarmError } from "../../../errors.js";
import type { Digest } from "../../../model.js";
import { LAYER_BYTES_MAX, LAYER_ENTRIES_MAX } from "../limits.js";
import { guardSpace, type SpaceGuard } from "../space.js";
import { readTar, type TarHeader } from "../tar.js";
import { writeContent } from "./content.js";
import { type Entry, entryOf, type Ownership, refuseEntry } from "./entry.js";
import { makeSpecials, type Special } from "./special.js";

export interface UnpackResult {
	/** Of the uncompressed tar: to be compared with the config's diff_id. */
	readonly diffId: Digest;
	readonly entries: number;
	readonly bytes: number;
	/** Device nodes that were left out. */
	readonly devicesSkipped: number;
}

/** Of directories that no entry describes; the layer's own root has it too. */
const IMPLICIT: Ownership = { mode: 0o755, uid: 0, gid: 0, mtimeSeconds: 0 };

/** `directory` exists and is empty. On an error it holds rubbish, and the caller removes it. */
export async function unpackLayer(
	tarBytes: AsyncIterable<Buffer>,
	directory: string,
	signal: AbortSignal,
): Promise<UnpackResult> {
	const hash = createHash("sha256");
	const layer = new LayerWriter(directory);
	await readTar(hashing(tarBytes, hash), async (header, data) => {
		signal.throwIfAborted();
		await layer.add(header, data);
	});
	await layer.finish();
	const diffId = `sha256:${hash.digest("hex")}` as Digest;
	return { diffId, entries: layer.entries, bytes: layer.space.takenBytes, devicesSkipped: layer.devicesSkipped };
}

async function* hashing(source: AsyncIterable<Buffer>, hash: ReturnType<typeof createHash>): AsyncGenerator<Buffer> {
	for await (const piece of source) {
		hash.update(piece);
		yield piece;
	}
}

class LayerWriter {
	entries = 0;
	devicesSkipped = 0;
	readonly space: SpaceGuard;
	readonly #root: Buffer;
	readonly #directory: string;
	/** Directories made so far, with what they get at the end: writing into one changes its time. */
	readonly #directories = new Map<string, Ownership>();
	readonly #opaque = new Set<string>();
	readonly #whiteouts = new Set<string>();
	readonly #fifos = new Map<string, Ownership>();

	constructor(directory: string) {
		this.#directory = directory;
		this.#root = Buffer.from(`${directory}/`);
		this.#directories.set("", IMPLICIT);
		this.space = guardSpace(directory, "the layer", LAYER_BYTES_MAX);
	}

	async add(header: TarHeader, data: AsyncIterable<Buffer>): Promise<void> {
		this.entries += 1;
		if (this.entries > LAYER_ENTRIES_MAX) {
			throw new SwarmError("too-large", `Cannot unpack the layer: it has more than ${LAYER_ENTRIES_MAX} entries`);
		}
		const entry = entryOf(header);
		switch (entry.kind) {
			case "skip":
				if (entry.why === "device") this.devicesSkipped += 1;
				return;
			case "whiteout":
				this.#makeParents(entry.path, header.name);
				this.#whiteouts.add(entry.path);
				return;
			case "opaque":
				this.#makeDirectory(entry.path, null, header.name);
				this.#opaque.add(entry.path);
				return;
			case "directory":
				this.#makeDirectory(entry.path, entry.owner, header.name);
				return;
			default:
				await this.#addLeaf(entry, header, data);
		}
	}

	async #addLeaf(
		entry: Extract<Entry, { kind: "file" | "symlink" | "hardlink" | "fifo" }>,
		header: TarHeader,
		data: AsyncIterable<Buffer>,
	): Promise<void> {
		this.#makeParents(entry.path, header.name);
		const path = this.#at(entry.path);
		if (entry.kind === "hardlink") this.#checkLinkTarget(entry, header.name);
		if (this.#directories.has(entry.path)) throw refuseEntry(header.name, "replaces a directory of the same layer");
		this.#fifos.delete(entry.path);
		removeIfThere(path);
		switch (entry.kind) {
			case "file":
				return this.#writeFile(path, entry.owner, header, data);
			case "symlink":
				symlinkSync(Buffer.from(entry.target, "latin1"), path);
				lchownSync(path, entry.owner.uid, entry.owner.gid);
				lutimesSync(path, entry.owner.mtimeSeconds, entry.owner.mtimeSeconds);
				return;
			case "hardlink":
				linkSync(this.#at(entry.target), path);
				return;
			case "fifo":
				this.#fifos.set(entry.path, entry.owner);
		}
	}

	async #writeFile(path: Buffer, owner: Ownership, header: TarHeader, data: AsyncIterable<Buffer>): Promise<void> {
		// O_EXCL: the name is new here, so nothing can be written through.
		const file = openSync(path, "wx", 0o600);
		try {
			await writeContent(file, header, data, this.space);
			fchownSync(file, owner.uid, owner.gid);
			fchmodSync(file, owner.mode);
			futimesSync(file, owner.mtimeSeconds, owner.mtimeSeconds);
		} finally {
			closeSync(file);
		}
	}

	/** A hard link may only name a file that this layer has already brought. */
	#checkLinkTarget(entry: { readonly path: string; readonly target: string }, name: string): void {
		const slash = entry.target.lastIndexOf("/");
		const parent = slash < 0 ? "" : entry.target.slice(0, slash);
		const stat = this.#directories.has(parent)
			? lstatSync(this.#at(entry.target), { throwIfNoEntry: false })
			: undefined;
		if (stat === undefined || stat.isDirectory() || entry.target === entry.path) {
			throw refuseEntry(name, "is a hard link to a file that is not in this layer");
		}
	}

	#makeParents(path: string, name: string): void {
		const slash = path.lastIndexOf("/");
		if (slash > 0) this.#makeDirectory(path.slice(0, slash), null, name);
	}

	/** `owner` null: only has to exist. */
	#makeDirectory(path: string, owner: Ownership | null, name: string): void {
		if (this.#directories.has(path)) {
			if (owner !== null) this.#directories.set(path, owner);
			return;
		}
		this.#makeParents(path, name);
		const place = this.#at(path);
		const stat = lstatSync(place, { throwIfNoEntry: false });
		if (stat !== undefined) {
			if (owner === null) throw refuseEntry(name, "goes through something that is no directory");
			unlinkSync(place);
		}
		this.#fifos.delete(path);
		mkdirSync(place, 0o700);
		this.#directories.set(path, owner ?? IMPLICIT);
	}

	#at(path: string): Buffer {
		return Buffer.concat([this.#root, Buffer.from(path, "latin1")]);
	}

	async finish(): Promise<void> {
		await makeSpecials(this.#directory, this.#specials());
		// Deepest first: the times of a directory hold once nothing is written below it.
		for (const [path, owner] of [...this.#directories].sort(([a], [b]) => b.length - a.length)) {
			const place = this.#at(path);
			lchownSync(place, owner.uid, owner.gid);
			chmodSync(place, owner.mode);
			lutimesSync(place, owner.mtimeSeconds, owner.mtimeSeconds);
		}
	}

	#specials(): Special[] {
		const specials: Special[] = [];
		for (const path of this.#whiteouts) {
			// A file of this layer hides the lower one by itself; a directory must not mix with the lower one.
			if (this.#directories.has(path)) this.#opaque.add(path);
			else if (this.#fifos.has(path) || lstatSync(this.#at(path), { throwIfNoEntry: false })) continue;
			else specials.push({ kind: "whiteout", path });
		}
		for (const path of this.#opaque) {
			specials.push({ kind: "opaque", path, owner: this.#directories.get(path) ?? IMPLICIT });
		}
		for (const [path, owner] of this.#fifos) specials.push({ kind: "fifo", path, owner });
		return specials;
	}
}

function removeIfThere(path: Buffer): void {
	if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) unlinkSync(path);
}
