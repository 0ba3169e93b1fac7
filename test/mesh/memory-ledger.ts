// Tokens and revocations of one test network, kept in memory where the product asks the replicated state.

import { systemChance } from "../../src/clock.js";
import type { Authority } from "../../src/mesh/cluster-authority.js";
import type { Candidate } from "../../src/mesh/join.js";
import { formatToken } from "../../src/mesh/join-token.js";
import type { Libp2pMesh } from "../../src/mesh/libp2p-mesh.js";
import type { Ledger } from "../../src/mesh/own-membership.js";
import { type KnownRevocation, signRevocation } from "../../src/mesh/revocation.js";
import { hashOfSecret, judgeUse } from "../../src/mesh/token-use.js";
import type { NodeId, NodeRole, TokenRecord } from "../../src/model.js";

export interface TokenWish {
	readonly uses?: number;
	readonly lifeMs?: number;
	readonly role?: NodeRole;
}

export class MemoryLedger implements Ledger {
	readonly #tokens = new Map<string, { readonly record: TokenRecord; readonly usedBy: NodeId[] }>();
	readonly #revocations = new Map<NodeId, KnownRevocation>();
	readonly #nowMs: () => number;
	/** Why a candidate is not admitted all the same; null: it is. */
	objection: (candidate: Candidate) => string | null = () => null;

	constructor(nowMs: () => number) {
		this.#nowMs = nowMs;
	}

	issue(issuer: Libp2pMesh, { uses = 1, lifeMs = 3_600_000, role = "member" }: TokenWish = {}): string {
		const [id, secret] = [systemChance.bytes(8), systemChance.bytes(16)];
		const fingerprint = Buffer.from(issuer.cluster()?.authority ?? "", "base64url");
		const expiresAtMs = this.#nowMs() + lifeMs;
		const times = { createdAtMs: this.#nowMs(), expiresAtMs };
		const about = { id: hex(id), writer: issuer.self, secretHash: hashOfSecret(secret), role, uses };
		this.#tokens.set(hex(id), { record: { kind: "token", ...about, ...times }, usedBy: [] });
		return formatToken({ fingerprint, id, secret, expiresAtMs, issuer: issuer.self, addresses: issuer.addresses() });
	}

	forget(node: NodeId, authority: Authority): void {
		const revokedAtMs = this.#nowMs();
		this.#revocations.set(node, { revokedAtMs, statement: signRevocation(authority, { node, revokedAtMs, by: "n1" }) });
	}

	takesToken(id: Uint8Array): boolean {
		return this.#tokens.has(hex(id));
	}

	async use(token: { readonly id: Uint8Array; readonly secret: Uint8Array }, candidate: Candidate) {
		const known = this.#tokens.get(hex(token.id));
		const facts = { token: known?.record ?? null, revoked: false, usedBy: known?.usedBy ?? [] };
		const nowMs = this.#nowMs();
		const why = this.objection(candidate);
		if (why !== null) throw new Error(why);
		if (judgeUse(facts, { secret: token.secret, node: candidate.node, nowMs }) === "use")
			known?.usedBy.push(candidate.node);
		const revokedAtMs = this.#revocations.get(candidate.node)?.revokedAtMs ?? 0;
		return { role: known?.record.role ?? "reader", admittedAtMs: Math.max(nowMs, revokedAtMs + 1) } as const;
	}

	revocationOf(node: NodeId): KnownRevocation | null {
		return this.#revocations.get(node) ?? null;
	}
}

function hex(bytes: Uint8Array): string {
	return Buffer.from(bytes).toString("hex");
}
