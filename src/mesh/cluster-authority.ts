// Who belongs to the cluster: an Ed25519 key signs a certificate for every node. It is made on the first node and handed to
// each member and witness at admission, over the encrypted channel, so that any of them can admit others and renews its own
// certificate; readers ask for theirs. The price: whoever takes over a member can admit, until the key is rotated (trust.ts).
// Must never: sign for a name that does not match the rules, accept a certificate before its signature is verified.

import type { KeyObject } from "node:crypto";
import { createPrivateKey, generateKeyPairSync, sign, verify } from "node:crypto";
import { SwarmError } from "../errors.js";
import type { NodeId, NodeRole } from "../model.js";
import { isNodeId, publicKeyOfRaw, rawPublicKeyOfKey, SIGNATURE_BYTES } from "./identity.js";
import { acceptedUntilMs, type ClusterId, type Fingerprint, fingerprintOf, linkOf, type Trust } from "./trust.js";
import { bytesOf, decodeWire, encodeWire, integerOf, listOf, textOf, type WireValue } from "./wire.js";

const DAY_MS = 24 * 60 * 60 * 1000;
export const CERTIFICATE_MS_LIFE = 30 * DAY_MS;
/** How far ahead of ours the clock of the node that signed may be. */
export const CLOCK_SKEW_MS_MAX = 5 * 60 * 1000;
export const CERTIFICATE_BYTES_MAX = 2048;
const CERTIFICATE_VERSION = 2;
const NAME_PATTERN = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const TIME_MS_MAX = 8.64e15;
const roles: readonly string[] = ["member", "witness", "reader"] satisfies readonly NodeRole[];

export interface Authority {
	readonly clusterId: ClusterId;
	readonly privateKey: KeyObject;
	/** 32 bytes. */
	readonly publicKey: Uint8Array;
}

/** Whom a certificate is for. */
export interface Subject {
	readonly node: NodeId;
	/** 1 to 63 characters `[a-z0-9-]`, starting and ending with a letter or digit. */
	readonly name: string;
	readonly role: NodeRole;
	/** When it was admitted; renewals keep it, so that a revocation reaches them. */
	readonly admittedAtMs: number;
}

export interface Certificate extends Subject {
	readonly issuedAtMs: number;
	readonly expiresAtMs: number;
	readonly clusterId: ClusterId;
	/** Of the authority that signed it. */
	readonly signer: Fingerprint;
	/** The signed form, as it travels and is kept. */
	readonly bytes: Uint8Array;
}

/** For a new cluster, or as the next authority of one. */
export function createAuthority(clusterId: ClusterId | null = null): Authority {
	return authorityOf(generateKeyPairSync("ed25519").privateKey, clusterId);
}

function authorityOf(privateKey: KeyObject, clusterId: ClusterId | null): Authority {
	const publicKey = rawPublicKeyOfKey(privateKey);
	return { clusterId: clusterId ?? fingerprintOf(publicKey), privateKey, publicKey };
}

/** PKCS#8, for handing over and keeping. */
export function exportAuthority(authority: Authority): Uint8Array {
	return Uint8Array.from(authority.privateKey.export({ type: "pkcs8", format: "der" }));
}

/** Code `corrupt` when the bytes are no Ed25519 key. */
export function importAuthority(pkcs8: Uint8Array, clusterId: ClusterId | null): Authority {
	try {
		const key = createPrivateKey({ key: Buffer.from(pkcs8), format: "der", type: "pkcs8" });
		if (key.asymmetricKeyType !== "ed25519") throw new Error(`its type is ${key.asymmetricKeyType}`);
		return authorityOf(key, clusterId);
	} catch (cause) {
		throw new SwarmError("corrupt", "Cannot read the cluster key: it is not an Ed25519 key", { cause });
	}
}

/** Code `usage` when the name breaks the rules. */
export function checkName(name: string): void {
	if (NAME_PATTERN.test(name)) return;
	const wanted = "1 to 63 characters a-z, 0-9 and -, not at the ends";
	throw new SwarmError("usage", `Cannot use the node name "${name.slice(0, 80)}": wanted ${wanted}`);
}

export function issueCertificate(authority: Authority, subject: Subject, nowMs: number): Certificate {
	const { node, name, role } = subject;
	checkName(name);
	const [issuedAtMs, expiresAtMs] = [Math.floor(nowMs), Math.floor(nowMs) + CERTIFICATE_MS_LIFE];
	const [admittedAtMs, signer] = [Math.floor(subject.admittedAtMs), fingerprintOf(authority.publicKey)];
	const fields = [CERTIFICATE_VERSION, authority.clusterId, node, name, role, issuedAtMs, expiresAtMs, admittedAtMs];
	const body = encodeWire([...fields, signer]);
	const bytes = encodeWire([body, Uint8Array.from(sign(null, body, authority.privateKey))]);
	const { clusterId } = authority;
	return { node, name, role, admittedAtMs, issuedAtMs, expiresAtMs, clusterId, signer, bytes };
}

