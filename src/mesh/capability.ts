// A capability: what a peer without a certificate shows to be let in. A chain of signed blocks. The first is signed by a member with its
// node key and carries that node's certificate; it names the key that may hold it. Whoever holds it can append a block, signed with that
// key, that names the next holder and grants less: what counts is what all blocks grant, so that nobody can widen it. Each block is bound
// to the one before it by its hash, and the last holder proves its key by the noise handshake: a copied chain is worth nothing.
// Verifying costs two signatures and one a block (182 µs each), so it is done once a connection; `permits` is what every call costs.
// Must never: be logged with its key, believe a block before its signature is verified.

import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { SwarmError } from "../errors.js";
import { type Grant, type NodeId, type Verb, verbs } from "../model.js";
import { CERTIFICATE_BYTES_MAX } from "./cluster-authority.js";
import {
	type Identity,
	identityOfKey,
	isNodeId,
	SIGNATURE_BYTES,
	type Signer,
	signerOf,
	verifierOf,
} from "./identity.js";
import type { ClusterId } from "./trust.js";
import { bytesOf, decodeWire, encodeWire, integerOf, listOf, textOf, type WireValue } from "./wire.js";

/** Blocks of one chain: how often it can be handed on. */
export const CAPABILITY_BLOCKS_MAX = 8;
export const CAPABILITY_LABELS_MAX = 16;
export const CAPABILITY_BYTES_MAX = 16 * 1024;
/** How long one can be good for at most. */
export const CAPABILITY_MS_LIFE_MAX = 90 * 24 * 60 * 60 * 1000;
const ADDRESSES_MAX = 16;
const ADDRESS_CHARACTERS_MAX = 256;
const LABEL_CHARACTERS_MAX = 1024;
const VERSION = 1;
const HASH_BYTES = 32;
const NONCE_BYTES = 16;
const ID_DIGITS = 32;
const TIME_MS_MAX = 8.64e15;
const PREFIX = "swarmcap1.";
const CHECKSUM_BYTES = 4;
const SIGNED_PREFIX = Buffer.from("swarm-capability-1\n");

/** A chain that was verified. */
export interface Capability {
	/** Of the first block. */
	readonly id: string;
	/** Of every block, the first one first: any of them can be revoked. */
	readonly ids: readonly string[];
	readonly clusterId: ClusterId;
	/** The member that made it. */
	readonly issuer: NodeId;
	readonly issuerCertificate: Uint8Array;
	/** Whose key may use it: the last block's. */
	readonly holder: NodeId;
	/** What all blocks grant together. */
	readonly grant: Grant;
}

/** What a holder keeps: one string, a secret when it contains the key. */
export interface HeldCapability {
	readonly chain: Uint8Array;
	/** null when the holder keeps its key elsewhere. */
	readonly key: KeyObject | null;
	/** Multiaddrs of members with `/p2p/<id>`: the peer id is how the holder knows whom it speaks to. */
	readonly addresses: readonly string[];
}

export interface FirstBlock {
	readonly clusterId: ClusterId;
	readonly issuer: NodeId;
	readonly certificate: Uint8Array;
	readonly holder: NodeId;
	readonly grant: Grant;
}

/** A new key for whoever shall hold a capability. */
export function createHolder(): Identity {
	return identityOfKey(generateKeyPairSync("ed25519").privateKey);
}

/** The chain of one block. */
export function issueCapability(first: FirstBlock, sign: Signer): Uint8Array {
	const { clusterId, issuer, certificate, holder, grant } = first;
	const nonce = Uint8Array.from(randomBytes(NONCE_BYTES));
	const body = encodeWire([VERSION, clusterId, issuer, certificate, holder, grantFields(grant), nonce]);
	return encodeWire([signedBlock(body, sign)]);
}

/** The chain with one block more. `holder`: the key that the last block names, which signs. Code `usage` when it does not, or it is full. */
export function narrowCapability(
	chain: Uint8Array,
	holder: Identity,
	next: { readonly holder: NodeId; readonly grant: Grant },
): Uint8Array {
	const blocks = blocksOf(chain);
	const last = readChain(blocks).at(-1);
	if (last?.holder !== holder.node)
		throw new SwarmError("usage", "Cannot narrow the capability: it is not for this key, use that of its holder");
	if (blocks.length >= CAPABILITY_BLOCKS_MAX)
		throw new SwarmError("usage", `Cannot narrow the capability: it was handed on ${CAPABILITY_BLOCKS_MAX} times`);
	const body = encodeWire([VERSION, hashOf(last.body), next.holder, grantFields(next.grant)]);
	return encodeWire([...blocks, signedBlock(body, signerOf(holder))]);
}

/**
 * The chain, verified for `holder`. `isMember` says whether a certificate makes a node a member. Errors: `corrupt`, `too-large`, `refused`.
 * Time and revocation are checked at every call: `usable`.
 */
