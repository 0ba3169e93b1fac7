// Who may be in the cluster, as records of the replicated state: join tokens, their uses, and what was taken back. Part of
// model.ts, which exports them. No secret ever stands in one: every node, readers too, holds them all.

import type { NodeId, VoterId } from "./model-ids.js";

/**
 * What a node is in its cluster; its certificate says it. `member`: runs containers, votes, admits others. `witness`: votes and
 * admits, runs nothing. `reader`: sees the state, writes nothing but its own node record, runs nothing, admits nobody.
 */
export type NodeRole = "member" | "witness" | "reader";

/** A join token as all members know it, written by the node that made it. */
export interface TokenRecord {
	readonly kind: "token";
	/** 16 hexadecimal digits, the public half of the token. */
	readonly id: string;
	readonly writer: NodeId;
	/** SHA-256 of the secret half, 64 hexadecimal digits. */
	readonly secretHash: string;
	/** What it makes of who joins with it. */
	readonly role: NodeRole;
	/** How many different nodes may join with it. */
	readonly uses: number;
	readonly createdAtMs: number;
	readonly expiresAtMs: number;
}

/** One use of a token, written by the node that counted it before the newcomer is answered. */
export interface AdmissionRecord {
	readonly kind: "admission";
	readonly token: string;
	/** Who was admitted. */
	readonly node: NodeId;
	readonly name: string;
	readonly writer: NodeId;
	readonly admittedAtMs: number;
	/** Of the token or capability: some time after it the record is dropped. */
	readonly expiresAtMs: number;
}

/**
 * Who votes on leases: each set is made from the one before with the consent of a majority of it (node/lease/electorate.ts), so
 * that there is one chain of them, also when nodes join on both sides of a split.
 */
export interface ElectorateRecord {
	readonly kind: "electorate";
	/** 0 for the founder of the cluster; rises by one. */
	readonly number: number;
	/** In rising order. */
	readonly voters: readonly VoterId[];
	/** Those of the number before; none for 0. */
	readonly before: readonly VoterId[];
	readonly writer: NodeId;
}

/** What was taken back: a token that nobody may use any more, a node that was forgotten, a capability with all that came of it. */
export interface RevocationRecord {
	readonly kind: "revocation";
	readonly of: "token" | "node" | "capability";
	/** Of the token, the node or a block of the capability. */
	readonly id: string;
	readonly writer: NodeId;
	/** A node that was admitted again after this moment is not meant. */
	readonly revokedAtMs: number;
	/** Name of the node when it was forgotten, freed since; else null. */
	readonly name: string | null;
	/** For a node: the same statement signed by the cluster authority, base64, so that the node itself can believe it; else null. */
	readonly statement: string | null;
	/** Of the token: some time after it the record is dropped; null for a node, which stays revoked. */
	readonly expiresAtMs: number | null;
}
