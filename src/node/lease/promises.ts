// What this node promised as a voter, and who it takes for voters, on its disk: synced before anybody hears of it. Must never: forget one
// that was announced, or refuse to start over a torn end of its file.

import type { Disk } from "../../crdt/disk.js";
import { createJournal, decodeJournal } from "../../crdt/journal.js";
import type { LeasePromise } from "../../crdt/leases.js";
import type { ContainerId, NodeId } from "../../model.js";

export type Promised = LeasePromise & { readonly container: ContainerId };

export interface Promises {
	/** Part of the file was not readable: what this node promised in its last life is not known for sure. */
	readonly isDamaged: boolean;
	/** As found at the start. */
	readonly found: ReadonlyMap<ContainerId, LeasePromise>;
	/** The voters that it last went by; null: none were kept. */
	readonly foundVoters: readonly NodeId[] | null;
	/** Resolves when they are on the disk. */
	keep(promises: readonly Promised[]): Promise<void>;
	/** Resolves when they are on the disk, instead of those before. */
	keepVoters(voters: readonly NodeId[]): Promise<void>;
	/** Of containers that nobody wants any more. */
	drop(containers: readonly ContainerId[]): void;
	close(): Promise<void>;
}

export async function openPromises(disk: Disk): Promise<Promises> {
	const bytes = await disk.read();
	const found = new Map<ContainerId, LeasePromise>();
	let voters: readonly NodeId[] | null = null;
	const { entries, bytesCut } = bytes === null ? { entries: [], bytesCut: 0 } : decodeJournal(bytes);
	for (const entry of entries) voters = votersIn(entry) ?? voters;
	for (const entry of entries) take(found, entry);
	const known = new Map(found);
	const journal = createJournal(disk, bytes?.length ?? 0);
	const whole = () => [
		...(voters === null ? [] : [votersEntryOf(voters)]),
		...[...known].map(([container, { epoch, owner }]) => entryOf({ container, epoch, owner })),
	];
	const write = async (entries: readonly Uint8Array[]) => {
		const size = whole().reduce((sum, entry) => sum + entry.length, 0);
		if (journal.needsRewrite(size)) await journal.rewrite(whole);
		else await journal.append(entries, "synced");
	};
	// A torn end is cut off before anything is written behind it.
	if (bytesCut > 0) await journal.rewrite(whole);
	return {
		isDamaged: bytesCut > 0,
		found,
		foundVoters: voters,
		async keep(promises) {
			for (const { container, epoch, owner } of promises) known.set(container, { epoch, owner });
			await write(promises.map(entryOf));
		},
		async keepVoters(next) {
			voters = next;
			await write([votersEntryOf(next)]);
		},
		drop(containers) {
			for (const container of containers) known.delete(container);
		},
		close: () => journal.close(),
	};
}

function entryOf({ container, epoch, owner }: Promised): Uint8Array {
	return new TextEncoder().encode(JSON.stringify([container, epoch, owner]));
}

function votersEntryOf(voters: readonly NodeId[]): Uint8Array {
	return new TextEncoder().encode(JSON.stringify({ voters }));
}

/** null for another entry. */
function votersIn(entry: Uint8Array): readonly NodeId[] | null {
	try {
		const { voters } = JSON.parse(new TextDecoder().decode(entry)) as { voters?: readonly NodeId[] };
		return voters?.every((voter) => typeof voter === "string") ? voters : null;
	} catch {
		return null;
	}
}

/** The last word counts; what is not of ours was damaged in a way that its checksum did not show. */
function take(into: Map<ContainerId, LeasePromise>, entry: Uint8Array): void {
	try {
		const [container, epoch, owner] = JSON.parse(new TextDecoder().decode(entry)) as [ContainerId, number, NodeId];
		if (typeof container === "string" && Number.isSafeInteger(epoch) && typeof owner === "string")
			into.set(container, { epoch, owner });
	} catch {
		// Left out.
	}
}
