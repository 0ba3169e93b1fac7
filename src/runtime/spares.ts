// Directories for the next containers, made beforehand: making one is some thirty changes to a file system and was most of
// the time of a start. What a killed daemon left of them goes to the trash. Knows nothing of what is in them.

import { mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../clock.js";
import { SwarmError } from "../errors.js";
import type { Logger } from "../log.js";
import type { ContainerId } from "../model.js";
import type { Native } from "../native/native.js";
import type { Trash } from "./trash.js";

export interface Spares {
	/** The directory of a new container, with all that native/README.md lists. `conflict` when there is one already. */
	place(container: ContainerId, path: string): Promise<void>;
	/** Makes no more; resolves when none is being made. */
	close(): Promise<void>;
}

/** Starts that follow each other closely find one ready; more would only wait for the same disk. */
export const SPARES_KEPT = 4;

export interface SparesOptions {
	/** Holds `containers/` and `spares/`, both on one file system. */
	readonly stateDirectory: string;
	readonly native: Pick<Native, "directorySpread" | "containerDirectoryMake">;
	readonly trash: Trash;
	readonly clock: Clock;
	readonly logger: Logger;
}

export function openSpares({ stateDirectory, native, trash, clock, logger }: SparesOptions): Spares {
	const sparesPath = join(stateDirectory, "spares");
	for (const path of [join(stateDirectory, "containers"), sparesPath]) {
		mkdirSync(path, { recursive: true, mode: 0o700 });
		native.directorySpread(path);
	}
	for (const name of readdirSync(sparesPath)) trash.take(join(sparesPath, name), "spare");
	const startedMs = clock.nowMs();
	const ready: string[] = [];
	let count = 0;
	let closed = false;
	let filling: Promise<void> | null = null;
	const makeAll = async () => {
		while (ready.length < SPARES_KEPT && !closed) {
			const path = join(sparesPath, `${startedMs}-${++count}`);
			await native.containerDirectoryMake(path);
			ready.push(path);
		}
	};
	const fill = () => {
		if (closed) return;
		filling ??= makeAll()
			.catch((error: unknown) => logger.warn("no directory for the next container", { error: String(error) }))
			.finally(() => {
				filling = null;
			});
	};
	fill();
	return {
		async place(container, path) {
			const spare = ready.shift();
			try {
				if (spare === undefined) await native.containerDirectoryMake(path);
				else renameSync(spare, path);
			} catch (thrown) {
				if (spare !== undefined) trash.take(spare, "spare");
				throw isTaken(thrown) ? conflict(container, path) : thrown;
			} finally {
				fill();
			}
		},
		async close() {
			closed = true;
			await filling;
		},
	};
}

function isTaken(thrown: unknown): boolean {
	const code = (thrown as { code?: unknown }).code;
	return code === "ENOTEMPTY" || code === "EEXIST" || code === "conflict";
}

function conflict(container: ContainerId, path: string): SwarmError {
	return new SwarmError("conflict", `Cannot create ${container}: ${path} exists, wanted none`);
}
