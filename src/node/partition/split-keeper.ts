// Keeps this node's splits in a file of its state directory, so that they can be told after a restart of the daemon.

import { readFile } from "node:fs/promises";
import type { Logger } from "../../log.js";
import type { NodeId } from "../../model.js";
import type { EventLog } from "../events.js";
import { writeDurably } from "../settings.js";
import { type SplitRecord, withEvent } from "./split-log.js";

export interface SplitKeeper {
	splits(): readonly SplitRecord[];
	/** Waits for what is being written. */
	stop(): Promise<void>;
}

export async function keepSplits(path: string, events: EventLog, self: NodeId, logger: Logger): Promise<SplitKeeper> {
	let splits = closed(await read(path, logger));
	let writing: Promise<void> | null = null;
	let written = splits;

	const write = async () => {
		while (written !== splits) {
			const next = splits;
			try {
				await writeDurably(path, JSON.stringify(next));
			} catch (thrown) {
				logger.warn("the record of a split cannot be written", { error: String(thrown) });
			}
			written = next;
		}
		writing = null;
	};

	const undo = events.onAdd((event) => {
		splits = withEvent(splits, event, self);
		if (written !== splits) writing ??= write();
	});
	return {
		splits: () => splits,
		async stop() {
			undo();
			await writing;
		},
	};
}

async function read(path: string, logger: Logger): Promise<readonly SplitRecord[]> {
	try {
		return JSON.parse(await readFile(path, "utf8")) as readonly SplitRecord[];
	} catch (thrown) {
		if ((thrown as NodeJS.ErrnoException).code !== "ENOENT")
			logger.warn("the record of earlier splits cannot be read", { error: String(thrown) });
		return [];
	}
}

/** A daemon that ended in the middle of a split knows no more of it. */
function closed(splits: readonly SplitRecord[]): readonly SplitRecord[] {
	return splits.map((split) => {
		if (split.endedAtMs !== null) return split;
		const endedAtMs = Math.max(split.beganAtMs, ...split.acts.map(({ timeMs }) => timeMs));
		return { ...split, endedAtMs, missed: split.missed.map((one) => ({ ...one, toMs: one.toMs ?? endedAtMs })) };
	});
}
