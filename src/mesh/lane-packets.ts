// What shares one TCP connection: the messages of noise, and packets of ours in places where noise would have an empty message, which it never
// sends (each of its messages ends with a tag of 16 bytes). Big-endian:
//   noise:  length u16, not 0 | message
//   ours:   0 u16 | length of the text u32 | sealed text | tag 16
// Must never: hold more than one unfinished packet, accept its length before it is checked, change a byte of noise or its place.

import { SwarmError } from "../errors.js";
import { Gathered } from "../gathered.js";
import { AEAD_TAG_BYTES } from "../native/openssl.js";
import type { FrameWay } from "./bulk/bulk-frames.js";

export const PACKET_TEXT_BYTES_MAX = 64 * 1024;
const MARK_BYTES = 2;
const HEAD_BYTES = 4;
const TEXT_AT = MARK_BYTES + HEAD_BYTES;
const PACKET_EXTRA_BYTES = TEXT_AT + AEAD_TAG_BYTES;

export interface Packet {
	/** The length of the text, which is authenticated with it. */
	readonly head: Uint8Array;
	readonly sealed: Uint8Array;
	readonly tag: Uint8Array;
}

export interface PacketSink {
	noise(bytes: Uint8Array): void;
	packet(packet: Packet): void;
}

/** A packet as it goes over the wire; `text`: at most PACKET_TEXT_BYTES_MAX. */
export function sealedPacket(way: FrameWay, text: Uint8Array): Uint8Array {
	const packet = Buffer.allocUnsafe(PACKET_EXTRA_BYTES + text.length);
	const tagAt = TEXT_AT + text.length;
	packet[0] = 0;
	packet[1] = 0;
	const frame = { head: packet.subarray(MARK_BYTES, TEXT_AT), tag: packet.subarray(tagAt) };
	way.seal(text, frame, packet.subarray(TEXT_AT, tagAt));
	return packet;
}

/** The text; null when the key's holder did not seal it, or not as the next one. */
export function openedPacket(way: FrameWay, { head, sealed, tag }: Packet): Uint8Array | null {
	const text = Buffer.allocUnsafe(sealed.length);
	return way.open([sealed], { head, tag }, text) ? text : null;
}

export class PacketSplitter {
	readonly #sink: PacketSink;
	readonly #held = new Gathered();
	/** Of the message of noise that is under way. */
	#noiseLeft = 0;
	/** The first byte of a length whose second one has not come. */
	#half: number | null = null;
	/** Noise has that byte. */
	#halfIsGiven = false;
	#isInPacket = false;
	#head: Buffer | null = null;

	/** `given`: what noise has of a message whose end has not come, from its length on. */
	constructor(given: Uint8Array, sink: PacketSink) {
		this.#sink = { noise() {}, packet() {} };
		this.take(given);
		this.#halfIsGiven = this.#half !== null;
		this.#sink = sink;
	}

	/** The bytes of the connection as they come. Throws `too-large`; it is of no use afterwards. */
	take(bytes: Uint8Array): void {
		const isBetween = this.#noiseLeft === 0 && this.#half === null && !this.#isInPacket;
		if (!isBetween || !this.#tookWhole(bytes)) this.#takePieces(bytes);
	}

	/** One packet and nothing else, as most come. */
	#tookWhole(bytes: Uint8Array): boolean {
		if (bytes.length < PACKET_EXTRA_BYTES || bytes[0] !== 0 || bytes[1] !== 0) return false;
		const tagAt = bytes.length - AEAD_TAG_BYTES;
		const head = bytes.subarray(MARK_BYTES, TEXT_AT);
		if (tagAt - TEXT_AT > PACKET_TEXT_BYTES_MAX || textLength(head) !== tagAt - TEXT_AT) return false;
		this.#sink.packet({ head, sealed: bytes.subarray(TEXT_AT, tagAt), tag: bytes.subarray(tagAt) });
		return true;
	}

	#takePieces(bytes: Uint8Array): void {
		let [at, noiseFrom] = [0, 0];
		const passOn = (until: number) => {
			if (until > noiseFrom) this.#sink.noise(bytes.subarray(noiseFrom, until));
		};
		while (at < bytes.length) {
			if (this.#isInPacket) {
				at += this.#gather(bytes.subarray(at));
				noiseFrom = at;
			} else if (this.#noiseLeft > 0) {
				const count = Math.min(this.#noiseLeft, bytes.length - at);
				this.#noiseLeft -= count;
				at += count;
			} else if (this.#half === null && at + 1 === bytes.length) {
				passOn(at);
				this.#half = bytes[at++] ?? 0;
				noiseFrom = at;
			} else {
				const half = this.#half;
				const length = half === null ? (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0) : half * 256 + (bytes[at] ?? 0);
				const end = at + (half === null ? MARK_BYTES : 1);
				if (length === 0) {
					passOn(at);
					noiseFrom = end;
				} else if (half !== null && !this.#halfIsGiven) this.#sink.noise(Uint8Array.of(half));
				this.#isInPacket = length === 0;
				this.#noiseLeft = length;
				this.#half = null;
				this.#halfIsGiven = false;
				at = end;
			}
		}
		passOn(at);
	}

	/** Takes of these bytes what belongs to the packet; how many. */
	#gather(bytes: Uint8Array): number {
		const wanted = this.#head === null ? HEAD_BYTES : textLength(this.#head) + AEAD_TAG_BYTES;
		const taken = bytes.subarray(0, wanted - this.#held.length);
		this.#held.add(taken);
		if (this.#held.length < wanted) return taken.length;
		const whole = this.#held.take(wanted);
		if (this.#head === null) {
			if (textLength(whole) > PACKET_TEXT_BYTES_MAX) throw tooLarge(textLength(whole));
			this.#head = whole;
			return taken.length;
		}
		const [head, tagAt] = [this.#head, wanted - AEAD_TAG_BYTES];
		this.#head = null;
		this.#isInPacket = false;
		this.#sink.packet({ head, sealed: whole.subarray(0, tagAt), tag: whole.subarray(tagAt) });
		return taken.length;
	}
}

function textLength(head: Uint8Array): number {
	let bytes = 0;
	for (let at = 0; at < HEAD_BYTES; at++) bytes = bytes * 256 + (head[at] ?? 0);
	return bytes;
}

function tooLarge(bytes: number): SwarmError {
	return new SwarmError("too-large", `Cannot take a packet of ${bytes} bytes: ${PACKET_TEXT_BYTES_MAX} are allowed`);
}
