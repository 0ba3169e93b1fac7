// `/swarm/auth/1`: both ends of a new connection prove that they are members, before anything else is answered.
// The dialler shows its certificate first; noise has proved the peer id by then, the certificate binds that id to the
// cluster. Four short messages:
//   dialler → hello(version, certificate, authorities)   listener → hello(version, certificate, authorities)
//   dialler → accepted                                   listener → accepted
// Each `hello` or `accepted` can be a `refused(reason, foreign, statement)` instead; then both ends know why and the connection is
// closed. The statement is the cluster's own word that the refused node was forgotten (revocation.ts).
// Must never: show our certificate to a peer that did not prove its own first, unless we dialled it.

import { asSwarmError, SwarmError } from "../errors.js";
import type { NodeId } from "../model.js";
import { CERTIFICATE_BYTES_MAX, type Certificate, verifyCertificate } from "./cluster-authority.js";
import type { MeshStream } from "./mesh.js";
import { type Message, type MessagePipe, messagesOver } from "./messages.js";
import { isRevoked, type KnownRevocation, STATEMENT_BYTES_MAX } from "./revocation.js";
import { type AuthorityLink, linksOfWire, type Trust, wireOfLinks } from "./trust.js";
import { bytesOf, integerOf, textOf } from "./wire.js";

export const AUTH_PROTOCOL = "/swarm/auth/1";
/** From the open connection to "accepted". */
export const AUTH_MS_MAX = 8_000;
/** Stands for everything that both ends must have alike: windows, planes, frame format. */
export const MESH_VERSION = 2;
export const ADMISSION_BYTES_MAX = 8 * 1024;
const REASON_CHARACTERS_MAX = 512;

export interface Proof {
	readonly certificate: Certificate;
	readonly trust: Trust;
	/** Takes in what a peer knows of the authorities; what is trusted then. */
	learn(links: readonly AuthorityLink[]): Trust;
	/** null for a node that was never forgotten. */
	revocationOf(node: NodeId): KnownRevocation | null;
}

/** The dialler's side. Resolves with the peer's certificate; `refused` with the reason of either side. */
export async function proveOutbound(
	stream: MeshStream,
	own: Proof,
	options: { readonly nowMs: number; readonly signal: AbortSignal },
): Promise<Certificate> {
	const pipe = messagesOver(stream, "the proof of membership", options.signal);
	await pipe.write("hello", MESH_VERSION, own.certificate.bytes, wireOfLinks(own.trust.links));
	const theirs = await readCertificate(pipe, own, stream.peer, options.nowMs);
	await pipe.write("accepted");
	fieldsOf(await pipe.read(ADMISSION_BYTES_MAX), "accepted", stream.peer);
	return theirs;
}

/**
 * The listener's side; `own` is null when this node is in no cluster, and then everybody is refused. `admit` is called
 * before the last message, so that what the dialler sends next finds the connection admitted.
 */
export async function proveInbound(
	stream: MeshStream,
	own: Proof | null,
	options: { readonly nowMs: number; readonly signal: AbortSignal; readonly admit: (peer: Certificate) => void },
): Promise<void> {
	const pipe = messagesOver(stream, "the proof of membership", options.signal);
	if (own === null) {
		const reason = "Cannot accept a member: this node is in no cluster";
		await refuse(pipe, new SwarmError("refused", reason));
		throw new SwarmError("refused", reason);
	}
	const theirs = await readCertificate(pipe, own, stream.peer, options.nowMs);
	await pipe.write("hello", MESH_VERSION, own.certificate.bytes, wireOfLinks(own.trust.links));
	fieldsOf(await pipe.read(ADMISSION_BYTES_MAX), "accepted", stream.peer);
	try {
		options.admit(theirs);
	} catch (thrown) {
		await refuse(pipe, asSwarmError(thrown, "admit a member"));
		throw thrown;
	}
	await pipe.write("accepted");
}

/**
 * Tells the peer why it is refused: by `details.foreign` whether because it belongs to another cluster, by `details.statement` the
 * proof that it was forgotten. A peer that is gone does not matter.
 */
export async function refuse(pipe: MessagePipe, error: SwarmError): Promise<void> {
	const foreign = error.details.foreign === true;
	const statement = error.details.statement instanceof Uint8Array ? error.details.statement : null;
	await pipe.write("refused", error.message.slice(0, REASON_CHARACTERS_MAX), foreign, statement).catch(() => {});
}

/** The message's fields when it has the wanted kind; `refused` with the peer's reason when it says so. */
export function fieldsOf(message: Message, kind: string, peer: NodeId): Message["fields"] {
	if (message.kind === kind) return message.fields;
	if (message.kind === "refused") {
		const reason = textOf(message.fields[0], "refused.reason", REASON_CHARACTERS_MAX);
		const given = message.fields[2] ?? null;
		const statement = given === null ? null : bytesOf(given, "refused.statement", 1, STATEMENT_BYTES_MAX);
		throw new SwarmError("refused", `${peer} refuses: ${reason}`, {
			details: { node: peer, reason, foreign: message.fields[1] === true, refusedWith: statement },
		});
	}
	throw new SwarmError("corrupt", `Cannot go on with ${peer}: it said "${message.kind}", wanted "${kind}"`);
}

/** Reads and verifies the peer's `hello`; on failure the peer is told before this throws. */
async function readCertificate(pipe: MessagePipe, own: Proof, peer: NodeId, nowMs: number): Promise<Certificate> {
	const fields = fieldsOf(await pipe.read(ADMISSION_BYTES_MAX), "hello", peer);
	try {
		const version = integerOf(fields[0], "hello.version", 0, 1_000_000);
		if (version !== MESH_VERSION) {
			throw new SwarmError("refused", `Cannot speak with ${peer}: mesh version ${version}, wanted ${MESH_VERSION}`);
		}
		const bytes = bytesOf(fields[1], "hello.certificate", 1, CERTIFICATE_BYTES_MAX);
		const trust = own.learn(linksOfWire(fields[2]));
		const certificate = verifyCertificate(bytes, { trust, node: peer, nowMs });
		refuseRevoked(certificate, own.revocationOf(peer));
		return certificate;
	} catch (thrown) {
		if (thrown instanceof SwarmError) await refuse(pipe, thrown);
		throw thrown;
	}
}

/** Throws `refused`, with the cluster's statement, when the certificate is of an admission that was revoked. */
export function refuseRevoked(certificate: Certificate, revocation: KnownRevocation | null): void {
	if (revocation === null || !isRevoked(certificate, revocation)) return;
	const at = new Date(revocation.revokedAtMs).toISOString();
	throw new SwarmError("refused", `Cannot accept ${certificate.name}: it was forgotten at ${at}, join again`, {
		details: { node: certificate.node, statement: revocation.statement },
	});
}
