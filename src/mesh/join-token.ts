// The join token: one string that a stranger needs to become a member. It carries the cluster's fingerprint (so the
// stranger knows whom to trust), a secret that is good for a limited number of uses and time, and where to go.
// Any member takes it; uses are counted by the node that issued it while that one can be asked (node/admission/).
// Must never: be logged.

import { createHash } from "node:crypto";
import { SwarmError } from "../errors.js";
import type { NodeId } from "../model.js";
import { isNodeId } from "./identity.js";
import { bytesOf, decodeWire, encodeWire, integerOf, listOf, textOf } from "./wire.js";

const FINGERPRINT_BYTES = 32;
export const TOKEN_ID_BYTES = 8;
export const TOKEN_SECRET_BYTES = 16;
const PREFIX = "swarm1.";
const TOKEN_CHARACTERS_MAX = 4096;
const ADDRESSES_MAX = 8;
const ADDRESS_CHARACTERS_MAX = 256;
/** Catches a token that was cut or mistyped, before anything is sent. */
const CHECKSUM_BYTES = 4;
const SECONDS_MAX = 8.64e12;

export interface JoinToken {
	/** SHA-256 of the public key of the authority at the time. */
	readonly fingerprint: Uint8Array;
	readonly id: Uint8Array;
	readonly secret: Uint8Array;
	readonly expiresAtMs: number;
	/** Who counts its uses. */
	readonly issuer: NodeId;
	/** Multiaddrs of members, the issuer's first; may be empty. */
	readonly addresses: readonly string[];
}

/** `swarm1.<base64url>`. Times are kept in whole seconds. */
export function formatToken(token: JoinToken): string {
	const { fingerprint, id, secret, issuer } = token;
	const addresses = token.addresses.slice(0, ADDRESSES_MAX);
	const body = encodeWire([fingerprint, id, secret, Math.floor(token.expiresAtMs / 1000), issuer, addresses]);
	return PREFIX + Buffer.concat([body, checksumOf(body)]).toString("base64url");
}

/** Code `usage` when the text is not a whole token. */
export function parseToken(text: string): JoinToken {
	const trimmed = text.trim();
	const fail = (why: string) => new SwarmError("usage", `Cannot read the join token: ${why}`);
	if (!trimmed.startsWith(PREFIX)) throw fail(`wanted the text after "--token", which starts with "${PREFIX}"`);
	if (trimmed.length > TOKEN_CHARACTERS_MAX || !/^[A-Za-z0-9_-]+$/.test(trimmed.slice(PREFIX.length))) {
		throw fail("it holds characters that no token has, copy it again");
	}
	const bytes = Uint8Array.from(Buffer.from(trimmed.slice(PREFIX.length), "base64url"));
	const body = bytes.subarray(0, -CHECKSUM_BYTES);
	if (!checksumOf(body).equals(bytes.subarray(-CHECKSUM_BYTES))) throw fail("it is cut or mistyped, copy it again");
	try {
		return tokenOf(body);
	} catch (cause) {
		throw new SwarmError("usage", "Cannot read the join token: a newer release made it", { cause });
	}
}

function tokenOf(body: Uint8Array): JoinToken {
	const what = "the join token";
	const limits = { bytes: TOKEN_CHARACTERS_MAX, depth: 2, items: 32 };
	const fields = listOf(decodeWire(body, what, limits), what, 6, 6);
	const issuer = textOf(fields[4], "token.issuer", 64);
	if (!isNodeId(issuer)) throw new SwarmError("corrupt", `Cannot read ${what}: no issuer`);
	return {
		fingerprint: bytesOf(fields[0], "token.fingerprint", FINGERPRINT_BYTES, FINGERPRINT_BYTES),
		id: bytesOf(fields[1], "token.id", TOKEN_ID_BYTES, TOKEN_ID_BYTES),
		secret: bytesOf(fields[2], "token.secret", TOKEN_SECRET_BYTES, TOKEN_SECRET_BYTES),
		expiresAtMs: integerOf(fields[3], "token.expiresAt", 0, SECONDS_MAX) * 1000,
		issuer,
		addresses: listOf(fields[5], "token.addresses", 0, ADDRESSES_MAX).map((address) =>
			textOf(address, "token.address", ADDRESS_CHARACTERS_MAX),
		),
	};
}

function checksumOf(body: Uint8Array): Buffer {
	return createHash("sha256").update(body).digest().subarray(0, CHECKSUM_BYTES);
}
