// Signatures for simulated nodes: a keyed hash instead of Ed25519, which would take most of a run's time. A forger in a test is
// one who lacks the node's secret, exactly as with real keys.

import { createHash } from "node:crypto";
import type { Signer, Verifier } from "../../../src/mesh/identity.js";
import type { NodeId } from "../../../src/model.js";

export function signerFor(node: NodeId): Signer {
	return (bytes) => createHash("sha512").update(`secret of ${node}|`).update(bytes).digest();
}

export const simVerifier: Verifier = (writer, bytes, signature) =>
	Buffer.compare(signerFor(writer)(bytes), signature) === 0;