/**
 * The certificate that `node` showed, verified for this cluster and moment; with `nowMs` null it only has to have been good once.
 * Errors: `refused` with the reason (another cluster's, another node's, expired, not valid yet, signature, an authority that was
 * rotated out), `corrupt` or `too-large` when it cannot be read.
 */
export function verifyCertificate(
	bytes: Uint8Array,
	expected: { readonly trust: Trust; readonly node: NodeId; readonly nowMs: number | null },
): Certificate {
	const { certificate, body, signature } = readCertificate(bytes);
	const { trust, node, nowMs } = expected;
	const refused = (why: string) =>
		new SwarmError("refused", `Cannot accept the certificate of ${node}: ${why}`, {
			details: { node, clusterId: certificate.clusterId, foreign: certificate.clusterId !== trust.clusterId },
		});
	if (certificate.clusterId !== trust.clusterId) {
		throw refused(`it is for another cluster (${certificate.clusterId}), wanted ${trust.clusterId}`);
	}
	const link = linkOf(trust, certificate.signer);
	if (link === null) throw refused("its authority is not known here");
	if (!verify(null, body, publicKeyOfRaw(link.publicKey), signature)) {
		throw refused("its signature is not the cluster's");
	}
	if (certificate.node !== node) throw refused(`it was issued to ${certificate.node}`);
	const why = nowMs === null ? null : outOfTime(certificate, trust, nowMs);
	if (why !== null) throw refused(why);
	return certificate;
}

/** Why a certificate with a good signature is not good at this moment; null when it is. */
export function outOfTime(certificate: Certificate, trust: Trust, nowMs: number): string | null {
	const link = linkOf(trust, certificate.signer);
	const untilMs = link === null ? 0 : acceptedUntilMs(trust, link);
	if (untilMs <= nowMs) return `the authority that signed it was rotated out at ${moment(untilMs)}, join again`;
	if (certificate.expiresAtMs <= nowMs) return `it expired at ${moment(certificate.expiresAtMs)}`;
	if (certificate.issuedAtMs > nowMs + CLOCK_SKEW_MS_MAX) {
		return `it is valid from ${moment(certificate.issuedAtMs)}, set the clocks`;
	}
	return null;
}

function moment(timeMs: number): string {
	return new Date(timeMs).toISOString();
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
	const fields = listOf(decodeWire(body, what, limits), what, 7, 9);
	const version = integerOf(fields[0], "certificate.version", 1, CERTIFICATE_VERSION);
	listOf(fields, what, version === 1 ? 7 : 9, version === 1 ? 7 : 9);
	const node = textOf(fields[2], "certificate.node", 64);
	const name = textOf(fields[3], "certificate.name", 63);
	if (!isNodeId(node) || !NAME_PATTERN.test(name)) throw new SwarmError("corrupt", `Cannot read ${what}: bad subject`);
	const clusterId = textOf(fields[1], "certificate.clusterId", 64);
	const issuedAtMs = integerOf(fields[5], "certificate.issuedAt", 0, TIME_MS_MAX);
	const certificate: Certificate = {
		node,
		name,
		...later(version, fields, { clusterId, issuedAtMs }),
		issuedAtMs,
		expiresAtMs: integerOf(fields[6], "certificate.expiresAt", 0, TIME_MS_MAX),
		clusterId,
		bytes: Uint8Array.from(bytes),
	};
	return { certificate, body, signature };
}

/** Version 1 was signed by the cluster's first authority, for members. */
function later(
	version: number,
	fields: readonly WireValue[],
	first: { readonly clusterId: ClusterId; readonly issuedAtMs: number },
): Pick<Certificate, "role" | "admittedAtMs" | "signer"> {
	if (version === 1) return { role: "member", admittedAtMs: first.issuedAtMs, signer: first.clusterId };
	const role = textOf(fields[4], "certificate.role", 16);
	if (!isRole(role)) throw new SwarmError("corrupt", `Cannot read a certificate: role "${role}" is not known here`);
	return {
		role,
		admittedAtMs: integerOf(fields[7], "certificate.admittedAt", 0, TIME_MS_MAX),
		signer: textOf(fields[8], "certificate.signer", 64),
	};
}

export function isRole(text: unknown): text is NodeRole {
	return typeof text === "string" && roles.includes(text);
}
