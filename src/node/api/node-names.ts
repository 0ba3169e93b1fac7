// Errors in the words of people: where a message names a node by its peer id, it gets the node's name. Pure.

import { SwarmError } from "../../errors.js";
import type { NodeId, NodeRecord } from "../../model.js";

/** A peer id of an Ed25519 key, in base58btc. */
const peerId = /12D3KooW[1-9A-HJ-NP-Za-km-z]{44}/g;

/** The same error; ids of nodes that nobody knows stay. */
export function withNodeNames(error: SwarmError, nodes: ReadonlyMap<NodeId, NodeRecord>): SwarmError {
	const message = error.message.replace(peerId, (id) => nodes.get(id as NodeId)?.name ?? id);
	if (message === error.message) return error;
	return new SwarmError(error.code, message, { retryable: error.retryable, details: error.details, cause: error });
}
