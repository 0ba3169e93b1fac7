// What goes over a bulk socket, without sockets: who does not know the secret proves nothing, and what was forged, repeated, left out, swapped or cut
// off is never given to the reader.

import { describe, expect, test } from "vitest";
import type { SwarmError } from "../../src/errors.js";
import { nodeAead } from "../../src/mesh/bulk/bulk-cipher.js";
import { FrameWay } from "../../src/mesh/bulk/bulk-frames.js";
import { BulkHandshake, type HandshakeNews } from "../../src/mesh/bulk/bulk-handshake.js";
import { BulkInbox } from "../../src/mesh/bulk/bulk-inbox.js";
import {
	BULK_PIECE_BYTES,
	BULK_RING_BYTES,
	BULK_SECRET_BYTES,
	BULK_TAG_BYTES,
	FRAME_EXTRA_BYTES,
	HEAD_BYTES,
} from "../../src/mesh/bulk/bulk-order.js";
import { bulkStreamOf } from "../../src/mesh/bulk/bulk-stream.js";
import { BulkLine } from "../../src/mesh/bulk/bulk-thread.js";
import type { MeshStream } from "../../src/mesh/mesh.js";
import type { MessagePipe } from "../../src/mesh/messages.js";
import type { NodeId } from "../../src/model.js";
import { AEAD_KEY_BYTES, AEAD_NONCE_BYTES, type Aead, openSslAead } from "../../src/native/openssl.js";

const secret = (fill: number) => new Uint8Array(BULK_SECRET_BYTES).fill(fill);
const text = (bytes: number, seed = 1) => Uint8Array.from({ length: bytes }, (_, at) => (at * 31 + seed * 7) & 0xff);

/** One frame as it goes over the wire. */
function sealed(way: FrameWay, content: Uint8Array): Uint8Array {
	const frame = new Uint8Array(content.length + FRAME_EXTRA_BYTES);
	const tagAt = frame.length - BULK_TAG_BYTES;
	const parts = { head: frame.subarray(0, HEAD_BYTES), tag: frame.subarray(tagAt) };
	way.seal(content, parts, frame.subarray(HEAD_BYTES, tagAt));
	return frame;
}

/** The text of a frame; null when it does not open, of which nothing may be left. */
function opened(way: FrameWay, frame: Uint8Array): Uint8Array | null {
	const tagAt = frame.length - BULK_TAG_BYTES;
	const into = new Uint8Array(tagAt - HEAD_BYTES);
	const parts = { head: frame.subarray(0, HEAD_BYTES), tag: frame.subarray(tagAt) };
	if (way.open([frame.subarray(HEAD_BYTES, tagAt)], parts, into)) return into;
	expect(into.every((byte) => byte === 0)).toBe(true);
	return null;
}

describe("AES-OCB of OpenSSL", () => {
	const direct = openSslAead() as Aead;
	const message = () => ({
		key: text(AEAD_KEY_BYTES),
		nonce: text(AEAD_NONCE_BYTES, 2),
		head: text(4, 3),
		tag: new Uint8Array(BULK_TAG_BYTES),
	});

	test("gives the same bytes as node:crypto, and each opens what the other sealed, in parts too", () => {
		for (const size of [1, 15, 16, 17, 4096, BULK_PIECE_BYTES]) {
			const [one, two] = [message(), message()];
			const [byOne, byTwo] = [new Uint8Array(size), new Uint8Array(size)];
			direct.seal(one, text(size), byOne);
			nodeAead.seal(two, text(size), byTwo);
			expect(Buffer.compare(byOne, byTwo)).toBe(0);
			expect(one.tag).toEqual(two.tag);
			const parts = [byOne.subarray(0, size >> 1), byOne.subarray(size >> 1)];
			for (const aead of [direct, nodeAead]) {
				const into = new Uint8Array(size);
				expect(aead.open(one, parts, into)).toBe(true);
				expect(Buffer.compare(into, text(size))).toBe(0);
			}
		}
	});

	test("opens nothing of which a byte is another", () => {
		const into = new Uint8Array(40);
		const true_ = message();
		direct.seal(true_, text(40), into);
		for (const aead of [direct, nodeAead]) {
			for (const field of ["key", "nonce", "head", "tag"] as const) {
				const forged = { ...true_, [field]: Uint8Array.from(true_[field], (byte, at) => (at === 3 ? byte ^ 1 : byte)) };
				expect(aead.open(forged, [into], new Uint8Array(40))).toBe(false);
			}
			const other = Uint8Array.from(into, (byte, at) => (at === 39 ? byte ^ 128 : byte));
			expect(aead.open(true_, [other], new Uint8Array(40))).toBe(false);
			expect(aead.open(true_, [into], new Uint8Array(40))).toBe(true);
		}
	});

	test("is never given memory that is too short", () => {
		const short = (field: string, bytes: number) => ({ ...message(), [field]: new Uint8Array(bytes) });
		for (const wrong of [short("key", 15), short("nonce", 11), short("tag", 12)])
			expect(() => direct.seal(wrong, text(8), new Uint8Array(8))).toThrow(RangeError);
		expect(() => direct.seal(message(), text(8), new Uint8Array(7))).toThrow(RangeError);
		expect(() => direct.open(message(), [text(4), text(4)], new Uint8Array(7))).toThrow(RangeError);
	});
});

