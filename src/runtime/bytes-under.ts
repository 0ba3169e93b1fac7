// How large what lies in a directory is: for verdicts and for people.

import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

/** More take seconds to look at. */
export const FILES_MEASURED_MAX = 50_000;

/** Of FILES_MEASURED_MAX files at most; what cannot be looked at counts nothing. */
export async function bytesUnder(directory: string): Promise<number> {
	let bytes = 0;
	let looked = 0;
	const waiting = [directory];
	for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
		const entries = await readdir(next, { withFileTypes: true }).catch(() => []);
		for (const entry of entries) {
			if (++looked > FILES_MEASURED_MAX) return bytes;
			const path = join(next, entry.name);
			if (entry.isDirectory()) waiting.push(path);
			else bytes += (await lstat(path).catch(() => null))?.size ?? 0;
		}
	}
	return bytes;
}
