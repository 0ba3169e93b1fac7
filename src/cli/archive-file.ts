// An archive that a command leaves behind: a file, or standard output for `-`. A file stands there whole or not at all.

import { open, rename, rm } from "node:fs/promises";
import { SwarmError } from "../errors.js";
import { drained } from "../runtime/drained.js";

/** Resolves with the bytes written. */
export async function writeArchive(file: string, archive: AsyncIterable<Uint8Array>): Promise<number> {
	return file === "-" ? toStandardOutput(archive) : toFile(file, archive);
}

async function toStandardOutput(archive: AsyncIterable<Uint8Array>): Promise<number> {
	let bytes = 0;
	for await (const part of archive) {
		bytes += part.length;
		if (!process.stdout.write(part)) await drained(process.stdout);
	}
	return bytes;
}

async function toFile(file: string, archive: AsyncIterable<Uint8Array>): Promise<number> {
	const temporary = `${file}.new`;
	let bytes = 0;
	try {
		const handle = await open(temporary, "w", 0o600);
		try {
			for await (const part of archive) {
				await handle.writeFile(part);
				bytes += part.length;
			}
			await handle.sync();
		} finally {
			await handle.close();
		}
		await rename(temporary, file);
		return bytes;
	} catch (thrown) {
		await rm(temporary, { force: true });
		if (thrown instanceof SwarmError) throw thrown;
		throw new SwarmError("failed", `Cannot write ${file}: ${(thrown as Error).message}`, { cause: thrown });
	}
}
