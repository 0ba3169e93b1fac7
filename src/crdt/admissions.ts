// Tokens, their uses, capabilities and revocations: which of several records of one key counts, and what follows for a node. Total orders, so
// that every node that holds the same records says the same. Must never: look at a clock.

import type { AdmissionRecord, CapabilityRecord, NodeRecord, RevocationRecord, TokenRecord } from "../model.js";
import { canonicalJson, compareText } from "./canonical.js";

/** Ids are random: two records of one id are a forgery by a member, and any fixed order will do. */
export function betterToken(a: TokenRecord, b: TokenRecord): TokenRecord {
	return compareText(canonicalJson(a), canonicalJson(b)) <= 0 ? a : b;
}

/** An id is a hash of what was signed: as for tokens, any fixed order will do. */
export function betterCapability(a: CapabilityRecord, b: CapabilityRecord): CapabilityRecord {
	return compareText(canonicalJson(a), canonicalJson(b)) <= 0 ? a : b;
}

/** The earliest: counting one node's use of a token twice changes nothing. */
export function betterAdmission(a: AdmissionRecord, b: AdmissionRecord): AdmissionRecord {
	const order = a.admittedAtMs - b.admittedAtMs || compareText(canonicalJson(a), canonicalJson(b));
	return order <= 0 ? a : b;
}

/** The latest. */
export function betterRevocation(a: RevocationRecord, b: RevocationRecord): RevocationRecord {
	const order = a.revokedAtMs - b.revokedAtMs || compareText(canonicalJson(a), canonicalJson(b));
	return order >= 0 ? a : b;
}

/** Whether the node was not admitted again since it was revoked. */
export function isForgotten(
	{ admittedAtMs }: Pick<NodeRecord, "admittedAtMs">,
	revocation: RevocationRecord | null | undefined,
): boolean {
	return revocation?.of === "node" && (admittedAtMs ?? 0) <= revocation.revokedAtMs;
}
