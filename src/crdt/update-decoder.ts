// How updates of Yjs are read here: as by its own decoder, but names of fields and short values that come again and again are not made anew
// each time, which was a third of the work of taking a large document. Must never: read anything otherwise than Yjs does.
//
// The format is that of lib0 (`encoding.writeAny`): a byte for the type, then the value; texts with their length before them.

import { UpdateDecoderV1 } from "yjs";

const OBJECT = 118;
const TEXT = 119;
/** Node ids and digests are shorter than this. */
const KEPT_BYTES_MAX = 80;
/** A power of two. */
const KEPT_MAX = 1024;

/** The last text of each place: others take the place of those that do not come again. */
type Kept = (string | undefined)[];

const names: Kept = new Array(KEPT_MAX);
const values: Kept = new Array(KEPT_MAX);

export class RecordDecoder extends UpdateDecoderV1 {
	override readAny(): unknown {
		const { arr, pos } = this.restDecoder;
		const type = arr[pos];
		if (type === TEXT) {
			this.restDecoder.pos += 1;
			return this.#readText(values);
		}
		if (type !== OBJECT) return super.readAny();
		this.restDecoder.pos += 1;
		const given: Record<string, unknown> = {};
		for (let left = this.readLen(); left > 0; left--) given[this.#readText(names)] = this.readAny();
		return given;
	}

	#readText(kept: Kept): string {
		const { arr, pos } = this.restDecoder;
		const length = arr[pos] ?? 0;
		const from = pos + 1;
		// A longer length takes more than one byte; what ends early is for Yjs to refuse.
		if (length > KEPT_BYTES_MAX || from + length > arr.length) return this.readString();
		let place = length;
		for (let at = from; at < from + length; at++) place = (place * 31 + (arr[at] ?? 0)) | 0;
		const known = kept[place & (KEPT_MAX - 1)];
		if (known !== undefined && isSame(known, arr, from, length)) {
			this.restDecoder.pos = from + length;
			return known;
		}
		const text = this.readString();
		kept[place & (KEPT_MAX - 1)] = text;
		return text;
	}
}

/** Plain ASCII, and the same. */
function isSame(text: string, bytes: Uint8Array, from: number, length: number): boolean {
	if (text.length !== length) return false;
	for (let at = 0; at < length; at++) {
		const byte = bytes[from + at] ?? 0;
		if (byte > 127 || byte !== text.charCodeAt(at)) return false;
	}
	return true;
}
