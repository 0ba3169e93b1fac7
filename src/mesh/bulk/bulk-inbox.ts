// What lies in the ring of a bulk socket, frame after frame, at the daemon's end: opened straight into the reader's memory. Must never give a byte of a
// frame that did not open.

import { SwarmError } from "../../errors.js";
import { type FrameWay, headLength } from "./bulk-frames.js";
import { BULK_PIECE_BYTES, BULK_TAG_BYTES, FRAME_EXTRA_BYTES, HEAD_BYTES } from "./bulk-order.js";

export class BulkInbox {
	readonly #ring: SharedArrayBuffer;
	readonly #way: FrameWay;
	/** Of all bytes of the wire: how many came, up to where whole frames were counted, up to where they were opened. */
	#cameBytes = 0;
	#countedBytes = 0;
	#openedBytes = 0;
	/** Of the frame that was opened last: what its reader had no room for. */
	#left = new Uint8Array();
	#spare: Uint8Array<ArrayBuffer> | null = null;

	constructor(ring: SharedArrayBuffer, way: FrameWay) {
		this.#ring = ring;
		this.#way = way;
	}

	/** Of the wire's bytes: those that the ring need not hold any more. */
	get openedBytes(): number {
		return this.#openedBytes;
	}

	/** So many bytes came; how much text the frames hold that are whole now. Throws `corrupt` for what is no frame. */
	came(bytes: number): number {
		this.#cameBytes += bytes;
		let text = 0;
		for (;;) {
			const textBytes = this.#lengthAt(this.#countedBytes);
			const isWhole = this.#cameBytes - this.#countedBytes >= textBytes + FRAME_EXTRA_BYTES;
			if (textBytes === 0 || !isWhole) return text;
			this.#countedBytes += textBytes + FRAME_EXTRA_BYTES;
			text += textBytes;
		}
	}

	/** Text of one frame that is whole, as much as fits; how much. Throws `corrupt` for one that the peer did not seal. */
	take(target: Uint8Array): number {
		if (this.#left.length > 0) return this.#takeLeft(target);
		const textBytes = this.#lengthAt(this.#openedBytes);
		if (textBytes <= target.length) {
			this.#openInto(target.subarray(0, textBytes));
			return textBytes;
		}
		this.#spare ??= new Uint8Array(BULK_PIECE_BYTES);
		const text = this.#spare.subarray(0, textBytes);
		this.#openInto(text);
		this.#left = text;
		return this.#takeLeft(target);
	}

	#takeLeft(target: Uint8Array): number {
		const bytes = Math.min(target.length, this.#left.length);
		target.set(this.#left.subarray(0, bytes));
		this.#left = this.#left.subarray(bytes);
		return bytes;
	}

	#openInto(text: Uint8Array): void {
		const at = this.#openedBytes;
		const [head, tag] = [this.#copy(at, HEAD_BYTES), this.#copy(at + HEAD_BYTES + text.length, BULK_TAG_BYTES)];
		if (!this.#way.open(this.#parts(at + HEAD_BYTES, text.length), { head, tag }, text))
			throw new SwarmError("corrupt", "what came is not the next that the peer sealed");
		this.#openedBytes += text.length + FRAME_EXTRA_BYTES;
	}

	/** Of the text of the frame that begins there; 0 where its head is not there yet. */
	#lengthAt(at: number): number {
		if (this.#cameBytes - at < HEAD_BYTES) return 0;
		const bytes = headLength(this.#copy(at, HEAD_BYTES));
		if (bytes < 1 || bytes > BULK_PIECE_BYTES)
			throw new SwarmError("corrupt", `a frame of ${bytes} bytes came, wanted 1 to ${BULK_PIECE_BYTES}`);
		return bytes;
	}

	#copy(at: number, bytes: number): Uint8Array {
		const copy = new Uint8Array(bytes);
		let filled = 0;
		for (const part of this.#parts(at, bytes)) {
			copy.set(part, filled);
			filled += part.length;
		}
		return copy;
	}

	/** To the end of the ring, and on from its beginning. */
	#parts(at: number, bytes: number): readonly Uint8Array[] {
		const from = at % this.#ring.byteLength;
		const first = Math.min(bytes, this.#ring.byteLength - from);
		const part = new Uint8Array(this.#ring, from, first);
		return first === bytes ? [part] : [part, new Uint8Array(this.#ring, 0, bytes - first)];
	}
}
