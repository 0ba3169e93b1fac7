// The keys of one bulk socket. Both ends know a one-time secret, and each sends a public key (X25519) that it made for this socket. From all of it
// together come a proof and a secret for each way (HKDF-SHA-256, RFC 5869): nobody without the one-time secret gets them, nor anybody who learns it
// later. Must never give two sockets the same keys, or both ways.

import { createPublicKey, diffieHellman, generateKeyPairSync, hkdfSync, type KeyObject } from "node:crypto";
import { SwarmError } from "../../errors.js";
import { AEAD_KEY_BYTES, AEAD_NONCE_BYTES } from "../../native/openssl.js";

/** A public key, as it goes over the socket. */
export const HELLO_BYTES = 32;
/** What only who knows the one-time secret can send. */
export const PROOF_BYTES = 32;
export const WAY_SECRET_BYTES = 32;
const CURVE = { kty: "OKP", crv: "X25519" } as const;

export type BulkSide = "dials" | "listens";

export interface OwnHello {
	readonly bytes: Uint8Array;
	readonly privateKey: KeyObject;
}

export function makeHello(): OwnHello {
	const { publicKey, privateKey } = generateKeyPairSync("x25519");
	return { bytes: Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url"), privateKey };
}

/** Of what one side sends. */
export interface SideSecrets {
	readonly proof: Uint8Array;
	readonly way: Uint8Array;
}

/** What both ends come to, from the hello of this side and that of the other. Throws `refused` for a hello that is no public key. */
export function agreedSecrets(
	secret: Uint8Array,
	own: OwnHello,
	{ side, hello }: { readonly side: BulkSide; readonly hello: Uint8Array },
): Readonly<Record<BulkSide, SideSecrets>> {
	const agreed = agreedBy(own.privateKey, hello);
	const material = Buffer.concat([secret, agreed]);
	const salt = Buffer.concat(side === "dials" ? [own.bytes, hello] : [hello, own.bytes]);
	const of = (what: BulkSide): SideSecrets => ({
		proof: derived(material, salt, `swarm-bulk/2 proof of the side that ${what}`, PROOF_BYTES),
		way: derived(material, salt, `swarm-bulk/2 bytes of the side that ${what}`, WAY_SECRET_BYTES),
	});
	const secrets = { dials: of("dials"), listens: of("listens") };
	agreed.fill(0);
	material.fill(0);
	return secrets;
}

function agreedBy(privateKey: KeyObject, hello: Uint8Array): Buffer {
	const key = { ...CURVE, x: Buffer.from(hello).toString("base64url") };
	try {
		return diffieHellman({ privateKey, publicKey: createPublicKey({ key, format: "jwk" }) });
	} catch (thrown) {
		// Points that give the same to everybody (RFC 7748, 6.1).
		throw new SwarmError("refused", "the peer's hello is no public key", { cause: thrown });
	}
}

export interface WayKeys {
	readonly key: Uint8Array;
	/** XORed with the frame's number. */
	readonly mask: Uint8Array;
	/** From which the next ones come. */
	readonly next: Uint8Array;
}

/** Wipes the secret: what was sealed by earlier keys stays so. */
export function wayKeys(waySecret: Uint8Array): WayKeys {
	const bytes = AEAD_KEY_BYTES + AEAD_NONCE_BYTES + WAY_SECRET_BYTES;
	const all = derived(waySecret, new Uint8Array(), "swarm-bulk/2 one key", bytes);
	waySecret.fill(0);
	return {
		key: all.subarray(0, AEAD_KEY_BYTES),
		mask: all.subarray(AEAD_KEY_BYTES, AEAD_KEY_BYTES + AEAD_NONCE_BYTES),
		next: all.subarray(AEAD_KEY_BYTES + AEAD_NONCE_BYTES),
	};
}

function derived(material: Uint8Array, salt: Uint8Array, what: string, bytes: number): Uint8Array {
	return new Uint8Array(hkdfSync("sha256", material, salt, what, bytes));
}
