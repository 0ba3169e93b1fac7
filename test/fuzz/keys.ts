// Keys that are the same in every run, so that an input can be made again from its number.

import { createHash, createPrivateKey, type KeyObject } from "node:crypto";
import { type Authority, importAuthority } from "../../src/mesh/cluster-authority.js";
import { type Identity, identityOfKey } from "../../src/mesh/identity.js";
import type { ClusterId } from "../../src/mesh/trust.js";

/** PKCS#8 of an Ed25519 key without its last 32 bytes (RFC 8410, section 7). */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

function pkcs8Of(name: string): Buffer {
	return Buffer.concat([PKCS8_PREFIX, createHash("sha256").update(name).digest()]);
}

export function keyNamed(name: string): KeyObject {
	return createPrivateKey({ key: pkcs8Of(name), format: "der", type: "pkcs8" });
}

export function identityNamed(name: string): Identity {
	return identityOfKey(keyNamed(name));
}

export function authorityNamed(name: string, clusterId: ClusterId | null = null): Authority {
	return importAuthority(pkcs8Of(name), clusterId);
}
