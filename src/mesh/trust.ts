// Whose signature under a certificate counts: the cluster's authorities, each signed by the one before it. A rotation adds a link
// and says for how long the older ones are still accepted. The set of links is a join: whoever learned the same links, in any order,
// trusts the same keys. Pure.
// Must never: take a link that no accepted authority signed; call a key accepted after its time.

import { createHash, type KeyObject, sign, verify } from "node:crypto";
import { SwarmError } from "../errors.js";
import { publicKeyOfRaw, SIGNATURE_BYTES } from "./identity.js";
import { bytesOf, decodeWire, encodeWire, integerOf, listOf, textOf, type WireValue } from "./wire.js";

const DAY_MS = 24 * 60 * 60 * 1000;
/** How long certificates of the old authority are accepted after a rotation, and so how long a node may have been away for it. */
export const GRACE_MS_DEFAULT = 7 * DAY_MS;
/** Nodes that are connected take over the new authority within seconds; without any grace they would be shut out. */
export const GRACE_MS_MIN = 60 * 1000;
export const GRACE_MS_MAX = 30 * DAY_MS;
/** Authorities remembered at once; those whose time is over go first. */
export const LINKS_MAX = 16;
const PUBLIC_KEY_BYTES = 32;
const FINGERPRINT_CHARACTERS = 43;
const TIME_MS_MAX = 8.64e15;
const LINKS_BYTES_MAX = 8 * 1024;

/** SHA-256 of an authority's public key, base64url without padding: 43 characters. That of the first one is the cluster's id. */
export type Fingerprint = string;
export type ClusterId = Fingerprint;

export interface AuthorityLink {
	/** 0 for the first authority of the cluster, then one more with every rotation. */
	readonly number: number;
	readonly publicKey: Uint8Array;
	/** Who signed it; empty for the first. */
	readonly parent: Fingerprint;
	readonly createdAtMs: number;
	/** From then on for how long those before it are accepted. */
	readonly graceMs: number;
	/** Of the parent, over all of the above and the cluster's id; empty for the first. */
	readonly signature: Uint8Array;
}

export interface Trust {
	readonly clusterId: ClusterId;
	/** By number, then fingerprint; at least one. */
	readonly links: readonly AuthorityLink[];
}

export function fingerprintOf(publicKey: Uint8Array): Fingerprint {
	return createHash("sha256").update(publicKey).digest("base64url");
}

/** What the founder of a cluster trusts. */
export function firstTrust(publicKey: Uint8Array): Trust {
	const link = { number: 0, publicKey, parent: "", createdAtMs: 0, graceMs: 0, signature: new Uint8Array(0) };
	return { clusterId: fingerprintOf(publicKey), links: [link] };
}

/** The authority that signs from now on: the highest number, of two sides of a split that both rotated the lower fingerprint. */
export function currentLink(trust: Trust): AuthorityLink {
	const highest = Math.max(...trust.links.map((link) => link.number));
	const link = trust.links.find(({ number }) => number === highest);
	if (link === undefined) throw new SwarmError("corrupt", "Cannot name the cluster's authority: none is known");
	return link;
}

export function linkOf(trust: Trust, fingerprint: Fingerprint): AuthorityLink | null {
	return trust.links.find((link) => fingerprintOf(link.publicKey) === fingerprint) ?? null;
}

/** Until when certificates that the link signed are accepted; Infinity for the current one. */
export function acceptedUntilMs(trust: Trust, link: AuthorityLink): number {
	const line = lineOf(trust);
	const later = line.filter((other) => other.number > link.number || (other.number === link.number && other !== link));
	return Math.min(Number.POSITIVE_INFINITY, ...later.map((other) => other.createdAtMs + other.graceMs));
}

/** The link of a new authority, signed by the current one. */
export function rotated(
	trust: Trust,
	current: { readonly privateKey: KeyObject; readonly publicKey: Uint8Array },
	next: { readonly publicKey: Uint8Array; readonly graceMs: number; readonly nowMs: number },
): AuthorityLink {
	const parent = currentLink(trust);
	const unsigned = {
		number: parent.number + 1,
		publicKey: next.publicKey,
		parent: fingerprintOf(current.publicKey),
		createdAtMs: Math.floor(next.nowMs),
		graceMs: Math.floor(next.graceMs),
	};
	return { ...unsigned, signature: Uint8Array.from(sign(null, bodyOf(trust.clusterId, unsigned), current.privateKey)) };
}

/**
 * What is trusted once `given` was learned; the same object when that tells nothing new. A link whose parent is not known here, or
 * no longer accepted, is passed over: who took an old key with it cannot make a new authority. Code `corrupt` for a forged signature.
 */
