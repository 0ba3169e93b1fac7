// `/swarm/join/1`: how a stranger with a token becomes a member. The channel is noise, so both peer ids are proved:
//   stranger → join(version, token id, issuer)       member → authority(cluster, authorities, its certificate)
//   stranger → secret(secret, name, as witness)      member → welcome(certificate, cluster key or null, authorities, members)
// or refused(reason) at any step. The secret is sent only after the member proved that it belongs to the cluster whose
// fingerprint stands in the token: a node in between learns nothing. A reader gets no cluster key.
// Must never: answer a stranger whose token nobody here can know with anything but a refusal.

import { asSwarmError, SwarmError } from "../errors.js";
import type { NodeId, NodeRole } from "../model.js";
import { ADMISSION_BYTES_MAX, fieldsOf, MESH_VERSION, refuse } from "./admission.js";
import {
	type Authority,
	CERTIFICATE_BYTES_MAX,
	type Certificate,
	checkName,
	exportAuthority,
	importAuthority,
	issueCertificate,
	verifyCertificate,
} from "./cluster-authority.js";
import { isNodeId } from "./identity.js";
import { type JoinToken, TOKEN_ID_BYTES, TOKEN_SECRET_BYTES } from "./join-token.js";
import type { MeshStream } from "./mesh.js";
import { type MessagePipe, messagesOver } from "./messages.js";
import { fingerprintOf, linkOf, linksOfWire, type Trust, trustFrom, trustOf, wireOfLinks } from "./trust.js";
import { booleanOf, bytesOf, integerOf, listOf, textOf, type WireValue } from "./wire.js";

export const JOIN_PROTOCOL = "/swarm/join/1";
export const JOIN_MS_MAX = 15_000;
export const AUTHORITY_KEY_BYTES_MAX = 256;
const WELCOME_BYTES_MAX = 512 * 1024;
const MEMBERS_MAX = 1024;
const ADDRESSES_MAX = 16;
const ADDRESS_CHARACTERS_MAX = 256;

export interface Member {
	readonly node: NodeId;
	/** Multiaddrs. */
	readonly addresses: readonly string[];
}

export interface Welcome {
	readonly trust: Trust;
	/** null for a reader. */
	readonly authority: Authority | null;
	readonly certificate: Certificate;
	/** Everybody that the admitting node knows, itself first. */
	readonly members: readonly Member[];
}

export interface Candidate {
	readonly node: NodeId;
	readonly name: string;
	/** It wants to vote and run nothing, also when the token would make it a member. */
	readonly witness: boolean;
}

export interface GivenToken {
	readonly id: Uint8Array;
	readonly secret: Uint8Array;
	readonly issuer: NodeId;
}

/** What a use of a token gives. */
export interface Use {
	readonly role: NodeRole;
	/** Later than any revocation of that node. */
	readonly admittedAtMs: number;
}

/** What the admitting side needs to know and to do. */
export interface Admitter {
	readonly node: NodeId;
	readonly authority: Authority;
	readonly trust: Trust;
	readonly certificate: Certificate;
	members(): readonly Member[];
	/** Whether the token is known here or its issuer can be asked. */
	takesToken(id: Uint8Array, issuer: NodeId): boolean;
	/** Takes one use for the candidate, durably; throws `refused` with the reason. */
	admit(token: GivenToken, candidate: Candidate): Promise<Use>;
}

/** The stranger's side. Errors: `refused` with the member's reason, or because the member is not of the token's cluster. */
export async function askToJoin(
	stream: MeshStream,
	token: JoinToken,
	options: { readonly candidate: Candidate; readonly nowMs: number; readonly signal: AbortSignal },
): Promise<Welcome> {
	const { candidate, nowMs } = options;
	const pipe = messagesOver(stream, "the admission", options.signal);
	await pipe.write("join", MESH_VERSION, token.id, token.issuer);
	const proof = fieldsOf(await pipe.read(ADMISSION_BYTES_MAX), "authority", stream.peer);
	const clusterId = textOf(proof[0], "authority.cluster", 64);
	const shown = linksOfWire(proof[1]);
	const theirs = bytesOf(proof[2], "authority.certificate", 1, CERTIFICATE_BYTES_MAX);
	const known = trustFrom(Buffer.from(token.fingerprint).toString("base64url"), clusterId, shown, nowMs);
	if (known === null) {
		throw new SwarmError("refused", `Cannot join at ${stream.peer}: the token is for another cluster`, {
			details: { foreign: true },
		});
	}
	verifyCertificate(theirs, { trust: known, node: stream.peer, nowMs });
	await pipe.write("secret", token.secret, candidate.name, candidate.witness);
	const fields = fieldsOf(await pipe.read(WELCOME_BYTES_MAX), "welcome", stream.peer);
	const own = bytesOf(fields[0], "welcome.certificate", 1, CERTIFICATE_BYTES_MAX);
	const trust = trustOf(clusterId, linksOfWire(fields[2]));
	const certificate = verifyCertificate(own, { trust, node: candidate.node, nowMs });
	const authority = authorityFrom(fields[1], trust, stream.peer);
	return { trust, authority, certificate, members: membersOf(fields[3]) };
}

