// What the mesh asks of the replicated state when somebody knocks: tokens and revocations. The mesh is there before the state is:
// until then nobody is admitted.

import type { State } from "../../crdt/state.js";
import { emptyLedger, type Ledger } from "../../mesh/own-membership.js";
import type { KnownRevocation } from "../../mesh/revocation.js";
import type { RevocationRecord } from "../../model.js";
import type { Tokens } from "./tokens.js";

export interface LateLedger extends Ledger {
	/** From now on it answers by these. */
	open(state: State, tokens: Tokens): void;
}

export function lateLedger(): LateLedger {
	let parts: { readonly state: State; readonly tokens: Tokens } | null = null;
	return {
		open(state, tokens) {
			parts = { state, tokens };
		},
		takesToken: (id, issuer) => parts?.tokens.takesToken(id, issuer) ?? true,
		use: (token, candidate) =>
			parts === null ? emptyLedger.use(token, candidate) : parts.tokens.use(token, candidate),
		revocationOf: (node) => knownRevocation(parts?.state.view().revocations.get(node)),
	};
}

/** null unless it is that of a node, with the statement that the node itself can believe. */
export function knownRevocation(record: RevocationRecord | undefined): KnownRevocation | null {
	if (record?.of !== "node" || record.statement === null) return null;
	return { revokedAtMs: record.revokedAtMs, statement: Buffer.from(record.statement, "base64") };
}
