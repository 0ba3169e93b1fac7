// What a voter has promised by the word of the owners, who counted its yes, against what its disk holds after its power was cut: every yes
// that anybody heard must stand there. Reads only.

import type { Disk } from "../../../src/crdt/disk.js";
import type { ContainerId, NodeId } from "../../../src/model.js";
import { openPromises } from "../../../src/node/lease/promises.js";
import type { Cluster } from "../cluster.js";

const LOOK_MS = 100;

export interface HeardPromises {
	/** Of what was heard up to now: what a file of promises lacks, in words. */
	check(): (file: Uint8Array | null) => Promise<readonly string[]>;
	/** A voter may forget what nobody wants any more. */
	forget(workload: string): void;
	readonly count: number;
	stop(): Promise<void>;
}

interface Promised {
	readonly epoch: number;
	readonly owner: NodeId;
}

/** Asks `owners` again and again whether `voter` has said yes to the exclusive containers that they have. */
export function hearPromises(cluster: () => Cluster, owners: readonly string[], voter: string): HeardPromises {
	const heard = new Map<ContainerId, Promised>();
	let count = 0;
	let stopped = false;
	const hear = async (by: string) => {
		const { client, id } = cluster().node(by);
		for (const { container, owner } of await client.containers()) {
			if (owner !== id) continue;
			const { claim, lease } = await client.inspect(container);
			const names = /agree \(([^)]*)\)/.exec(lease ?? "")?.[1]?.split(", ") ?? [];
			if (claim === null || claim.owner !== id || !names.includes(voter)) continue;
			if ((heard.get(container)?.epoch ?? 0) >= claim.epoch) continue;
			heard.set(container, { epoch: claim.epoch, owner: claim.owner });
			count++;
		}
	};
	const hearAlways = async (by: string) => {
		while (!stopped) {
			// One that is off says nothing, and takes its time for that.
			await hear(by).catch(() => {});
			await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
		}
	};
	const hearing = Promise.all(owners.map(hearAlways));
	return {
		check() {
			const before = new Map(heard);
			return async (file) => {
				const { found } = await openPromises(diskOf(file));
				return [...before].flatMap(([container, { epoch, owner }]) => {
					const kept = found.get(container);
					const isKept = kept !== undefined && (kept.epoch > epoch || (kept.epoch === epoch && kept.owner === owner));
					return isKept ? [] : [`${container}: promised epoch ${epoch} of ${owner}, kept ${JSON.stringify(kept)}`];
				});
			};
		},
		forget(workload) {
			for (const container of heard.keys()) if (container.startsWith(`${workload}.`)) heard.delete(container);
		},
		get count() {
			return count;
		},
		async stop() {
			stopped = true;
			await hearing;
		},
	};
}

/** What is written stays nowhere. */
function diskOf(bytes: Uint8Array | null): Disk {
	const nothing = async () => {};
	return { read: async () => bytes, append: nothing, sync: nothing, replace: nothing, close: nothing };
}
