// Removes a container's directory. Most are a dozen entries, for which synchronous calls take a tenth of the time of the thread
// pool; a large one must not hold up the event loop.

import { readdirSync, rmdirSync, unlinkSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";

/** Entries removed on the main thread, at about 10 µs each. */
const ENTRIES_MAX = 100;

/** Absent is fine. Never follows a symbolic link. */
export async function removeTree(path: string): Promise<void> {
	if (removeSmall(path, { left: ENTRIES_MAX })) return;
	await rm(path, { recursive: true, force: true, maxRetries: 3 });
}

/** False when there is more than the budget or something stands in the way. */
function removeSmall(path: string, budget: { left: number }): boolean {
	try {
		for (const entry of readdirSync(path, { withFileTypes: true })) {
			budget.left -= 1;
			if (budget.left < 0) return false;
			const child = join(path, entry.name);
			if (!entry.isDirectory()) unlinkSync(child);
			else if (!removeSmall(child, budget)) return false;
		}
		rmdirSync(path);
		return true;
	} catch (thrown) {
		return (thrown as NodeJS.ErrnoException).code === "ENOENT";
	}
}