for (const [name, aead] of [
	["OpenSSL", openSslAead() as Aead],
	["node:crypto", nodeAead],
] as const) {
	describe(`frames by ${name}`, () => {
		const pair = (framesPerKey?: number) => {
			const options = { aead, ...(framesPerKey === undefined ? {} : { framesPerKey }) };
			return { out: new FrameWay(secret(1), options), in: new FrameWay(secret(1), options) };
		};

		test("open in their order, over changes of the key", () => {
			const ways = pair(2);
			const frames = [0, 1, 2, 3, 4, 5, 6].map((seed) => sealed(ways.out, text(100, seed)));
			expect(new Set(frames.map((frame) => Buffer.from(frame).toString("hex"))).size).toBe(7);
			frames.forEach((frame, seed) => {
				expect(opened(ways.in, frame)).toEqual(text(100, seed));
			});
		});

		test("do not open when one is forged, repeated, left out, swapped, cut off or of another way", () => {
			const flip = (frame: Uint8Array, place: number) =>
				frame.map((byte, at) => (at === (place + frame.length) % frame.length ? byte ^ 1 : byte));
			const wrongs: ((frames: Uint8Array[]) => Uint8Array | undefined)[] = [
				([first]) => flip(first as Uint8Array, 0),
				([first]) => flip(first as Uint8Array, HEAD_BYTES),
				([first]) => flip(first as Uint8Array, -1),
				([, second]) => second,
				([first]) => first?.subarray(0, 50),
				() => sealed(new FrameWay(secret(2), { aead }), text(100)),
			];
			for (const wrong of wrongs) {
				const ways = pair();
				const frames = [sealed(ways.out, text(100)), sealed(ways.out, text(100))];
				expect(opened(ways.in, wrong(frames) as Uint8Array)).toBeNull();
			}
			const ways = pair();
			const frame = sealed(ways.out, text(100));
			expect(opened(ways.in, frame)).toEqual(text(100));
			expect(opened(ways.in, frame)).toBeNull();
		});
	});
}

describe("the handshake", () => {
	/** What it says to these bytes. */
	function told(handshake: BulkHandshake, bytes: Uint8Array): readonly HandshakeNews[] {
		handshake.room().set(bytes);
		return handshake.came(bytes.length);
	}
	const proofOf = (news: readonly HandshakeNews[]) =>
		news.flatMap((one) => (one.kind === "proof" ? [one.bytes] : []))[0];
	const waysOf = (news: readonly HandshakeNews[]) =>
		news.flatMap((one) => (one.kind === "proved" ? [one.ways] : []))[0];

	function shaken(dialSecret: Uint8Array, listenSecret: Uint8Array) {
		const [dials, listens] = [new BulkHandshake("dials", dialSecret), new BulkHandshake("listens", listenSecret)];
		const dialProof = proofOf(told(dials, listens.hello)) as Uint8Array;
		const listenProof = proofOf(told(listens, dials.hello)) as Uint8Array;
		return { dials: waysOf(told(dials, listenProof)), listens: waysOf(told(listens, dialProof)) };
	}

	test("gives both ends the same keys, other ones for each way and each socket", () => {
		const [one, two] = [shaken(secret(1), secret(1)), shaken(secret(1), secret(1))];
		expect(one.dials?.out).toEqual(one.listens?.in);
		expect(one.dials?.in).toEqual(one.listens?.out);
		const all = [one.dials?.out, one.dials?.in, two.dials?.out, two.dials?.in].map(String);
		expect(new Set(all).size).toBe(4);
	});

	test("refuses whoever does not know the secret, and its own words sent back", () => {
		expect(() => shaken(secret(1), secret(2))).toThrow(/does not know the secret/);
		const mirrored = new BulkHandshake("dials", secret(1));
		const proof = proofOf(told(mirrored, mirrored.hello)) as Uint8Array;
		expect(() => told(mirrored, proof)).toThrow(/does not know the secret/);
		expect(() => told(new BulkHandshake("listens", secret(1)), new Uint8Array(32))).toThrow(/no public key/);
	});

	test("takes in no more than a hello and a proof, however they are cut up", () => {
		const [dials, listens] = [new BulkHandshake("dials", secret(1)), new BulkHandshake("listens", secret(1))];
		const all = Buffer.concat([listens.hello, proofOf(told(listens, dials.hello)) as Uint8Array]);
		const news = [...all].flatMap((byte) => told(dials, Uint8Array.of(byte)));
		expect(news.map(({ kind }) => kind)).toEqual(["proof", "proved"]);
		expect(dials.room().length).toBe(0);
	});
});