export function learned(trust: Trust, given: readonly AuthorityLink[], nowMs: number): Trust {
	let links = trust.links;
	const parents = new Map(
		links
			.filter((link) => acceptedUntilMs(trust, link) > nowMs)
			.map((link) => [fingerprintOf(link.publicKey), link] as const),
	);
	for (const link of [...given].sort((a, b) => a.number - b.number)) {
		const fingerprint = fingerprintOf(link.publicKey);
		const parent = parents.get(link.parent);
		if (links.some((known) => fingerprintOf(known.publicKey) === fingerprint)) continue;
		if (parent === undefined || link.number !== parent.number + 1) continue;
		if (!verify(null, bodyOf(trust.clusterId, link), publicKeyOfRaw(parent.publicKey), link.signature)) {
			throw new SwarmError(
				"corrupt",
				`Cannot learn of the authority ${fingerprint}: the one before it did not sign it`,
			);
		}
		parents.set(fingerprint, link);
		links = [...links, link];
	}
	if (links === trust.links) return trust;
	return bounded({ clusterId: trust.clusterId, links: [...links].sort(byNumber) }, nowMs);
}

export function wireOfLinks(links: readonly AuthorityLink[]): WireValue {
	return links.map((link) => [
		link.number,
		link.publicKey,
		link.parent,
		link.createdAtMs,
		link.graceMs,
		link.signature,
	]);
}

export function linksOfWire(value: WireValue | undefined): readonly AuthorityLink[] {
	return listOf(value, "authorities", 1, LINKS_MAX).map((entry) => {
		const fields = listOf(entry, "authority", 6, 6);
		const number = integerOf(fields[0], "authority.number", 0, 1_000_000);
		return {
			number,
			publicKey: bytesOf(fields[1], "authority.publicKey", PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES),
			parent: textOf(fields[2], "authority.parent", FINGERPRINT_CHARACTERS),
			createdAtMs: integerOf(fields[3], "authority.createdAt", 0, TIME_MS_MAX),
			graceMs: integerOf(fields[4], "authority.grace", 0, GRACE_MS_MAX),
			signature: bytesOf(fields[5], "authority.signature", number === 0 ? 0 : SIGNATURE_BYTES, SIGNATURE_BYTES),
		};
	});
}

export function encodeLinks(links: readonly AuthorityLink[]): Uint8Array {
	return encodeWire(wireOfLinks(links));
}

export function decodeLinks(bytes: Uint8Array): readonly AuthorityLink[] {
	const limits = { bytes: LINKS_BYTES_MAX, depth: 2, items: LINKS_MAX * 7 + 1 };
	return linksOfWire(decodeWire(bytes, "the cluster's authorities", limits));
}

/** What one who has only a fingerprint (of a token) can trust of these links: that one and those that follow from it. */
export function trustFrom(
	fingerprint: Fingerprint,
	clusterId: ClusterId,
	given: readonly AuthorityLink[],
	nowMs: number,
): Trust | null {
	const anchor = given.find((link) => fingerprintOf(link.publicKey) === fingerprint);
	return anchor === undefined ? null : learned({ clusterId, links: [anchor] }, given, nowMs);
}

/**
 * What a proved member of the cluster trusts, as a newcomer takes it over: earlier authorities too, which signed what stands in
 * documents. Code `corrupt` when a link is not signed by the one that it names.
 */
export function trustOf(clusterId: ClusterId, given: readonly AuthorityLink[]): Trust {
	const known = new Map(given.map((link) => [fingerprintOf(link.publicKey), link] as const));
	for (const link of known.values()) {
		const parent = known.get(link.parent);
		if (parent === undefined) continue;
		if (!verify(null, bodyOf(clusterId, link), publicKeyOfRaw(parent.publicKey), link.signature)) {
			throw new SwarmError("corrupt", "Cannot trust the cluster's authorities: one did not sign the next");
		}
	}
	return { clusterId, links: [...known.values()].sort(byNumber) };
}

/** The current authority and those before it. */
function lineOf(trust: Trust): readonly AuthorityLink[] {
	const line = [currentLink(trust)];
	for (let parent = line[0]?.parent; parent !== undefined && parent !== ""; parent = line.at(-1)?.parent) {
		const link = linkOf(trust, parent);
		if (link === null) break;
		line.push(link);
	}
	return line;
}

function bounded(trust: Trust, nowMs: number): Trust {
	const over = trust.links.filter((link) => acceptedUntilMs(trust, link) <= nowMs);
	const dropped = new Set(over.slice(0, Math.max(0, trust.links.length - LINKS_MAX)));
	const links = trust.links.filter((link) => !dropped.has(link));
	if (links.length <= LINKS_MAX) return { ...trust, links };
	throw new SwarmError("too-large", `Cannot trust ${links.length} authorities: ${LINKS_MAX} at once are allowed`);
}

function byNumber(a: AuthorityLink, b: AuthorityLink): number {
	if (a.number !== b.number) return a.number - b.number;
	return fingerprintOf(a.publicKey) < fingerprintOf(b.publicKey) ? -1 : 1;
}

function bodyOf(clusterId: ClusterId, link: Omit<AuthorityLink, "signature">): Uint8Array {
	const { number, publicKey, parent, createdAtMs, graceMs } = link;
	return encodeWire(["authority", clusterId, number, publicKey, parent, createdAtMs, graceMs]);
}
