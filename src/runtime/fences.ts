// The highest epoch seen of containers that are no longer here, so that a late call from before a move cannot make one anew.
// A file of lines `<container> <epoch>`, appended on removal, compacted on opening. Containers that are here have their epoch
// in record.json.

import { appendFileSync, readFileSync } from "node:fs";
import { SwarmError } from "../errors.js";
import type { ContainerId } from "../model.js";
import { replaceFile } from "./replace-file.js";

/** Older removals are forgotten: by then no call of their time can be under way. */
export const FENCES_MAX = 10_000;

export interface Fences {
	/** 0 for a container that was never removed here. */
	epochOf(container: ContainerId): number;
	raise(container: ContainerId, epoch: number): void;
}

export function openFences(path: string): Fences {
	const epochs = compacted(readLines(path));
	// Durable: a power cut must not take those that were on the disk before.
	replaceFile(path, [...epochs].map(([container, epoch]) => `${container} ${epoch}\n`).join(""), true);
	return {
		epochOf: (container) => epochs.get(container) ?? 0,
		raise(container, epoch) {
			if ((epochs.get(container) ?? 0) >= epoch) return;
			epochs.set(container, epoch);
			appendFileSync(path, `${container} ${epoch}\n`);
		},
	};
}

/** Throws `fenced` when `epoch` is lower than `seen`. */
export function refuseFenced(action: string, container: ContainerId, epoch: number, seen: number): void {
	if (!Number.isSafeInteger(epoch) || epoch < 1)
		throw new SwarmError("usage", `Cannot ${action} ${container}: epoch is ${epoch}, wanted a whole number from 1`);
	if (epoch >= seen) return;
	throw new SwarmError("fenced", `Cannot ${action} ${container}: epoch ${epoch} is over, wanted ${seen} or higher`, {
		details: { container, epoch, seen },
	});
}

function compacted(lines: readonly string[]): Map<ContainerId, number> {
	const epochs = new Map<ContainerId, number>();
	for (const line of lines.slice(-2 * FENCES_MAX)) {
		const [container, text] = line.split(" ");
		const epoch = Number(text);
		if (!container || !Number.isSafeInteger(epoch)) continue; // a torn last line
		const highest = Math.max(epoch, epochs.get(container as ContainerId) ?? 0);
		epochs.delete(container as ContainerId);
		epochs.set(container as ContainerId, highest);
	}
	return new Map([...epochs].slice(-FENCES_MAX));
}

function readLines(path: string): readonly string[] {
	try {
		return readFileSync(path, "utf8").split("\n");
	} catch (thrown) {
		if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return [];
		throw thrown;
	}
}
