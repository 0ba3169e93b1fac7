// The port to the one file of the journal, and its adapter over node:fs. Must never: buffer what `append` accepted.
// After a rejected append or sync the end of the file is unknown; only `replace` makes it known again.

import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

export interface Disk {
	/** The whole file; null when there is none. */
	read(): Promise<Uint8Array | null>;
	/** Adds at the end; a crash of the machine can lose it, or leave part of it, until `sync`. */
	append(bytes: Uint8Array): Promise<void>;
	/** Everything appended before survives a crash of the machine. */
	sync(): Promise<void>;
	/** The file holds exactly these bytes, also after a crash; when it rejects, the old ones or the new ones. */
	replace(bytes: Uint8Array): Promise<void>;
	close(): Promise<void>;
}

/** Opens (or makes) the file at `path`, mode 0600. */
export async function openDisk(path: string): Promise<Disk> {
	await mkdir(dirname(path), { recursive: true });
	let file = await open(path, "a", 0o600);
	return {
		async read() {
			const bytes = await readFile(path);
			return bytes.length > 0 ? new Uint8Array(bytes) : null;
		},
		async append(bytes) {
			for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten;
		},
		sync: () => file.datasync(),
		async replace(bytes) {
			await writeDurably(`${path}.new`, bytes);
			await rename(`${path}.new`, path);
			await syncDirectory(dirname(path));
			const old = file;
			file = await open(path, "a", 0o600);
			await old.close();
		},
		close: () => file.close(),
	};
}

/** A new file at `path`, or instead of the one there; durable but for its name. */
export async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
	await rm(path, { force: true });
	const file = await open(path, "wx", 0o600);
	try {
		await file.writeFile(bytes);
		await file.sync();
	} finally {
		await file.close();
	}
}

/** Names that were made or removed in it survive a crash of the machine. */
export async function syncDirectory(path: string): Promise<void> {
	const directory = await open(path, "r");
	try {
		await directory.sync();
	} finally {
		await directory.close();
	}
}
