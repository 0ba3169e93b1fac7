// `/swarm/join/1`: how a stranger with a token becomes a member. The channel is noise, so both peer ids are proved:
//   stranger → join(version, token id, issuer)       member → authority(public key, its certificate)
//   stranger → secret(secret, name, roles)           member → welcome(certificate, cluster key, members)
// or refused(reason) at any step. The secret is sent only after the member proved that it belongs to the cluster whose
// fingerprint stands in the token: a node in between learns nothing.
// Must never: answer a stranger whose token id is unknown with anything but a refusal.

import { asSwarmError, SwarmError } from "../errors.js";
import type { NodeId } from "../model.js";
import { ADMISSION_BYTES_MAX, fieldsOf, MESH_VERSION, refuse } from "./admission.js";
import {
	type Authority,
	CERTIFICATE_BYTES_MAX,
	type Certificate,
	clusterIdOf,
	exportAuthority,
	importAuthority,
	issueCertificate,
	verifyCertificate,
} from "./cluster-authority.js";
import { isNodeId } from "./identity.js";
import { type JoinToken, TOKEN_ID_BYTES, TOKEN_SECRET_BYTES } from "./join-token.js";
import type { MeshStream } from "./mesh.js";
import { type MessagePipe, messagesOver } from "./messages.js";
import { bytesOf, integerOf, listOf, textOf, type WireValue } from "./wire.js";

export const JOIN_PROTOCOL = "/swarm/join/1";
export const JOIN_MS_MAX = 15_000;
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
	readonly authority: Authority;
	readonly certificate: Certificate;
	/** Everybody that the admitting node knows, itself first. */
	readonly members: readonly Member[];
}

export interface Candidate {
	readonly node: NodeId;
	readonly name: string;
	readonly roles: readonly string[];
}

/** What the admitting side needs to know and to do. */
export interface Admitter {
	readonly node: NodeId;
	readonly authority: Authority;
	readonly certificate: Certificate;
	members(): readonly Member[];
	knowsToken(id: Uint8Array): boolean;
	/** Takes one use for the candidate, durably; throws `refused` with the reason. */
	admit(token: { readonly id: Uint8Array; readonly secret: Uint8Array }, candidate: Candidate): Promise<void>;
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
	const authorityPublicKey = bytesOf(proof[0], "authority.publicKey", 32, 32);
	const theirs = bytesOf(proof[1], "authority.certificate", 1, CERTIFICATE_BYTES_MAX);
	if (clusterIdOf(authorityPublicKey) !== Buffer.from(token.fingerprint).toString("base64url")) {
		throw new SwarmError("refused", `Cannot join at ${stream.peer}: it is not of the cluster that the token is for`, {
			details: { foreign: true },
		});
	}
	verifyCertificate(theirs, { authorityPublicKey, node: stream.peer, nowMs });
	await pipe.write("secret", token.secret, candidate.name, candidate.roles);
	const fields = fieldsOf(await pipe.read(WELCOME_BYTES_MAX), "welcome", stream.peer);
	const own = bytesOf(fields[0], "welcome.certificate", 1, CERTIFICATE_BYTES_MAX);
	const authority = importAuthority(bytesOf(fields[1], "welcome.clusterKey", 1, 256));
	if (!Buffer.from(authority.publicKey).equals(authorityPublicKey)) {
		throw new SwarmError("corrupt", `Cannot join at ${stream.peer}: it handed over the key of another cluster`);
	}
	const certificate = verifyCertificate(own, { authorityPublicKey, node: candidate.node, nowMs });
	return { authority, certificate, members: membersOf(fields[2]) };
}

/** The member's side; `admitter` is null when this node is in no cluster. Throws what it refused with, for the log. */
export async function answerJoin(
	stream: MeshStream,
	admitter: Admitter | null,
	options: { readonly nowMs: number; readonly signal: AbortSignal },
): Promise<Candidate> {
	const pipe = messagesOver(stream, "the admission", options.signal);
	try {
		return await answer(pipe, stream.peer, admitter, options.nowMs);
	} catch (thrown) {
		const error = asSwarmError(thrown, "admit a node");
		await refuse(pipe, error);
		throw error;
	}
}

async function answer(pipe: MessagePipe, peer: NodeId, admitter: Admitter | null, nowMs: number): Promise<Candidate> {
	const asked = fieldsOf(await pipe.read(ADMISSION_BYTES_MAX), "join", peer);
	const version = integerOf(asked[0], "join.version", 0, 1_000_000);
	const id = bytesOf(asked[1], "join.tokenId", TOKEN_ID_BYTES, TOKEN_ID_BYTES);
	const issuer = textOf(asked[2], "join.issuer", 64);
	if (admitter === null) throw new SwarmError("refused", "Cannot admit: this node is in no cluster");
	if (version !== MESH_VERSION) {
		throw new SwarmError("refused", `Cannot admit: mesh version ${version}, wanted ${MESH_VERSION}`);
	}
	if (!admitter.knowsToken(id)) throw notHere(issuer, admitter);
	await pipe.write("authority", admitter.authority.publicKey, admitter.certificate.bytes);
	const given = fieldsOf(await pipe.read(ADMISSION_BYTES_MAX), "secret", peer);
	const secret = bytesOf(given[0], "secret.secret", TOKEN_SECRET_BYTES, TOKEN_SECRET_BYTES);
	const name = textOf(given[1], "secret.name", 63);
	const roles = listOf(given[2], "secret.roles", 0, 16).map((role) => textOf(role, "secret.role", 63));
	const candidate = { node: peer, name, roles };
	const certificate = issueCertificate(admitter.authority, candidate, nowMs);
	await admitter.admit({ id, secret }, candidate);
	const members = admitter.members().slice(0, MEMBERS_MAX);
	const told = members.map(({ node, addresses }) => [node, addresses.slice(0, ADDRESSES_MAX)]);
	await pipe.write("welcome", certificate.bytes, exportAuthority(admitter.authority), told);
	return candidate;
}

function notHere(issuer: string, admitter: Admitter): SwarmError {
	if (issuer === admitter.node) {
		return new SwarmError(
			"refused",
			"Cannot admit with this token: it is unknown here, it may have expired or been withdrawn",
		);
	}
	const place = admitter.members().find((member) => member.node === issuer);
	if (place === undefined) {
		const who = issuer.slice(0, 64);
		const reason = `Cannot admit with this token: it is for another cluster, only ${who} takes it, which is no member here`;
		return new SwarmError("refused", reason, { details: { foreign: true } });
	}
	const where = place.addresses.join(" or ") || "its address";
	return new SwarmError("refused", `Cannot admit with this token: only ${issuer.slice(0, 64)} takes it, at ${where}`);
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
