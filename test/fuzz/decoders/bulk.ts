// What comes over a bulk socket: the words of its beginning, from anybody who finds the port, and frames, from whoever is in between; and what comes over
// the connection of a link, where packets of frames lie beside the messages of noise.

import assert from "node:assert/strict";
import { FrameWay } from "../../../src/mesh/bulk/bulk-frames.js";
import { BulkHandshake } from "../../../src/mesh/bulk/bulk-handshake.js";
import { BulkInbox } from "../../../src/mesh/bulk/bulk-inbox.js";
import { HELLO_BYTES, makeHello, PROOF_BYTES } from "../../../src/mesh/bulk/bulk-keys.js";
import {
	BULK_RING_BYTES,
	BULK_SECRET_BYTES,
	BULK_TAG_BYTES,
	FRAME_EXTRA_BYTES,
	HEAD_BYTES,
} from "../../../src/mesh/bulk/bulk-order.js";
import { openedPacket, PacketSplitter, sealedPacket } from "../../../src/mesh/lane-packets.js";
import { type Decoder, piecesOf } from "../decoder.js";

const secret = () => new Uint8Array(BULK_SECRET_BYTES).fill(5);
const texts = [40, 1, 3_000].map((bytes) => Uint8Array.from({ length: bytes }, (_, at) => at & 0xff));
const whole = Buffer.concat(texts);

function sealedFrames(): Uint8Array {
	const way = new FrameWay(secret());
	const frames = texts.map((text) => {
		const frame = new Uint8Array(text.length + FRAME_EXTRA_BYTES);
		const tagAt = frame.length - BULK_TAG_BYTES;
		const parts = { head: frame.subarray(0, HEAD_BYTES), tag: frame.subarray(tagAt) };
		way.seal(text, parts, frame.subarray(HEAD_BYTES, tagAt));
		return frame;
	});
	return Buffer.concat(frames);
}

function sealedPackets(): readonly Uint8Array[] {
	const way = new FrameWay(secret());
	return texts.map((text) => sealedPacket(way, text));
}

export const bulkDecoders: readonly Decoder[] = [
	{
		name: "beginning of a bulk socket",
		seeds: [Buffer.concat([makeHello().bytes, new Uint8Array(PROOF_BYTES)]), new Uint8Array(HELLO_BYTES)],
		form: "bytes",
		read(bytes, chance) {
			const handshake = new BulkHandshake("listens", secret());
			for (const piece of piecesOf(bytes.subarray(0, HELLO_BYTES + PROOF_BYTES), chance)) {
				handshake.room().set(piece);
				const news = handshake.came(piece.length);
				assert.ok(news.every(({ kind }) => kind !== "proved"));
			}
			return handshake;
		},
	},
	{
		name: "frames of a bulk socket",
		seeds: [sealedFrames()],
		form: "bytes",
		read(bytes, chance) {
			const ring = new SharedArrayBuffer(BULK_RING_BYTES);
			const inbox = new BulkInbox(ring, new FrameWay(secret()));
			const into = new Uint8Array(1 + chance.below(4_000));
			let [cameBytes, readBytes] = [0, 0];
			for (const piece of piecesOf(bytes, chance)) {
				new Uint8Array(ring).set(piece, cameBytes);
				cameBytes += piece.length;
				for (let unread = inbox.came(piece.length); unread > 0; ) {
					const count = inbox.take(into);
					// Nothing but what was sealed, from its beginning and in order.
					assert.deepEqual(Buffer.from(into.subarray(0, count)), whole.subarray(readBytes, readBytes + count));
					readBytes += count;
					unread -= count;
				}
			}
			return readBytes;
		},
	},
	{
		name: "packets beside noise",
		seeds: [Buffer.concat([Uint8Array.of(0, 16), new Uint8Array(16), ...sealedPackets(), Uint8Array.of(0, 20, 1)])],
		form: "bytes",
		read(bytes, chance) {
			const [way, texts] = [new FrameWay(secret()), [] as Uint8Array[]];
			let isBroken = false;
			const splitter = new PacketSplitter(new Uint8Array(), {
				noise: () => {},
				packet(packet) {
					const text = isBroken ? null : openedPacket(way, packet);
					if (text === null) isBroken = true;
					else texts.push(text);
				},
			});
			for (const piece of piecesOf(bytes, chance)) splitter.take(piece);
			const read = Buffer.concat(texts);
			// Nothing but what was sealed, from its beginning and in order.
			assert.deepEqual(read, whole.subarray(0, read.length));
			return read.length > 0 ? read : null;
		},
	},
];
