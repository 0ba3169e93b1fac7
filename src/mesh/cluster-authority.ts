// Who belongs to the cluster: one Ed25519 key signs a certificate for every member, and its fingerprint is the
// cluster's id. The key is made on the first node and handed to each member at admission, over the encrypted channel,
// so that any member can admit others and every node renews its own certificate. The price: whoever takes over a member
// can admit; a member cannot be shut out without a new cluster.
// Must never: sign for a name that does not match the rules, accept a certificate before its signature is verified.

import type { KeyObject } from "node:crypto";
import { createHash, createPrivateKey, generateKeyPairSync, sign, verify } from "node:crypto";
import { SwarmError } from "../errors.js";
import type { NodeId } from "../model.js";
import { isNodeId, publicKeyOfRaw, rawPublicKeyOfKey, SIGNATURE_BYTES } from "./identity.js";
import { bytesOf, decodeWire, encodeWire, integerOf, listOf, textOf } from "./wire.js";

const DAY_MS = 24 * 60 * 60 * 1000;
export const CERTIFICATE_MS_LIFE = 30 * DAY_MS;
/** How far ahead of ours the clock of the node that signed may be. */
export const CLOCK_SKEW_MS_MAX = 5 * 60 * 1000;
export const FINGERPRINT_BYTES = 32;
export const CERTIFICATE_BYTES_MAX = 2048;
const CERTIFICATE_VERSION = 1;
const ROLES_MAX = 16;
const NAME_PATTERN = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const TIME_MS_MAX = 8.64e15;

/** SHA-256 of the authority's public key, base64url without padding: 43 characters. */
export type ClusterId = string;

export interface Authority {
	readonly clusterId: ClusterId;
	readonly privateKey: KeyObject;
	/** 32 bytes. */
	readonly publicKey: Uint8Array;
}

export interface Certificate {
	readonly node: NodeId;
	/** 1 to 63 characters `[a-z0-9-]`, starting and ending with a letter or digit. */
	readonly name: string;
	/** What the node may be asked to do, for example `worker` or `witness`. */
	readonly roles: readonly string[];
	readonly issuedAtMs: number;
	readonly expiresAtMs: number;
	readonly clusterId: ClusterId;
	/** The signed form, as it travels and is kept. */
	readonly bytes: Uint8Array;
}

export function createAuthority(): Authority {
	return authorityOf(generateKeyPairSync("ed25519").privateKey);
}

export function authorityOf(privateKey: KeyObject): Authority {
	const publicKey = rawPublicKeyOfKey(privateKey);
	return { clusterId: clusterIdOf(publicKey), privateKey, publicKey };
}

export function clusterIdOf(authorityPublicKey: Uint8Array): ClusterId {
	return createHash("sha256").update(authorityPublicKey).digest("base64url");
}

/** PKCS#8, for handing over and keeping. */
export function exportAuthority(authority: Authority): Uint8Array {
	return Uint8Array.from(authority.privateKey.export({ type: "pkcs8", format: "der" }));
}

/** Code `corrupt` when the bytes are no Ed25519 key. */
export function importAuthority(pkcs8: Uint8Array): Authority {
	try {
		const key = createPrivateKey({ key: Buffer.from(pkcs8), format: "der", type: "pkcs8" });
		if (key.asymmetricKeyType !== "ed25519") throw new Error(`its type is ${key.asymmetricKeyType}`);
		return authorityOf(key);
	} catch (cause) {
		throw new SwarmError("corrupt", "Cannot read the cluster key: it is not an Ed25519 key", { cause });
	}
}

/** Code `usage` when the name or a role breaks the rules. */
export function checkSubject(name: string, roles: readonly string[]): void {
	const wanted = "1 to 63 characters a-z, 0-9 and -, not at the ends";
	if (!NAME_PATTERN.test(name)) throw new SwarmError("usage", `Cannot use the node name "${name}": wanted ${wanted}`);
	const bad = roles.find((role) => !NAME_PATTERN.test(role));
	if (bad !== undefined) throw new SwarmError("usage", `Cannot use the role "${bad}": wanted ${wanted}`);
	if (roles.length > ROLES_MAX) throw new SwarmError("usage", `Cannot use ${roles.length} roles: at most ${ROLES_MAX}`);
}