export function verifyCapability(
	chain: Uint8Array,
	expected: { readonly holder: NodeId; readonly isMember: (node: NodeId, certificate: Uint8Array) => boolean },
): Capability {
	const [first, ...rest] = readChain(blocksOf(chain));
	if (first?.kind !== "first") throw corrupt("it has no first block");
	const { issuer, certificate, clusterId } = first;
	if (!expected.isMember(issuer, certificate)) throw refused(`${issuer}, who made it, is no member of this cluster`);
	let [signer, before, grant]: [NodeId, ReadBlock, Grant] = [issuer, first, first.grant];
	if (!isSigned(first, signer)) throw refused("its first block is not signed by the member that it names");
	for (const block of rest) {
		signer = before.holder;
		if (block.kind !== "next" || Buffer.compare(block.previous, hashOf(before.body)) !== 0)
			throw refused("its blocks do not follow each other");
		if (!isSigned(block, signer)) throw refused("a block is not signed by the holder of the one before it");
		grant = narrower(grant, block.grant);
		before = block;
	}
	if (before.holder !== expected.holder) throw refused(`it was made for ${before.holder}, not for this key`);
	const ids = [first, ...rest].map(({ body }) => blockId(body));
	return { id: ids[0] ?? "", ids, clusterId, issuer, issuerCertificate: certificate, holder: before.holder, grant };
}

/** What it says, without any check of a signature: for its holder to look at. */
export function describeCapability(
	chain: Uint8Array,
): Pick<Capability, "id" | "ids" | "clusterId" | "issuer" | "holder" | "grant"> {
	const blocks = readChain(blocksOf(chain));
	const first = blocks[0];
	if (first?.kind !== "first") throw corrupt("it has no first block");
	const ids = blocks.map(({ body }) => blockId(body));
	const grant = blocks.map((block) => block.grant).reduce(narrower);
	const { clusterId, issuer } = first;
	return { id: ids[0] ?? "", ids, clusterId, issuer, holder: blocks.at(-1)?.holder ?? issuer, grant };
}

/** Whether the grant has the verb and lasts; the reason when not. Part of every call. */
export function permits(grant: Grant, verb: Verb, nowMs: number): string | null {
	if (grant.expiresAtMs <= nowMs) return `the capability expired at ${new Date(grant.expiresAtMs).toISOString()}`;
	return grant.verbs.includes(verb) ? null : `the capability has not the verb ${verb}, only ${grant.verbs.join(", ")}`;
}

/** Whether a workload with these labels is meant. */
export function covers(grant: Grant, labels: Readonly<Record<string, string>>): boolean {
	return Object.entries(grant.labels).every(([name, value]) => Object.hasOwn(labels, name) && labels[name] === value);
}

/** `swarmcap1.<base64url>` */
export function formatCapability({ chain, key, addresses }: HeldCapability): string {
	const secret = key === null ? null : Uint8Array.from(key.export({ type: "pkcs8", format: "der" }));
	const body = encodeWire([chain, secret, addresses.slice(0, ADDRESSES_MAX)]);
	return PREFIX + Buffer.concat([body, hashOf(body).subarray(0, CHECKSUM_BYTES)]).toString("base64url");
}

/** Code `usage` when the text is not a whole capability. */
export function parseCapability(text: string): HeldCapability {
	const trimmed = text.trim();
	const fail = (why: string, cause?: unknown) =>
		new SwarmError("usage", `Cannot read the capability: ${why}`, { cause });
	if (!trimmed.startsWith(PREFIX)) throw fail(`wanted the text that starts with "${PREFIX}"`);
	const encoded = trimmed.slice(PREFIX.length);
	if (encoded.length > 2 * CAPABILITY_BYTES_MAX || !/^[A-Za-z0-9_-]+$/.test(encoded))
		throw fail("it holds characters that none has, copy it again");
	const bytes = Uint8Array.from(Buffer.from(encoded, "base64url"));
	const body = bytes.subarray(0, -CHECKSUM_BYTES);
	if (Buffer.compare(hashOf(body).subarray(0, CHECKSUM_BYTES), bytes.subarray(-CHECKSUM_BYTES)) !== 0)
		throw fail("it is cut or mistyped, copy it again");
	try {
		return heldOf(body);
	} catch (cause) {
		throw fail("a newer release made it", cause);
	}
}

function heldOf(body: Uint8Array): HeldCapability {
	const what = "the capability";
	const limits = { bytes: 2 * CAPABILITY_BYTES_MAX, depth: 2, items: 64 };
	const fields = listOf(decodeWire(body, what, limits), what, 3, 3);
	const secret = fields[1] === null ? null : Buffer.from(bytesOf(fields[1], "capability.key", 1, 256));
	return {
		chain: bytesOf(fields[0], "capability.chain", 1, CAPABILITY_BYTES_MAX),
		key: secret === null ? null : createPrivateKey({ key: secret, format: "der", type: "pkcs8" }),
		addresses: listOf(fields[2], "capability.addresses", 0, ADDRESSES_MAX).map((address) =>
			textOf(address, "capability.address", ADDRESS_CHARACTERS_MAX),
		),
	};
}

// ---- blocks ---------------------------------------------------------------------------------------------------------

