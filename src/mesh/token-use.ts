// Whether a token may be used once more: a pure function of what is recorded about it. Which node counts is decided elsewhere
// (node/admission/tokens.ts).
// Must never: tell a wrong secret by the time it takes.

import { createHash, timingSafeEqual } from "node:crypto";
import { SwarmError } from "../errors.js";
import type { NodeId, TokenRecord } from "../model.js";

export const TOKEN_MS_LIFE_MIN = 1_000;
export const TOKEN_MS_LIFE_MAX = 30 * 24 * 60 * 60 * 1000;
export const TOKEN_USES_MAX = 1000;

export interface TokenFacts {
	/** null: unknown here. */
	readonly token: TokenRecord | null;
	readonly revoked: boolean;
	/** Who used it. */
	readonly usedBy: readonly NodeId[];
}

/**
 * `use` takes one; `again`: the same node came before, its first answer may have been lost. Code `refused` with the reason. Whoever
 * does not know the secret learns nothing but that.
 */
export function judgeUse(
	{ token, revoked, usedBy }: TokenFacts,
	given: { readonly secret: Uint8Array; readonly node: NodeId; readonly nowMs: number },
): "use" | "again" {
	if (token === null) throw refused("it is unknown here, it may have expired or been withdrawn");
	if (!timingSafeEqual(Buffer.from(token.secretHash, "hex"), Buffer.from(hashOfSecret(given.secret), "hex"))) {
		throw refused("its secret is wrong");
	}
	if (revoked) throw refused("it was withdrawn");
	if (token.expiresAtMs <= given.nowMs) throw refused(`it expired at ${new Date(token.expiresAtMs).toISOString()}`);
	if (usedBy.includes(given.node)) return "again";
	if (usedBy.length >= token.uses) throw refused(`it is used up (${token.uses} of ${token.uses})`);
	return "use";
}

/** Hexadecimal. */
export function hashOfSecret(secret: Uint8Array): string {
	return createHash("sha256").update(secret).digest("hex");
}

function refused(why: string): SwarmError {
	return new SwarmError("refused", `Cannot admit with this token: ${why}`);
}
