// How much of each writer's document every member is known to hold, from what peers say of themselves while they synchronise.
// Kept in memory: after a start it is learned anew. Must never: count what a peer holds before it said so.

import type { NodeId } from "../model.js";
import type { Digest, DocumentSet } from "./documents.js";

export interface Acknowledgements {
	/** What a peer holds, in its own words. */
	heard(peer: NodeId, digest: Digest): void;
	/** All `members` hold every spec of `writer` up to this hybrid time, in milliseconds: infinity when there is nobody to ask. */
	ofAllMs(writer: NodeId, members: readonly NodeId[]): number;
}

export function createAcknowledgements(documents: Pick<DocumentSet, "of">): Acknowledgements {
	const byPeer = new Map<NodeId, Map<NodeId, number>>();
	const latest = new Map<NodeId, { readonly generation: number; readonly sequence: number; readonly ms: number }>();

	/** Of the latest document of a writer that is held here: where it ends, and the time of its latest spec. */
	const endOf = (writer: NodeId) => {
		const document = documents.of(writer)[0];
		if (document === undefined) return null;
		const known = latest.get(writer);
		if (known?.generation === document.generation && known.sequence === document.sequence) return known;
		const times = [...document.records.values()].flatMap((record) => (record.kind === "spec" ? [record.time.ms] : []));
		const { generation, sequence } = document;
		const end = { generation, sequence, ms: times.reduce((all, ms) => Math.max(all, ms), 0) };
		latest.set(writer, end);
		return end;
	};

	return {
		heard(peer, digest) {
			const held = byPeer.get(peer) ?? new Map<NodeId, number>();
			byPeer.set(peer, held);
			for (const { writer, generation, sequence } of digest) {
				const end = endOf(writer);
				// Who is behind says so again once it is not.
				if (end === null || end.generation !== generation || end.sequence > sequence) continue;
				held.set(writer, Math.max(end.ms, held.get(writer) ?? 0));
			}
		},
		ofAllMs(writer, members) {
			const others = members.filter((member) => member !== writer);
			return others.reduce(
				(all, member) => Math.min(all, byPeer.get(member)?.get(writer) ?? 0),
				Number.POSITIVE_INFINITY,
			);
		},
	};
}
