// Rules of ownership that a run may break on purpose, to see that the checkers notice. They are broken from outside, by what the
// simulator gives to the product's code: nothing in src/ knows of them.

import type { Clock } from "../../../src/clock.js";
import type { Disk } from "../../../src/crdt/disk.js";
import type { ElectorateRecord, NodeId } from "../../../src/model.js";
import type { ElectoratePort } from "../../../src/node/lease/electorate.js";

export const breaks = {
	/** The monitor does not freeze a container whose lease is over. */
	"no-guard": "an owner that is cut off or hangs runs on beside the next one",
	/** A voter's clock says that another owner's lease is over as soon as it asks. */
	"hasty-voter": "a voter says yes to a second owner within the lease of the first",
	/** Promises do not reach the disk, and a voter that boots knows nothing of them. */
	"forgetful-voter": "a voter that restarts says yes to what it had promised against",
	/** Who joins votes at once where it is known, as nobody was asked. */
	"unasked-voters": "nodes that join on one side of a split make a majority of their own",
	/** Commits are announced before the journal is on the disk. */
	"unsynced-journal": "what was announced is gone after a power cut",
} as const;

export type Break = keyof typeof breaks;

export function isBreak(name: string): name is Break {
	return Object.hasOwn(breaks, name);
}

/** Every node goes by what it sees itself, with a number that rises with it. */
export function electorateOf(self: NodeId, port: ElectoratePort, broken: Break | null): ElectoratePort {
	if (broken !== "unasked-voters") return port;
	const told = (): ElectorateRecord | null => {
		const voters = [...port.members()].sort();
		const number = voters.length;
		if (number > (port.told()?.number ?? 0))
			port.tell({ kind: "electorate", number, voters, before: [], writer: self });
		return port.told();
	};
	return { ...port, told };
}

const HASTE = 1_000;

export function voterClockOf(clock: Clock, broken: Break | null): Clock {
	return broken === "hasty-voter" ? { ...clock, monotonicMs: () => clock.monotonicMs() * HASTE } : clock;
}

export function promisesDiskOf(disk: Disk, broken: Break | null): Disk {
	return broken === "forgetful-voter" ? { ...disk, read: async () => null } : disk;
}

export function journalDiskOf(disk: Disk, broken: Break | null): Disk {
	return broken === "unsynced-journal" ? { ...disk, sync: async () => {} } : disk;
}