interface BlockBase {
	readonly body: Uint8Array;
	readonly signature: Uint8Array;
	readonly holder: NodeId;
	readonly grant: Grant;
}

type ReadBlock =
	| (BlockBase & { kind: "first"; clusterId: ClusterId; issuer: NodeId; certificate: Uint8Array })
	| (BlockBase & { kind: "next"; previous: Uint8Array });

function blocksOf(chain: Uint8Array): readonly WireValue[] {
	const what = "a capability";
	const limits = { bytes: CAPABILITY_BYTES_MAX, depth: 3, items: 64 };
	return listOf(decodeWire(chain, what, limits), what, 1, CAPABILITY_BLOCKS_MAX);
}

function readChain(blocks: readonly WireValue[]): readonly ReadBlock[] {
	return blocks.map((block, index) => {
		const outer = listOf(block, "capability.block", 2, 2);
		const body = bytesOf(outer[0], "capability.body", 1, CAPABILITY_BYTES_MAX);
		const signature = bytesOf(outer[1], "capability.signature", SIGNATURE_BYTES, SIGNATURE_BYTES);
		const limits = { bytes: CAPABILITY_BYTES_MAX, depth: 5, items: 256 };
		const fields = listOf(decodeWire(body, "a capability", limits), "capability.block", 4, 7);
		integerOf(fields[0], "capability.version", VERSION, VERSION);
		return index === 0 ? firstOf(fields, { body, signature }) : nextOf(fields, { body, signature });
	});
}

type Signed = Pick<BlockBase, "body" | "signature">;

function firstOf(fields: readonly WireValue[], signed: Signed): ReadBlock {
	return {
		kind: "first",
		...signed,
		clusterId: textOf(fields[1], "capability.cluster", 64),
		issuer: nodeOf(fields[2]),
		certificate: bytesOf(fields[3], "capability.certificate", 1, CERTIFICATE_BYTES_MAX),
		holder: nodeOf(fields[4]),
		grant: grantOf(fields[5]),
	};
}

function nextOf(fields: readonly WireValue[], signed: Signed): ReadBlock {
	const previous = bytesOf(fields[1], "capability.previous", HASH_BYTES, HASH_BYTES);
	return { kind: "next", ...signed, previous, holder: nodeOf(fields[2]), grant: grantOf(fields[3]) };
}

function grantFields({ verbs: granted, labels, expiresAtMs }: Grant): WireValue {
	return [[...granted], Object.entries(labels), Math.floor(expiresAtMs)];
}

function grantOf(value: WireValue | undefined): Grant {
	const [granted, labels, expiresAtMs] = listOf(value, "capability.grant", 3, 3);
	// A verb of a later release means nothing here.
	const known = listOf(granted, "capability.verbs", 0, 64).map((verb) => textOf(verb, "capability.verb", 32));
	const pairs = listOf(labels, "capability.labels", 0, CAPABILITY_LABELS_MAX).map((pair) => {
		const [name, text] = listOf(pair, "capability.label", 2, 2);
		return [textOf(name, "capability.label", 256), textOf(text, "capability.label", LABEL_CHARACTERS_MAX)] as const;
	});
	return {
		verbs: verbs.filter((verb) => known.includes(verb)),
		labels: Object.fromEntries(pairs),
		expiresAtMs: integerOf(expiresAtMs, "capability.expiresAt", 0, TIME_MS_MAX),
	};
}

/** What both grant. Two values for one label: no workload has both, so no verb is left. */
function narrower(wide: Grant, narrow: Grant): Grant {
	const contradicts = Object.entries(narrow.labels).some(
		([name, value]) => Object.hasOwn(wide.labels, name) && wide.labels[name] !== value,
	);
	return {
		verbs: contradicts ? [] : wide.verbs.filter((verb) => narrow.verbs.includes(verb)),
		labels: { ...narrow.labels, ...wide.labels },
		expiresAtMs: Math.min(wide.expiresAtMs, narrow.expiresAtMs),
	};
}

function nodeOf(value: WireValue | undefined): NodeId {
	if (!isNodeId(value)) throw corrupt("a key in it is none");
	return value;
}

function signedBlock(body: Uint8Array, sign: Signer): WireValue {
	return [body, Uint8Array.from(sign(signedBytes(body)))];
}

function isSigned({ body, signature }: ReadBlock, signer: NodeId): boolean {
	return verifierOf(signer)(signedBytes(body), signature);
}

/** Not the same as what the node key signs elsewhere. */
function signedBytes(body: Uint8Array): Uint8Array {
	return Buffer.concat([SIGNED_PREFIX, body]);
}

function blockId(body: Uint8Array): string {
	return Buffer.from(hashOf(body)).toString("hex").slice(0, ID_DIGITS);
}

function hashOf(bytes: Uint8Array): Uint8Array {
	return Uint8Array.from(createHash("sha256").update(bytes).digest());
}

function corrupt(why: string): SwarmError {
	return new SwarmError("corrupt", `Cannot read a capability: ${why}`);
}

function refused(why: string): SwarmError {
	return new SwarmError("refused", `Cannot accept the capability: ${why}`);
}
