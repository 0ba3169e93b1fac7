// Makes documents as a writer would, for tests that feed envelopes by hand.

import { adoptOwnUpdate } from "../../src/crdt/document.js";
import { createDocumentSet, type DocumentSet, type Unsigned } from "../../src/crdt/documents.js";
import { openGeneration, writeUpdate } from "../../src/crdt/own-document.js";
import { keyOf } from "../../src/crdt/state.js";
import type { NodeId, NodeRole, StateRecord } from "../../src/model.js";
import { createSimChance } from "../cluster/sim/sim-chance.js";
import { signerFor, simVerifier } from "../cluster/sim/sim-signature.js";

export function certificateOf(node: NodeId, role: NodeRole = "member"): Uint8Array {
	return new TextEncoder().encode(`${role} ${node}`);
}

export function aDocumentSet(onUnsigned?: (unsigned: Unsigned) => void): DocumentSet {
	return createDocumentSet({
		...(onUnsigned === undefined ? {} : { onUnsigned }),
		verify: simVerifier,
		admit(writer, certificate) {
			const [role, node] = new TextDecoder().decode(certificate).split(" ");
			return node === writer ? (role as NodeRole) : null;
		},
	});
}

/** The envelopes of a document that starts empty and writes one batch after another. */
export function chainOf(
	writer: NodeId,
	batches: readonly (readonly StateRecord[])[],
	nowMs = 1000,
	role: NodeRole = "member",
): Uint8Array[] {
	const opening = { self: writer, sign: signerFor(writer), certificate: certificateOf(writer, role), role };
	const { document } = openGeneration(
		{ ...opening, chance: createSimChance(`${writer}${nowMs}`), nowMs },
		[],
		new Map(),
	);
	for (const batch of batches) {
		const changes = new Map(batch.map((record) => [keyOf(record), record] as const));
		adoptOwnUpdate(document, changes.keys(), writeUpdate(document, changes, opening.sign));
	}
	return [...document.chain];
}
