// Small files that only their owner may read (keys, token hashes): written whole and synced, never half.
// Must never: follow a link, leave a readable copy behind, accept a file that others can read.

import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { link, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { SwarmError } from "../errors.js";

/** Far above what is kept in one; a larger file is not ours. */
const SECRET_FILE_BYTES_MAX = 1024 * 1024;

/** The content; null when there is no such file. Code `refused` when group or others can read it. */
export async function readSecretFile(path: string): Promise<Uint8Array | null> {
	const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch((thrown) => {
		if (thrown.code === "ENOENT") return null;
		throw new SwarmError("failed", `Cannot read ${path}: ${thrown.message}`, { cause: thrown });
	});
	if (file === null) return null;
	try {
		const { mode, size } = await file.stat();
		if ((mode & 0o077) !== 0) {
			const octal = (mode & 0o777).toString(8);
			throw new SwarmError("refused", `Cannot use ${path}: others can read it (mode ${octal}), run chmod 600 on it`);
		}
		if (size > SECRET_FILE_BYTES_MAX) throw new SwarmError("corrupt", `Cannot use ${path}: ${size} bytes are too many`);
		return await file.readFile();
	} finally {
		await file.close();
	}
}

/** Replaces the file; after a crash it holds the old content or the new. */
export async function writeSecretFile(path: string, content: string | Uint8Array): Promise<void> {
	const temporary = await writeTemporary(path, content);
	try {
		await rename(temporary, path);
	} catch (thrown) {
		await rm(temporary, { force: true });
		throw thrown;
	}
	await syncDirectory(dirname(path));
}

/** Writes the file unless it exists; false when it does (then nothing was written). */
export async function writeSecretFileOnce(path: string, content: string | Uint8Array): Promise<boolean> {
	const temporary = await writeTemporary(path, content);
	try {
		await link(temporary, path);
	} catch (thrown) {
		if (thrown instanceof Error && "code" in thrown && thrown.code === "EEXIST") return false;
		throw thrown;
	} finally {
		await rm(temporary, { force: true });
	}
	await syncDirectory(dirname(path));
	return true;
}

async function writeTemporary(path: string, content: string | Uint8Array): Promise<string> {
	await mkdir(dirname(path), { recursive: true, mode: 0o700 });
	const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
	const file = await open(temporary, "wx", 0o600);
	try {
		await file.writeFile(content);
		await file.sync();
	} catch (thrown) {
		await rm(temporary, { force: true });
		throw thrown;
	} finally {
		await file.close();
	}
	return temporary;
}

async function syncDirectory(path: string): Promise<void> {
	const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
	try {
		await directory.sync();
	} finally {
		await directory.close();
	}
}