export function issueCertificate(
	authority: Authority,
	subject: { readonly node: NodeId; readonly name: string; readonly roles: readonly string[] },
	nowMs: number,
): Certificate {
	checkSubject(subject.name, subject.roles);
	const [issuedAtMs, expiresAtMs] = [Math.floor(nowMs), Math.floor(nowMs) + CERTIFICATE_MS_LIFE];
	const fields = [CERTIFICATE_VERSION, authority.clusterId, subject.node, subject.name, subject.roles];
	const body = encodeWire([...fields, issuedAtMs, expiresAtMs]);
	const bytes = encodeWire([body, Uint8Array.from(sign(null, body, authority.privateKey))]);
	return { ...subject, issuedAtMs, expiresAtMs, clusterId: authority.clusterId, bytes };
}

/**
 * The certificate that `node` showed, verified for this cluster and moment. Errors: `refused` with the reason (another
 * cluster's, another node's, expired, not valid yet, signature), `corrupt` or `too-large` when it cannot be read.
 */
export function verifyCertificate(
	bytes: Uint8Array,
	expected: { readonly authorityPublicKey: Uint8Array; readonly node: NodeId; readonly nowMs: number },
): Certificate {
	const { certificate, body, signature } = readCertificate(bytes);
	const refused = (why: string) =>
		new SwarmError("refused", `Cannot accept the certificate of ${expected.node}: ${why}`, {
			details: { node: expected.node, clusterId: certificate.clusterId },
		});
	const clusterId = clusterIdOf(expected.authorityPublicKey);
	if (certificate.clusterId !== clusterId) {
		throw refused(`it is for another cluster (${certificate.clusterId}), wanted ${clusterId}`);
	}
	if (!verify(null, body, publicKeyOfRaw(expected.authorityPublicKey), signature)) {
		throw refused("its signature is not the cluster's");
	}
	if (certificate.node !== expected.node) throw refused(`it was issued to ${certificate.node}`);
	if (certificate.expiresAtMs <= expected.nowMs) {
		throw refused(`it expired at ${new Date(certificate.expiresAtMs).toISOString()}`);
	}
	if (certificate.issuedAtMs > expected.nowMs + CLOCK_SKEW_MS_MAX) {
		throw refused(`it is valid from ${new Date(certificate.issuedAtMs).toISOString()}, set the clocks`);
	}
	return certificate;
}

/** Its fields without any check of the signature: only for a certificate from our own disk. */
export function readOwnCertificate(bytes: Uint8Array): Certificate {
	return readCertificate(bytes).certificate;
}

/** Half of its life is over. */
export function needsRenewal(certificate: Certificate, nowMs: number): boolean {
	return nowMs >= certificate.issuedAtMs + (certificate.expiresAtMs - certificate.issuedAtMs) / 2;
}

function readCertificate(bytes: Uint8Array) {
	const what = "a certificate";
	const limits = { bytes: CERTIFICATE_BYTES_MAX, depth: 2, items: 32 };
	const outer = listOf(decodeWire(bytes, what, limits), what, 2, 2);
	const body = bytesOf(outer[0], "certificate.body", 1, CERTIFICATE_BYTES_MAX);
	const signature = bytesOf(outer[1], "certificate.signature", SIGNATURE_BYTES, SIGNATURE_BYTES);
	const fields = listOf(decodeWire(body, what, limits), what, 7, 7);
	integerOf(fields[0], "certificate.version", CERTIFICATE_VERSION, CERTIFICATE_VERSION);
	const node = textOf(fields[2], "certificate.node", 64);
	const name = textOf(fields[3], "certificate.name", 63);
	if (!isNodeId(node) || !NAME_PATTERN.test(name)) throw new SwarmError("corrupt", `Cannot read ${what}: bad subject`);
	const certificate: Certificate = {
		node,
		name,
		roles: listOf(fields[4], "certificate.roles", 0, ROLES_MAX).map((role) => textOf(role, "certificate.role", 63)),
		issuedAtMs: integerOf(fields[5], "certificate.issuedAt", 0, TIME_MS_MAX),
		expiresAtMs: integerOf(fields[6], "certificate.expiresAt", 0, TIME_MS_MAX),
		clusterId: textOf(fields[1], "certificate.clusterId", 64),
		bytes: Uint8Array.from(bytes),
	};
	return { certificate, body, signature };
}
