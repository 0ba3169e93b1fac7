// Where directories of removed containers go: renamed away at once, deleted in the background, one after the other. What a
// killed daemon left there is deleted on opening.

import { mkdirSync, readdirSync, renameSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../clock.js";
import type { Logger } from "../log.js";

export interface Trash {
	/** The directory is gone from its place when this returns. Absent is fine. */
	take(path: string, name: string): void;
	/** Resolves when nothing is left to delete. */
	emptied(): Promise<void>;
}

/** `path` is on the file system of what will be thrown in. */
export function openTrash(path: string, clock: Clock, logger: Logger): Trash {
	mkdirSync(path, { recursive: true, mode: 0o700 });
	let deleting: Promise<void> = Promise.resolve();
	let count = 0;
	const startedMs = clock.nowMs();
	const remove = (name: string) => {
		deleting = deleting.then(async () => {
			try {
				await rm(join(path, name), { recursive: true, force: true, maxRetries: 3 });
			} catch (thrown) {
				logger.warn("a removed container's files cannot be deleted; tried again at the next start", {
					name,
					error: String(thrown),
				});
			}
		});
	};
	for (const name of readdirSync(path)) remove(name);
	return {
		take(from, name) {
			count += 1;
			const target = `${name}-${startedMs}-${count}`;
			try {
				renameSync(from, join(path, target));
			} catch (thrown) {
				if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return;
				throw thrown;
			}
			remove(target);
		},
		emptied: () => deleting,
	};
}
