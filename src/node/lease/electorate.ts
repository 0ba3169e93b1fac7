// The voters that this node goes by, as asker and as voter: those of the view, once they are on its disk. A yes counts between nodes that
// go by the same ones: two majorities share a voter only when they are majorities of one set.
// Must never: go by voters that the disk does not hold. A node that lost the end of its state in a power cut would
// take the few nodes that it still knows for all, and give itself a lease.

import { createHash } from "node:crypto";
import type { Logger } from "../../log.js";
import type { NodeId } from "../../model.js";
import type { Promises } from "./promises.js";

/** What a number of the wire holds. */
const DIGEST_BYTES = 6;

export interface Electorate {
	readonly voters: readonly NodeId[];
	/** Names these voters and no others; the same on every node. */
	readonly digest: number;
}

export interface ElectorateKeeper {
	/** null until the first ones are on the disk. */
	current(): Electorate | null;
	/** Looks whether the view has others by now. `onChange` follows when they are on the disk. */
	refresh(): void;
}

export interface ElectorateOptions {
	readonly promises: Pick<Promises, "foundVoters" | "keepVoters">;
	readonly logger: Logger;
	/** By the view and what was kept (voters.ts). */
	readonly votersNow: (kept: readonly NodeId[]) => readonly NodeId[];
	readonly onChange: () => void;
}

export function createElectorate({ promises, logger, votersNow, onChange }: ElectorateOptions): ElectorateKeeper {
	let current = promises.foundVoters === null ? null : electorateOf(promises.foundVoters);
	let isKeeping = false;

	const keep = async (next: Electorate) => {
		isKeeping = true;
		try {
			await promises.keepVoters(next.voters);
			current = next;
			onChange();
		} catch (thrown) {
			logger.warn("the voters changed and the disk does not take them: the old ones count", { reason: String(thrown) });
		} finally {
			isKeeping = false;
		}
	};
	return {
		current: () => current,
		refresh() {
			if (isKeeping) return;
			const voters = [...votersNow(current?.voters ?? [])].sort();
			const isSame = voters.length === current?.voters.length && voters.every((one, at) => one === current?.voters[at]);
			if (!isSame) void keep(electorateOf(voters));
		},
	};
}

/** Pure. */
export function electorateOf(voters: readonly NodeId[]): Electorate {
	const sorted = [...voters].sort();
	const hash = createHash("sha256").update(sorted.join(" ")).digest();
	return { voters: sorted, digest: hash.readUIntBE(0, DIGEST_BYTES) };
}
