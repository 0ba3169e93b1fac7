// What a writer's update travels in: {writer, generation, sequence, hash of the previous, kind, payload, signature}. This is
// the only door for document bytes from outside: everything here is checked before Yjs sees the payload.
// Must never: throw anything but SwarmError `corrupt` or `too-large`; look into the payload.
//
// Layout, big-endian: version u8 | kind u8 | writer u8 length + ASCII | generation u64 | sequence u32 | previous 32 |
// snapshot only: history u8 count × (generation u64, sequence u32), certificate u16 length + bytes |
// payload u32 length + bytes | signature 64.

import { hash } from "node:crypto";
import { SwarmError } from "../errors.js";
import type { Signer, Verifier } from "../mesh/identity.js";
import type { NodeId } from "../model.js";
import { readerOf, writerOf } from "./bytes.js";

/** Snapshots of the largest allowed document fit; frames of the mesh are smaller (FRAME_BYTES_MAX). */
export const ENVELOPE_BYTES_MAX = 8 * 1024 * 1024;
export const CERTIFICATE_BYTES_MAX = 8 * 1024;
/** Earlier generations that a snapshot can say it contains. */
export const HISTORY_MAX = 32;
const VERSION = 1;
const WRITER_BYTES_MAX = 64;
const HASH_BYTES = 32;
const SIGNATURE_BYTES = 64;
const SIGNED_PREFIX = Buffer.from("swarm-envelope-1\n");
const KINDS = ["update", "snapshot"] as const;
export const FIRST_HASH: Uint8Array = new Uint8Array(HASH_BYTES);

/** A place in a writer's stream of updates. */
export interface Position {
	/** Rises with every new document of the writer; holds the time of its making (see generationAfter). */
	readonly generation: number;
	/** 0 is the snapshot that opens the generation, then 1, 2, … */
	readonly sequence: number;
}

interface EnvelopeBase extends Position {
	readonly writer: NodeId;
	/** sha256 of the whole envelope before this one in the same generation; zeros for the first. */
	readonly previous: Uint8Array;
	readonly payload: Uint8Array;
}

export interface UpdateEnvelope extends EnvelopeBase {
	readonly kind: "update";
}

export interface SnapshotEnvelope extends EnvelopeBase {
	readonly kind: "snapshot";
	/** Earlier generations, newest first, whose records up to that sequence this document takes over. */
	readonly history: readonly Position[];
	/** Proof of membership, opaque here; empty when the cluster needs none. */
	readonly certificate: Uint8Array;
}

export type Envelope = UpdateEnvelope | SnapshotEnvelope;

export function encodeEnvelope(envelope: Envelope, sign: Signer): Uint8Array {
	const body = encodeBody(envelope);
	const signature = sign(signedBytes(body));
	if (signature.length !== SIGNATURE_BYTES) {
		throw new SwarmError("corrupt", `Cannot sign an envelope: ${signature.length} bytes, 64 are wanted`);
	}
	const bytes = new Uint8Array(body.length + SIGNATURE_BYTES);
	bytes.set(body);
	bytes.set(signature, body.length);
	checkSize(bytes);
	return bytes;
}

/** Structure and sizes only; `isSigned` and the chain are checked by the document set. */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
	checkSize(bytes);
	const reader = readerOf(bytes, "an envelope");
	const version = reader.u8();
	if (version !== VERSION) throw corrupt(`its version is ${version}, ${VERSION} is wanted`);
	const kind = KINDS[reader.u8()];
	if (kind === undefined) throw corrupt("its kind is unknown");
	const writer = Buffer.from(reader.bytes(reader.u8())).toString("latin1");
	if (!/^[A-Za-z0-9]{1,64}$/.test(writer)) throw corrupt("its writer is no node id");
	const generation = reader.u64();
	const sequence = reader.u32();
	if ((kind === "snapshot") !== (sequence === 0)) throw corrupt(`a ${kind} cannot have sequence ${sequence}`);
	const previous = reader.bytes(HASH_BYTES);
	const opening = kind === "snapshot" ? readOpening(reader) : null;
	const payload = reader.bytes(reader.u32());
	if (reader.left() !== SIGNATURE_BYTES) throw corrupt(`${reader.left()} bytes follow its payload, 64 are wanted`);
	const update = { writer: writer as NodeId, generation, sequence, previous, payload };
	return opening === null ? { kind: "update", ...update } : { kind: "snapshot", ...update, ...opening };
}

export function isSigned(envelope: Pick<Envelope, "writer">, bytes: Uint8Array, verify: Verifier): boolean {
	const body = bytes.subarray(0, bytes.length - SIGNATURE_BYTES);
	return verify(envelope.writer, signedBytes(body), bytes.subarray(bytes.length - SIGNATURE_BYTES));
}

export function hashOf(bytes: Uint8Array): Uint8Array {
	return hash("sha256", bytes, "buffer");
}

function encodeBody(envelope: Envelope): Uint8Array {
	const writer = Buffer.from(envelope.writer, "latin1");
	if (writer.length > WRITER_BYTES_MAX) throw corrupt("its writer is no node id");
	const out = writerOf();
	out.u8(VERSION);
	out.u8(KINDS.indexOf(envelope.kind));
	out.u8(writer.length);
	out.bytes(writer);
	out.u64(envelope.generation);
	out.u32(envelope.sequence);
	out.bytes(envelope.previous);
	if (envelope.kind === "snapshot") {
		out.u8(envelope.history.length);
		for (const position of envelope.history) {
			out.u64(position.generation);
			out.u32(position.sequence);
		}
		out.u16(envelope.certificate.length);
		out.bytes(envelope.certificate);
	}
	out.u32(envelope.payload.length);
	out.bytes(envelope.payload);
	return out.done();
}

function readOpening(reader: ReturnType<typeof readerOf>) {
	const count = reader.u8();
	if (count > HISTORY_MAX) throw corrupt(`its history has ${count} entries, at most ${HISTORY_MAX} are allowed`);
	const history: Position[] = [];
	for (let index = 0; index < count; index++) {
		const position = { generation: reader.u64(), sequence: reader.u32() };
		const newer = history.at(-1);
		if (newer !== undefined && newer.generation <= position.generation) throw corrupt("its history is not falling");
		history.push(position);
	}
	const length = reader.u16();
	if (length > CERTIFICATE_BYTES_MAX) throw corrupt(`its certificate has ${length} bytes`);
	return { history, certificate: reader.bytes(length) };
}

function signedBytes(body: Uint8Array): Uint8Array {
	return Buffer.concat([SIGNED_PREFIX, body]);
}

function checkSize(bytes: Uint8Array): void {
	if (bytes.length > ENVELOPE_BYTES_MAX) {
		throw new SwarmError(
			"too-large",
			`Cannot take an envelope: it has ${bytes.length} bytes, at most ${ENVELOPE_BYTES_MAX} are allowed`,
		);
	}
}

function corrupt(what: string): SwarmError {
	return new SwarmError("corrupt", `Cannot read an envelope: ${what}`);
}
