// Who a node is: one Ed25519 key, made once, kept in a file that only its owner can read. The libp2p peer id (our
// NodeId) holds the public key, so every signature can be verified from the id alone.
// Must never: print or log the private key, make a second key where one exists.
//
// Signing goes through node:crypto with cached key objects: 59 µs to sign and 182 µs to verify, where libp2p's own
// functions take 200 and 223 (measured with 300 bytes).

import type { KeyObject } from "node:crypto";
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from "node:crypto";
import { join } from "node:path";
import { privateKeyFromRaw } from "@libp2p/crypto/keys";
import type { Ed25519PrivateKey } from "@libp2p/interface";
import { peerIdFromPrivateKey, peerIdFromString } from "@libp2p/peer-id";
import { SwarmError } from "../errors.js";
import type { NodeId } from "../model.js";
import { readSecretFile, writeSecretFileOnce } from "./secret-file.js";

/** Ed25519 signature over the given bytes, 64 bytes long. */
export type Signer = (bytes: Uint8Array) => Uint8Array;
/** True when `signature` is the writer's own over `bytes`; false for anything else, also for an id without a key. */
export type Verifier = (writer: NodeId, bytes: Uint8Array, signature: Uint8Array) => boolean;

export const SIGNATURE_BYTES = 64;
const KEY_FILE = "node.key";
/** Public keys that one verifier keeps ready; beyond it the oldest is dropped. */
const VERIFIER_KEYS_MAX = 1024;
/** SubjectPublicKeyInfo of an Ed25519 key without its last 32 bytes (RFC 8410, section 10.1). */
const ED25519_SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

export interface Identity {
	readonly node: NodeId;
	readonly privateKey: KeyObject;
}

/** A new identity in memory only. */
export function createIdentity(): Identity {
	return identityOfKey(generateKeyPairSync("ed25519").privateKey);
}

/**
 * The identity kept in `<stateDirectory>/node.key` (PKCS#8 PEM, mode 0600); made on the first call. Two processes that
 * call it at once get the same key. Errors: `refused` when others can read the file, `corrupt` when it holds no
 * Ed25519 key.
 */
export async function loadIdentity(stateDirectory: string): Promise<Identity> {
	const path = join(stateDirectory, KEY_FILE);
	const kept = await readSecretFile(path);
	if (kept !== null) return identityOfKey(privateKeyOfPem(kept, path));
	const { privateKey } = generateKeyPairSync("ed25519");
	const made = await writeSecretFileOnce(path, privateKey.export({ type: "pkcs8", format: "pem" }));
	return made ? identityOfKey(privateKey) : loadIdentity(stateDirectory);
}

export function signerOf(identity: Identity): Signer {
	return (bytes) => sign(null, bytes, identity.privateKey);
}

/** Verifies signatures of one node. Code `usage` when `node` is not the peer id of an Ed25519 key. */
export function verifierOf(node: NodeId): (bytes: Uint8Array, signature: Uint8Array) => boolean {
	const publicKey = publicKeyOfRaw(rawPublicKeyOf(node));
	return (bytes, signature) => signature.length === SIGNATURE_BYTES && verify(null, bytes, publicKey, signature);
}

/** Verifies signatures of any node, with a bounded cache of their keys. */
export function createVerifier(): Verifier {
	const known = new Map<NodeId, ReturnType<typeof verifierOf>>();
	return (writer, bytes, signature) => {
		let verifies = known.get(writer);
		if (verifies === undefined) {
			if (!isNodeId(writer)) return false;
			verifies = verifierOf(writer);
			const oldest = known.size >= VERIFIER_KEYS_MAX ? known.keys().next() : null;
			if (oldest?.value !== undefined) known.delete(oldest.value);
			known.set(writer, verifies);
		}
		return verifies(bytes, signature);
	};
}

/** Ids found good before: every heartbeat names all members, and base58 is slow. */
const goodIds = new Set<string>();

/** Whether `text` is the peer id of an Ed25519 key in its one canonical form. */
export function isNodeId(text: unknown): text is NodeId {
	if (typeof text !== "string" || text.length > 64) return false;
	if (goodIds.has(text)) return true;
	if (!isCanonicalId(text)) return false;
	if (goodIds.size >= VERIFIER_KEYS_MAX) goodIds.clear();
	goodIds.add(text);
	return true;
}

function isCanonicalId(text: string): boolean {
	try {
		const peer = peerIdFromString(text);
		return peer.type === "Ed25519" && peer.toString() === text;
	} catch {
		return false;
	}
}

/** The same key for libp2p. */
export function libp2pKeyOf(privateKey: KeyObject): Ed25519PrivateKey {
	const { d, x } = privateKey.export({ format: "jwk" });
	const raw = Buffer.concat([Buffer.from(d ?? "", "base64url"), Buffer.from(x ?? "", "base64url")]);
	const key = privateKeyFromRaw(raw);
	if (key.type !== "Ed25519") throw new SwarmError("corrupt", "Cannot use the node key: it is not Ed25519");
	return key;
}

/** An Ed25519 public key from its 32 bytes. */
export function publicKeyOfRaw(raw: Uint8Array): KeyObject {
	return createPublicKey({ key: Buffer.concat([ED25519_SPKI_PREFIX, raw]), format: "der", type: "spki" });
}

/** The 32 bytes of the public key that belongs to a private or public Ed25519 key. */
export function rawPublicKeyOfKey(key: KeyObject): Uint8Array {
	return Buffer.from(key.export({ format: "jwk" }).x ?? "", "base64url");
}

export function privateKeyOfPem(pem: string | Uint8Array, path: string): KeyObject {
	try {
		const key = createPrivateKey({ key: Buffer.from(pem), format: "pem" });
		if (key.asymmetricKeyType === "ed25519") return key;
		throw new Error(`its type is ${key.asymmetricKeyType}`);
	} catch (cause) {
		throw new SwarmError("corrupt", `Cannot read the key in ${path}: it holds no Ed25519 key in PEM form`, { cause });
	}
}

/** A key's own peer id comes with it. */
export function identityOfKey(privateKey: KeyObject): Identity {
	return { node: peerIdFromPrivateKey(libp2pKeyOf(privateKey)).toString() as NodeId, privateKey };
}

function rawPublicKeyOf(node: NodeId): Uint8Array {
	if (!isNodeId(node)) {
		throw new SwarmError("usage", `Cannot verify a signature of "${node}": it is not the peer id of an Ed25519 key`);
	}
	const { publicKey } = peerIdFromString(node);
	if (publicKey === undefined) throw new SwarmError("usage", `Cannot verify a signature of "${node}": no key in it`);
	return publicKey.raw;
}
