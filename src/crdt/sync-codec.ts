// Messages of the stream protocol `/swarm/sync/1`, each with its length (u32) before it. Either side sends one digest,
// then the chains that the other lacks, then ends its side. Must never: hold more than one message in memory.
//
// digest: 1 | count u32 × (writer u8 length + ASCII, generation u64, sequence u32)
// chain: 2 | count u32 × (length u32 + envelope), consecutive envelopes of one document

import { createHash } from "node:crypto";
import { SwarmError } from "../errors.js";
import { Gathered } from "../gathered.js";
import type { MeshStream } from "../mesh/mesh.js";
import type { NodeId } from "../model.js";
import { readerOf, writerOf } from "./bytes.js";
import { CHAIN_BYTES_MAX } from "./document.js";
import { type Digest, FORKS_MAX, WRITERS_MAX } from "./documents.js";
import { decodeEnvelope } from "./envelope.js";

export const SYNC_PROTOCOL = "/swarm/sync/1";
const MESSAGE_BYTES_MAX = CHAIN_BYTES_MAX + 1024 * 1024;
const WRITE_BYTES = 64 * 1024;
const ENVELOPES_MAX = 1_000_000;

export type SyncMessage =
	| { readonly kind: "digest"; readonly digest: Digest }
	| { readonly kind: "chain"; readonly chain: readonly Uint8Array[] };

export function encodeSync(message: SyncMessage): Uint8Array {
	const out = writerOf();
	if (message.kind === "digest") {
		out.u8(1);
		out.u32(message.digest.length);
		for (const { writer, generation, sequence } of message.digest) {
			out.u8(writer.length);
			out.bytes(Buffer.from(writer, "latin1"));
			out.u64(generation);
			out.u32(sequence);
		}
	} else {
		out.u8(2);
		out.u32(message.chain.length);
		for (const envelope of message.chain) {
			out.u32(envelope.length);
			out.bytes(envelope);
		}
	}
	return out.done();
}

export function decodeSync(bytes: Uint8Array): SyncMessage {
	const reader = readerOf(bytes, "a sync message");
	const kind = reader.u8();
	const count = reader.u32();
	if (kind === 1) {
		if (count > WRITERS_MAX * FORKS_MAX) throw new SwarmError("too-large", `Cannot read a digest: ${count} entries`);
		const digest = Array.from({ length: count }, () => {
			const writer = Buffer.from(reader.bytes(reader.u8())).toString("latin1") as NodeId;
			return { writer, generation: reader.u64(), sequence: reader.u32() };
		});
		return { kind: "digest", digest };
	}
	if (kind !== 2) throw new SwarmError("corrupt", `Cannot read a sync message: kind ${kind} is unknown`);
	if (count > ENVELOPES_MAX) throw new SwarmError("too-large", `Cannot read a chain: ${count} envelopes`);
	const chain: Uint8Array[] = [];
	for (let index = 0; index < count; index++) chain.push(reader.bytes(reader.u32()));
	return { kind: "chain", chain };
}

/** 16 bytes, the same for equal digests in any order. Nobody gains by a collision: it only delays a repair. */
export function hashOfDigest(digest: Digest): Uint8Array {
	const lines = digest.map(({ writer, generation, sequence }) => `${writer} ${generation} ${sequence}\n`);
	return createHash("sha256").update(lines.sort().join("")).digest().subarray(0, 16);
}

/** A chain as a message of its own with its length before it: what `messagesOf` reads. */
export function chainFrame(chain: readonly Uint8Array[]): Uint8Array {
	const body = encodeSync({ kind: "chain", chain });
	const length = Buffer.alloc(4);
	length.writeUInt32BE(body.length);
	return new Uint8Array(Buffer.concat([length, body]));
}

/** What one holds who took this chain, too: of each writer the latest few documents. */
export function positionAfter(held: Digest, chain: readonly Uint8Array[]): Digest {
	const last = chain.at(-1);
	if (last === undefined) return held;
	const { writer, generation, sequence } = decodeEnvelope(last);
	const others = held.filter((one) => one.writer !== writer);
	const own = held.filter((one) => one.writer === writer && one.generation !== generation);
	const kept = [...own, { writer, generation, sequence }].sort((a, b) => a.generation - b.generation).slice(-FORKS_MAX);
	return [...others, ...kept];
}

export async function writeMessage(stream: MeshStream, message: SyncMessage): Promise<void> {
	const body = encodeSync(message);
	const length = Buffer.alloc(4);
	length.writeUInt32BE(body.length);
	await stream.write(new Uint8Array(Buffer.concat([length, body.subarray(0, WRITE_BYTES)])));
	for (let at = WRITE_BYTES; at < body.length; at += WRITE_BYTES) {
		await stream.write(body.slice(at, at + WRITE_BYTES));
	}
}

/** Reads message after message; null at the end of the stream. */
export function messagesOf(stream: Pick<MeshStream, "read">): () => Promise<SyncMessage | null> {
	const held = new Gathered();
	const fill = async (count: number): Promise<boolean> => {
		while (held.length < count) {
			const part = await stream.read();
			if (part === null) return false;
			held.add(part);
		}
		return true;
	};
	return async () => {
		if (!(await fill(4))) {
			if (held.length > 0)
				throw new SwarmError("corrupt", "Cannot read a sync message: the stream ended inside its length");
			return null;
		}
		const length = held.take(4).readUInt32BE();
		if (length > MESSAGE_BYTES_MAX) {
			throw new SwarmError("too-large", `Cannot read a sync message: ${length} bytes, at most ${MESSAGE_BYTES_MAX}`);
		}
		if (!(await fill(length)))
			throw new SwarmError("corrupt", "Cannot read a sync message: the stream ended inside it");
		return decodeSync(held.take(length));
	};
}
