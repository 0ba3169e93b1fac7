// What this node tells the cluster of its volumes: one record for each that it holds whole. Pure.

import type { ClusterView, RecordKey } from "../crdt/state.js";
import type { NodeId, VolumeRecord } from "../model.js";
import type { VolumeState } from "../runtime/volumes/volumes.js";

export interface VolumeChanges {
	readonly records: readonly VolumeRecord[];
	readonly stale: readonly RecordKey[];
}

/** Only what differs from what the view has of `self`. */
export function volumeChanges(
	view: Pick<ClusterView, "volumes">,
	self: NodeId,
	held: readonly VolumeState[],
): VolumeChanges {
	const told = new Map(view.volumes.filter(({ node }) => node === self).map((record) => [record.name, record]));
	const names = new Set(held.map(({ name }) => name));
	return {
		records: held
			.filter(({ name, createdAtMs }) => told.get(name)?.createdAtMs !== createdAtMs)
			.map(({ name, labels, createdAtMs }) => ({ kind: "volume", name, node: self, labels, createdAtMs })),
		stale: [...told.keys()].filter((name) => !names.has(name)).map((name) => `volume/${name}` as const),
	};
}
