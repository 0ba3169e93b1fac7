// Where directories of removed containers go: renamed away at once, deleted when no other container was removed for a moment,
// one after the other, so that deleting does not hold up the making of the next container (on a busy disk it made a start
// five times as slow). What a killed daemon left there is deleted after opening.

import { mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../clock.js";
import type { Logger } from "../log.js";

export interface Trash {
	/** The directory is gone from its place when this returns. Absent is fine. */
	take(path: string, name: string): void;
	/** Deletes at once; resolves when nothing is left. */
	emptied(): Promise<void>;
}

const QUIET_MS = 500;
/** More than this is deleted without waiting for quiet. */
export const WAITING_MAX = 256;

export interface TrashOptions {
	/** Deletes a directory with all that is in it, never what its links lead to; absent is fine. */
	readonly remove: (path: string) => Promise<void>;
	readonly clock: Clock;
	readonly logger: Logger;
}

/** `path` is on the file system of what will be thrown in. */
export function openTrash(path: string, { remove, clock, logger }: TrashOptions): Trash {
	mkdirSync(path, { recursive: true, mode: 0o700 });
	const waiting = [...readdirSync(path)];
	const startedMs = clock.nowMs();
	let count = 0;
	let deleting: Promise<void> | null = null;
	let cancel = () => {};
	const empty = async () => {
		for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
			try {
				await remove(join(path, name));
			} catch (thrown) {
				const why = { name, error: String(thrown) };
				logger.warn("a removed container's files cannot be deleted; tried again at the next start", why);
			}
		}
	};
	const begin = () => {
		cancel();
		// Set back behind the assignment: with nothing waiting `empty` ends before it has given its promise.
		deleting ??= empty().finally(() => {
			deleting = null;
		});
		return deleting;
	};
	const beginWhenQuiet = () => {
		cancel();
		if (waiting.length > WAITING_MAX) void begin();
		else cancel = clock.after(QUIET_MS, () => void begin());
	};
	if (waiting.length > 0) beginWhenQuiet();
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
			waiting.push(target);
			beginWhenQuiet();
		},
		async emptied() {
			// What comes while the last ones go.
			while (waiting.length > 0 || deleting !== null) await begin();
		},
	};
}
