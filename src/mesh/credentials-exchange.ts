// `/swarm/credentials/1`, between admitted nodes: what is new about the authority and about certificates, without a new connection.
//   offer(certificate, authorities)  → taken()               a renewed certificate, a rotated authority
//   key()                            → key(cluster key)      for a member or witness that was away when it was rotated
//   certificate(name)                → certificate(bytes)    for a reader, which cannot sign its own
// or refused(reason).
// Must never: hand the cluster key to a reader, sign for another node, role or admission than the connection proved.

import { asSwarmError, SwarmError } from "../errors.js";
import { ADMISSION_BYTES_MAX, fieldsOf, type Proof, refuse, refuseRevoked } from "./admission.js";
import {
	type Authority,
	CERTIFICATE_BYTES_MAX,
	type Certificate,
	checkName,
	exportAuthority,
	verifyCertificate,
} from "./cluster-authority.js";
import { authorityFrom } from "./join.js";
import type { MeshStream } from "./mesh.js";
import { type Message, type MessagePipe, messagesOver } from "./messages.js";
import type { OwnMembership } from "./own-membership.js";
import { linksOfWire, wireOfLinks } from "./trust.js";
import { bytesOf, textOf } from "./wire.js";

export const CREDENTIALS_PROTOCOL = "/swarm/credentials/1";
export const CREDENTIALS_MS_MAX = 10_000;
const WHAT = "the exchange of credentials";

interface Asking {
	readonly own: OwnMembership;
	readonly nowMs: number;
	readonly signal: AbortSignal;
}

/** The answering side. `peer` is what the connection proved; `renewed` takes a newer certificate of the same peer. */
export async function answerCredentials(
	stream: MeshStream,
	peer: Certificate,
	asking: Asking & { readonly renewed: (certificate: Certificate) => void },
): Promise<void> {
	const pipe = messagesOver(stream, WHAT, asking.signal);
	try {
		await answer(pipe, await pipe.read(ADMISSION_BYTES_MAX), peer, asking);
		await stream.end();
	} catch (thrown) {
		const error = asSwarmError(thrown, "exchange credentials");
		await refuse(pipe, error);
		throw error;
	}
}

async function answer(
	pipe: MessagePipe,
	{ kind, fields }: Message,
	peer: Certificate,
	{ own, nowMs, renewed }: Parameters<typeof answerCredentials>[2],
): Promise<void> {
	switch (kind) {
		case "offer": {
			const proof = mustBeMember(own);
			const trust = proof.learn(linksOfWire(fields[1]));
			const bytes = bytesOf(fields[0], "offer.certificate", 1, CERTIFICATE_BYTES_MAX);
			const certificate = verifyCertificate(bytes, { trust, node: peer.node, nowMs });
			refuseRevoked(certificate, proof.revocationOf(peer.node));
			renewed(certificate);
			return pipe.write("taken");
		}
		case "key":
			if (peer.role === "reader")
				throw new SwarmError("refused", `Cannot give the cluster key: ${peer.name} is a reader`);
			return pipe.write("key", exportAuthority(own.mustHoldKey("give the cluster key")));
		case "certificate": {
			const name = textOf(fields[0], "certificate.name", 63);
			checkName(name);
			return pipe.write("certificate", own.certify({ ...peer, name }).bytes);
		}
		default:
			throw new SwarmError("corrupt", `Cannot exchange credentials: "${kind}" is not known here`);
	}
}

/** Resolves when the peer knows this node's present certificate and authorities. */
export async function offerCredentials(stream: MeshStream, { own, signal }: Asking): Promise<void> {
	const { certificate, trust } = mustBeMember(own);
	const pipe = messagesOver(stream, WHAT, signal);
	await pipe.write("offer", certificate.bytes, wireOfLinks(trust.links));
	fieldsOf(await pipe.read(ADMISSION_BYTES_MAX), "taken", stream.peer);
	await stream.end();
}

/** The cluster key that the peer holds. */
export async function askForKey(stream: MeshStream, { own, signal }: Asking): Promise<Authority> {
	const { trust } = mustBeMember(own);
	const pipe = messagesOver(stream, WHAT, signal);
	await pipe.write("key");
	const [bytes] = fieldsOf(await pipe.read(ADMISSION_BYTES_MAX), "key", stream.peer);
	await stream.end();
	const authority = authorityFrom(bytes, trust, stream.peer);
	if (authority === null) throw new SwarmError("corrupt", `Cannot take the cluster key of ${stream.peer}: it is empty`);
	return authority;
}

/** A certificate for this node under `name`, signed by the peer. */
export async function askForCertificate(
	stream: MeshStream,
	name: string,
	{ own, nowMs, signal }: Asking,
): Promise<Certificate> {
	const { trust, certificate } = mustBeMember(own);
	const pipe = messagesOver(stream, WHAT, signal);
	await pipe.write("certificate", name);
	const [given] = fieldsOf(await pipe.read(ADMISSION_BYTES_MAX), "certificate", stream.peer);
	await stream.end();
	const bytes = bytesOf(given, "certificate", 1, CERTIFICATE_BYTES_MAX);
	const next = verifyCertificate(bytes, { trust, node: certificate.node, nowMs });
	if (next.role === certificate.role && next.admittedAtMs === certificate.admittedAtMs) return next;
	throw new SwarmError("corrupt", `Cannot take the certificate of ${stream.peer}: it makes this node something else`);
}

function mustBeMember(own: OwnMembership): Proof {
	const proof = own.proof();
	if (proof !== null) return proof;
	throw new SwarmError("refused", "Cannot exchange credentials: this node is in no cluster");
}
