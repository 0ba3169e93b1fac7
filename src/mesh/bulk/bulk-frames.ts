// The frames of a bulk socket, one way: the length of the text, which is authenticated with it, the sealed text, a tag. The nonce is the number of the
// frame, so that one that is forged, repeated, left out or out of order does not open; that none is missing at the end, the word of the end over the mesh
// says (bulk-stream.ts). Must never use a nonce twice, or a key for too much.

import { AEAD_NONCE_BYTES, type Aead } from "../../native/openssl.js";
import { bulkAead } from "./bulk-cipher.js";
import { type WayKeys, wayKeys } from "./bulk-keys.js";
import { HEAD_BYTES } from "./bulk-order.js";

/** Of at most 2^34 blocks of AES together, where 2^48 are allowed (RFC 7253, 5). Then comes the next key. */
const FRAMES_PER_KEY = 2 ** 20;

export interface FrameOptions {
	readonly aead?: Aead;
	readonly framesPerKey?: number;
}

/** A frame as it goes over the wire: `head`, sealed text, `tag`. */
export interface Frame {
	readonly head: Uint8Array;
	readonly tag: Uint8Array;
}

/** The frames that go one way, at the end that seals them or at the one that opens them. */
export class FrameWay {
	readonly #aead: Aead;
	readonly #framesPerKey: number;
	readonly #nonce = new Uint8Array(AEAD_NONCE_BYTES);
	/** The end of the nonce. */
	readonly #number = new DataView(this.#nonce.buffer, AEAD_NONCE_BYTES - HEAD_BYTES);
	#keys: WayKeys;
	/** With this key. */
	#frames = 0;

	/** Wipes the secret. */
	constructor(waySecret: Uint8Array, options: FrameOptions = {}) {
		this.#keys = wayKeys(waySecret);
		this.#aead = options.aead ?? bulkAead();
		this.#framesPerKey = options.framesPerKey ?? FRAMES_PER_KEY;
	}

	/** Fills in the head, the sealed text and the tag. */
	seal(text: Uint8Array, { head, tag }: Frame, into: Uint8Array): void {
		writeHead(head, text.length);
		this.#turn();
		this.#aead.seal({ key: this.#keys.key, nonce: this.#nonce, head, tag }, text, into);
	}

	/** Whether it is the next frame that the other end sealed; what is no such thing leaves zeros. */
	open(parts: readonly Uint8Array[], { head, tag }: Frame, into: Uint8Array): boolean {
		this.#turn();
		if (this.#aead.open({ key: this.#keys.key, nonce: this.#nonce, head, tag }, parts, into)) return true;
		into.fill(0);
		return false;
	}

	/** To the key and the nonce of the next frame. */
	#turn(): void {
		if (this.#frames === this.#framesPerKey) {
			this.#keys.key.fill(0);
			this.#keys = wayKeys(this.#keys.next);
			this.#frames = 0;
		}
		this.#nonce.set(this.#keys.mask);
		this.#number.setUint32(0, this.#number.getUint32(0) ^ this.#frames++);
	}
}

/** Of the text that follows. */
export function headLength(head: Uint8Array): number {
	return new DataView(head.buffer, head.byteOffset, HEAD_BYTES).getUint32(0);
}

function writeHead(head: Uint8Array, textBytes: number): void {
	new DataView(head.buffer, head.byteOffset, HEAD_BYTES).setUint32(0, textBytes);
}