/** The member's side; `admitter` is null when this node can admit nobody. Throws what it refused with, for the log. */
export async function answerJoin(
	stream: MeshStream,
	admitter: Admitter | null,
	options: { readonly nowMs: number; readonly signal: AbortSignal },
): Promise<Certificate> {
	const pipe = messagesOver(stream, "the admission", options.signal);
	try {
		return await answer(pipe, stream.peer, admitter, options.nowMs);
	} catch (thrown) {
		const error = asSwarmError(thrown, "admit a node");
		await refuse(pipe, error);
		throw error;
	}
}

async function answer(pipe: MessagePipe, peer: NodeId, admitter: Admitter | null, nowMs: number): Promise<Certificate> {
	const asked = fieldsOf(await pipe.read(ADMISSION_BYTES_MAX), "join", peer);
	const version = integerOf(asked[0], "join.version", 0, 1_000_000);
	const id = bytesOf(asked[1], "join.tokenId", TOKEN_ID_BYTES, TOKEN_ID_BYTES);
	const issuer = textOf(asked[2], "join.issuer", 64);
	if (admitter === null) throw new SwarmError("refused", "Cannot admit: this node is in no cluster, or only a reader");
	if (version !== MESH_VERSION) {
		throw new SwarmError("refused", `Cannot admit: mesh version ${version}, wanted ${MESH_VERSION}`);
	}
	if (!isNodeId(issuer)) throw new SwarmError("corrupt", "Cannot read join.issuer: it is not a node id");
	if (!admitter.takesToken(id, issuer)) throw unknownToken(issuer, admitter);
	const { authority, trust } = admitter;
	await pipe.write("authority", trust.clusterId, wireOfLinks(trust.links), admitter.certificate.bytes);
	const given = fieldsOf(await pipe.read(ADMISSION_BYTES_MAX), "secret", peer);
	const secret = bytesOf(given[0], "secret.secret", TOKEN_SECRET_BYTES, TOKEN_SECRET_BYTES);
	const candidate = {
		node: peer,
		name: textOf(given[1], "secret.name", 63),
		witness: booleanOf(given[2], "secret.witness"),
	};
	checkName(candidate.name);
	const use = await admitter.admit({ id, secret, issuer }, candidate);
	const role = candidate.witness && use.role === "member" ? "witness" : use.role;
	const { name, node } = candidate;
	const certificate = issueCertificate(authority, { node, name, role, admittedAtMs: use.admittedAtMs }, nowMs);
	const told = admitter
		.members()
		.slice(0, MEMBERS_MAX)
		.map((member) => [member.node, member.addresses.slice(0, ADDRESSES_MAX)]);
	const key = role === "reader" ? null : exportAuthority(authority);
	await pipe.write("welcome", certificate.bytes, key, wireOfLinks(trust.links), told);
	return certificate;
}

function unknownToken(issuer: NodeId, admitter: Admitter): SwarmError {
	const isKnown = issuer === admitter.node || admitter.members().some((member) => member.node === issuer);
	if (isKnown) {
		const reason = "Cannot admit with this token: it is unknown here, it may have expired or been withdrawn";
		return new SwarmError("refused", reason);
	}
	const reason = `Cannot admit with this token: it is for another cluster, ${issuer} made it, which is no member here`;
	return new SwarmError("refused", reason, { details: { foreign: true } });
}

/** The cluster key that a member hands over, when it is one that the cluster trusts. */
export function authorityFrom(value: WireValue | undefined, trust: Trust, peer: NodeId): Authority | null {
	if (value === null || value === undefined) return null;
	const authority = importAuthority(bytesOf(value, "clusterKey", 1, AUTHORITY_KEY_BYTES_MAX), trust.clusterId);
	if (linkOf(trust, fingerprintOf(authority.publicKey)) !== null) return authority;
	throw new SwarmError("corrupt", `Cannot take the cluster key of ${peer}: it is that of another cluster`);
}

function membersOf(value: WireValue | undefined): readonly Member[] {
	return listOf(value, "welcome.members", 0, MEMBERS_MAX).map((entry) => {
		const [node, addresses] = listOf(entry, "welcome.member", 2, 2);
		if (!isNodeId(node)) throw new SwarmError("corrupt", "Cannot read welcome.member: not a node id");
		return {
			node,
			addresses: listOf(addresses, "welcome.addresses", 0, ADDRESSES_MAX).map((address) =>
				textOf(address, "welcome.address", ADDRESS_CHARACTERS_MAX),
			),
		};
	});
}
