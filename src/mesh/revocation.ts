// That a node was forgotten, in a form that the node itself can believe: signed by the cluster's authority. Whoever refuses it
// shows the statement, and only then does it end its containers.
// Must never: believe a statement before its signature is verified.

import { sign, verify } from "node:crypto";
import { SwarmError } from "../errors.js";
import type { NodeId } from "../model.js";
import type { Authority, Certificate } from "./cluster-authority.js";
import { isNodeId, publicKeyOfRaw, SIGNATURE_BYTES } from "./identity.js";
import { fingerprintOf, linkOf, type Trust } from "./trust.js";
import { bytesOf, decodeWire, encodeWire, integerOf, listOf, textOf } from "./wire.js";

export const STATEMENT_BYTES_MAX = 512;
const TIME_MS_MAX = 8.64e15;

export interface Revocation {
	readonly node: NodeId;
	readonly revokedAtMs: number;
	/** Name of the node on which it was forgotten, for people. */
	readonly by: string;
}

/** What a node needs to know of a revocation to refuse its subject. */
export interface KnownRevocation {
	readonly revokedAtMs: number;
	/** Signed by the authority. */
	readonly statement: Uint8Array;
}

export function signRevocation(authority: Authority, { node, revokedAtMs, by }: Revocation): Uint8Array {
	const signer = fingerprintOf(authority.publicKey);
	const body = encodeWire(["revocation", authority.clusterId, signer, node, Math.floor(revokedAtMs), by]);
	return encodeWire([body, Uint8Array.from(sign(null, body, authority.privateKey))]);
}

/** Errors: `refused` when no authority of this cluster signed it, `corrupt` or `too-large` when it cannot be read. */
export function verifyRevocation(bytes: Uint8Array, trust: Trust): Revocation {
	const what = "a revocation";
	const limits = { bytes: STATEMENT_BYTES_MAX, depth: 1, items: 16 };
	const outer = listOf(decodeWire(bytes, what, limits), what, 2, 2);
	const body = bytesOf(outer[0], "revocation.body", 1, STATEMENT_BYTES_MAX);
	const signature = bytesOf(outer[1], "revocation.signature", SIGNATURE_BYTES, SIGNATURE_BYTES);
	const fields = listOf(decodeWire(body, what, limits), what, 6, 6);
	const link = linkOf(trust, textOf(fields[2], "revocation.signer", 64));
	const node = textOf(fields[3], "revocation.node", 64);
	if (fields[0] !== "revocation" || !isNodeId(node))
		throw new SwarmError("corrupt", `Cannot read ${what}: bad subject`);
	if (fields[1] !== trust.clusterId || link === null) {
		throw new SwarmError("refused", `Cannot believe ${what} of ${node}: it is of another cluster`);
	}
	if (!verify(null, body, publicKeyOfRaw(link.publicKey), signature)) {
		throw new SwarmError("refused", `Cannot believe ${what} of ${node}: its signature is not the cluster's`);
	}
	return {
		node,
		revokedAtMs: integerOf(fields[4], "revocation.at", 0, TIME_MS_MAX),
		by: textOf(fields[5], "revocation.by", 63),
	};
}

/** Whether it means this certificate: one of an admission before it. */
export function isRevoked(
	certificate: Pick<Certificate, "admittedAtMs">,
	revocation: Pick<Revocation, "revokedAtMs">,
): boolean {
	return certificate.admittedAtMs <= revocation.revokedAtMs;
}
