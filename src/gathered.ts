// Bytes of a stream as they arrive, until there are enough of them to be read.
// Must never: cost more than a few times the bytes that it holds, however small the pieces are, nor more time than their number.

/** Smaller pieces are put together: each by itself costs a hundred bytes and more. */
const PIECE_BYTES_MIN = 2 * 1024;
const BLOCK_BYTES = 8 * 1024;

export class Gathered {
	#parts: Uint8Array[] = [];
	/** Of the parts, the first that is not taken yet. */
	#first = 0;
	#length = 0;
	/** What small pieces are copied into; the last part is its beginning. null: the last part is a piece of its own. */
	#block: Buffer | null = null;

	get length(): number {
		return this.#length;
	}

	/** The piece must not be changed afterwards. */
	add(piece: Uint8Array): void {
		if (piece.length === 0) return;
		const isAlone = this.#length === 0;
		this.#length += piece.length;
		if (isAlone || piece.length >= PIECE_BYTES_MIN) {
			this.#parts.push(piece);
			this.#block = null;
		} else if (!this.#copied(piece)) {
			this.#block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
			this.#block.set(piece);
			this.#parts.push(this.#block.subarray(0, piece.length));
		}
	}

	/** The next bytes; no more than there are. Without copying where they came in one piece. */
	take(count: number): Buffer {
		if (count > this.#length) throw new RangeError(`${count} bytes are taken of ${this.#length}`);
		this.#length -= count;
		const taken: Uint8Array[] = [];
		for (let missing = count; missing > 0; ) {
			const part = this.#parts[this.#first] as Uint8Array;
			const wanted = part.subarray(0, missing);
			taken.push(wanted);
			missing -= wanted.length;
			if (wanted.length === part.length) this.#first++;
			else this.#parts[this.#first] = part.subarray(wanted.length);
		}
		this.#forgetTaken();
		const [only] = taken;
		if (taken.length === 1 && only !== undefined) return Buffer.from(only.buffer, only.byteOffset, only.byteLength);
		return Buffer.concat(taken, count);
	}

	/** False when the last part has no room for it. */
	#copied(piece: Uint8Array): boolean {
		const last = this.#parts.at(-1);
		if (this.#block === null || last === undefined) return false;
		const end = last.byteOffset - this.#block.byteOffset + last.length;
		if (end + piece.length > this.#block.length) return false;
		this.#block.set(piece, end);
		this.#parts[this.#parts.length - 1] = this.#block.subarray(end - last.length, end + piece.length);
		return true;
	}

	#forgetTaken(): void {
		if (this.#length === 0) {
			this.#parts = [];
			this.#first = 0;
			this.#block = null;
		} else if (this.#first > this.#parts.length / 2) {
			this.#parts.splice(0, this.#first);
			this.#first = 0;
		}
	}
}