/** A ring and what writes to it like a socket. */
function ringOf() {
	const ring = new SharedArrayBuffer(BULK_RING_BYTES);
	const out = new FrameWay(secret(1));
	let at = 0;
	return {
		ring,
		out,
		put(bytes: Uint8Array): number {
			for (const byte of bytes) new Uint8Array(ring)[at++ % BULK_RING_BYTES] = byte;
			return bytes.length;
		},
	};
}

describe("the inbox", () => {
	test("gives the text in order, whatever the sizes, round the end of the ring too", () => {
		const { ring, out, put } = ringOf();
		const inbox = new BulkInbox(ring, new FrameWay(secret(1)));
		let seed = 0;
		for (const size of [1, BULK_PIECE_BYTES, 77, BULK_PIECE_BYTES, 250_000, 200_001, BULK_PIECE_BYTES, 5, 123_456]) {
			const content = text(size, ++seed);
			const frame = sealed(out, content);
			const cut = (frame.length * 2) % 7;
			expect(inbox.came(put(frame.subarray(0, cut)))).toBe(0);
			expect(inbox.came(put(frame.subarray(cut)))).toBe(size);
			const into = new Uint8Array(size);
			for (let filled = 0; filled < size; ) filled += inbox.take(into.subarray(filled, filled + 100_000));
			expect(Buffer.compare(into, content)).toBe(0);
		}
	});

	test("refuses a length that no frame has, and a frame that does not open", () => {
		for (const bytes of [0, BULK_PIECE_BYTES + 1, 2 ** 32 - 1]) {
			const { ring, put } = ringOf();
			const head = new Uint8Array(HEAD_BYTES);
			new DataView(head.buffer).setUint32(0, bytes);
			expect(() => new BulkInbox(ring, new FrameWay(secret(1))).came(put(head))).toThrow(/a frame of/);
		}
		const { ring, out, put } = ringOf();
		const inbox = new BulkInbox(ring, new FrameWay(secret(2)));
		inbox.came(put(sealed(out, text(1000))));
		for (const into of [new Uint8Array(2000), new Uint8Array(10), new Uint8Array(10)]) {
			expect(() => inbox.take(into)).toThrow(/not the next that the peer sealed/);
			expect(into.every((byte) => byte === 0)).toBe(true);
		}
	});
});

describe("a bulk stream", () => {
	/** Its line as the other thread would feed it, and what the peer says of the end over the mesh. */
	function streamOf(saidBytes: number) {
		const orders: string[] = [];
		const line = new BulkLine("n" as NodeId, 1, ({ kind }) => orders.push(kind));
		const never = new Promise<never>(() => {});
		const beside = { peer: "n", read: () => never, end: async () => {}, abort: () => {} } as unknown as MeshStream;
		const pipe = { read: async () => ({ kind: "end", fields: [saidBytes] }), write: async () => {} };
		line.take({ kind: "connected", id: 1, ways: { out: secret(3), in: secret(1) } });
		const stream = bulkStreamOf({ line, beside, pipe: pipe as unknown as MessagePipe });
		const out = new FrameWay(secret(1));
		let at = 0;
		const feed = (bytes: Uint8Array) => {
			new Uint8Array(line.memory.ring).set(bytes, at);
			at += bytes.length;
			line.take({ kind: "bytes", id: 1, bytes: bytes.length });
		};
		return { stream, line, orders, out, feed };
	}
	const codeOf = (promise: Promise<unknown>) =>
		promise.then(
			() => "nothing failed",
			(thrown: SwarmError) => thrown.code,
		);

	test("ends when all is there, and not when its last frames are cut off", async () => {
		const whole = streamOf(200);
		whole.feed(sealed(whole.out, text(100)));
		whole.feed(sealed(whole.out, text(100, 2)));
		expect(await whole.stream.read()).toEqual(Buffer.concat([text(100), text(100, 2)]));
		expect(await whole.stream.read()).toBeNull();
		const cut = streamOf(200);
		cut.feed(sealed(cut.out, text(100)));
		cut.feed(sealed(cut.out, text(100, 2)).subarray(0, 119));
		cut.line.take({ kind: "gone", id: 1, reason: null });
		expect(await codeOf(cut.stream.read().then(() => cut.stream.read()))).toBe("unreachable");
	});

	test("fails and is cut at a frame that the peer did not seal next, and at what is no frame", async () => {
		const swapped = streamOf(200);
		const [first, second] = [sealed(swapped.out, text(100)), sealed(swapped.out, text(100, 2))];
		swapped.feed(second);
		swapped.feed(first);
		expect(await codeOf(swapped.stream.read())).toBe("corrupt");
		expect(await codeOf(swapped.stream.read())).toBe("corrupt");
		expect(swapped.orders).toContain("cut");
		const nonsense = streamOf(200);
		nonsense.feed(text(100, 9));
		expect(await codeOf(nonsense.stream.read())).toBe("unreachable");
		expect(nonsense.orders).toContain("cut");
	});
});
