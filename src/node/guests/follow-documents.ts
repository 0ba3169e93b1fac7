// A guest's copy of the cluster's state: the documents of all nodes, every envelope verified against its writer's key before Yjs sees it.
// Must never: write to a document; they are the writers' own.

import type { HeldDocument } from "../../crdt/document.js";
import { createDocumentSet, yjsOf } from "../../crdt/documents.js";
import { messagesOf } from "../../crdt/sync-codec.js";
import { SwarmError } from "../../errors.js";
import { readOwnCertificate } from "../../mesh/cluster-authority.js";
import { createVerifier } from "../../mesh/identity.js";
import type { NodeId } from "../../model.js";

/** A document that is new or changed. */
export interface DocumentChange {
	/** The node that alone writes it. */
	readonly writer: NodeId;
	/** A new generation is a new document that stands for the earlier ones. */
	readonly generation: number;
	/** Its records lie in the map `records`, under keys such as `spec/web` and `container/web.0`. Read only. */
	readonly document: HeldDocument["yjs"];
	/** Keys of records that are new, changed or gone. */
	readonly changed: readonly string[];
}

/** Ends when the signal aborts; rejects with `unreachable` when the connection is lost and `corrupt` for what its writer did not sign. */
export async function* documentChanges(
	open: (signal: AbortSignal) => Promise<AsyncIterable<Uint8Array>>,
	signal: AbortSignal,
): AsyncIterable<DocumentChange> {
	// Who is a member is the member's business that sends them: its peer id is known.
	const documents = createDocumentSet({
		verify: createVerifier(),
		admit: (_, bytes) => readOwnCertificate(bytes).role,
	});
	try {
		const next = messagesOf(pulled(await open(signal)));
		for (let message = await next(); message !== null; message = await next()) {
			if (message.kind !== "chain") throw new SwarmError("corrupt", "Cannot follow the state: it sent a digest");
			const acceptance = documents.accept(message.chain, "verify");
			if (acceptance.kind === "refused") throw acceptance.error;
			if (acceptance.kind !== "accepted") continue;
			const [latest] = documents.of(acceptance.writer);
			if (latest === undefined) continue;
			const { writer, generation } = latest;
			yield { writer, generation, document: yjsOf(latest), changed: [...acceptance.changed] };
		}
	} catch (thrown) {
		if (!signal.aborted) throw thrown;
	}
}

function pulled(parts: AsyncIterable<Uint8Array>): { read(): Promise<Uint8Array | null> } {
	const iterator = parts[Symbol.asyncIterator]();
	return {
		async read() {
			const { value, done } = await iterator.next();
			return done ? null : value;
		},
	};
}
