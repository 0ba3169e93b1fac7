// The door for everything that peers send as msgpack: bounded before it is decoded, only plain values, positions
// instead of keys. Must never throw anything but SwarmError `corrupt` or `too-large`, nor allocate more than a small
// multiple of what arrived.

import { Packr, Unpackr } from "msgpackr";
import { SwarmError } from "../errors.js";

export interface WireLimits {
	readonly bytes: number;
	/** Arrays inside arrays. */
	readonly depth: number;
	/** Values of all kinds, arrays included. */
	readonly items: number;
}

export type WireValue = null | boolean | number | string | Uint8Array | readonly WireValue[];

const packer = new Packr({ useRecords: false, moreTypes: false });
const unpacker = new Unpackr({ useRecords: false, moreTypes: false, int64AsType: "number" });

/** A fresh buffer that the caller owns. */
export function encodeWire(value: WireValue): Uint8Array {
	return Uint8Array.prototype.slice.call(packer.pack(value));
}

/** `what` names the message in errors: "a heartbeat". */
export function decodeWire(bytes: Uint8Array, what: string, limits: WireLimits): WireValue {
	if (bytes.length > limits.bytes) {
		throw new SwarmError("too-large", `Cannot read ${what}: ${bytes.length} bytes, ${limits.bytes} are allowed`);
	}
	checkShape(bytes, what, limits);
	try {
		return unpacker.unpack(bytes) as WireValue;
	} catch (cause) {
		throw new SwarmError("corrupt", `Cannot read ${what}: it is not msgpack`, { cause });
	}
}

/** Walks the headers without building anything: lengths, depth and count; maps and extensions are not allowed. */
function checkShape(bytes: Uint8Array, what: string, limits: WireLimits): void {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	let offset = 0;
	let items = 0;
	const fail = (why: string) => new SwarmError("corrupt", `Cannot read ${what}: ${why}`);
	const walk = (depth: number) => {
		items++;
		if (items > limits.items) throw new SwarmError("too-large", `Cannot read ${what}: over ${limits.items} values`);
		if (offset >= bytes.length) throw fail("it ends too early");
		const { header, body, elements } = headerAt(view, offset);
		if (header === 0) throw fail(`type 0x${view.getUint8(offset).toString(16)} is not allowed`);
		offset += header + body;
		if (offset > bytes.length) throw fail("it ends too early");
		if (elements === 0) return;
		if (depth >= limits.depth) throw new SwarmError("too-large", `Cannot read ${what}: over ${limits.depth} levels`);
		for (let index = 0; index < elements; index++) walk(depth + 1);
	};
	walk(0);
	if (offset !== bytes.length) throw fail("bytes follow its end");
}

/** Sizes of the value at `offset` (msgpack specification, "formats"); header 0 stands for a type that is not allowed. */
function headerAt(view: DataView, offset: number): { header: number; body: number; elements: number } {
	const sized = (bytes: 1 | 2 | 4, array: boolean) => {
		if (offset + 1 + bytes > view.byteLength) return { header: 1 + bytes, body: 0, elements: 0 };
		const at = offset + 1;
		const length = bytes === 1 ? view.getUint8(at) : bytes === 2 ? view.getUint16(at) : view.getUint32(at);
		return { header: 1 + bytes, body: array ? 0 : length, elements: array ? length : 0 };
	};
	const plain = (body: number) => ({ header: 1, body, elements: 0 });
	const type = view.getUint8(offset);
	if (type <= 0x7f || type >= 0xe0) return plain(0);
	if (type >= 0x90 && type <= 0x9f) return { header: 1, body: 0, elements: type & 0x0f };
	if (type >= 0xa0 && type <= 0xbf) return plain(type & 0x1f);
	switch (type) {
		case 0xc0: // nil
		case 0xc2: // false
		case 0xc3: // true
			return plain(0);
		case 0xcc: // uint 8
		case 0xd0: // int 8
			return plain(1);
		case 0xcd: // uint 16
		case 0xd1: // int 16
			return plain(2);
		case 0xca: // float 32
		case 0xce: // uint 32
		case 0xd2: // int 32
			return plain(4);
		case 0xcb: // float 64
		case 0xcf: // uint 64
		case 0xd3: // int 64
			return plain(8);
		case 0xc4: // bin 8
		case 0xd9: // str 8
			return sized(1, false);
		case 0xc5: // bin 16
		case 0xda: // str 16
			return sized(2, false);
		case 0xc6: // bin 32
		case 0xdb: // str 32
			return sized(4, false);
		case 0xdc: // array 16
			return sized(2, true);
		case 0xdd: // array 32
			return sized(4, true);
		default:
			return { header: 0, body: 0, elements: 0 };
	}
}

// ---- fields: each fails with what it is, what was given and what is wanted ------------------------------------------

function wrong(field: string, given: unknown, wanted: string): SwarmError {
	const shown = typeof given === "string" ? `"${given.slice(0, 40)}"` : given === null ? "null" : typeof given;
	return new SwarmError("corrupt", `Cannot read ${field}: it is ${shown}, wanted ${wanted}`);
}

export function listOf(value: WireValue | undefined, field: string, lengthMin: number, lengthMax: number) {
	if (!Array.isArray(value) || value.length < lengthMin || value.length > lengthMax) {
		throw wrong(field, value, `a list of ${lengthMin} to ${lengthMax}`);
	}
	return value as readonly WireValue[];
}

export function textOf(value: WireValue | undefined, field: string, lengthMax: number): string {
	if (typeof value !== "string" || value.length > lengthMax) throw wrong(field, value, `text of up to ${lengthMax}`);
	return value;
}

export function bytesOf(value: WireValue | undefined, field: string, lengthMin: number, lengthMax: number): Uint8Array {
	if (!(value instanceof Uint8Array) || value.length < lengthMin || value.length > lengthMax) {
		throw wrong(field, value, `${lengthMin} to ${lengthMax} bytes`);
	}
	return value;
}

export function integerOf(value: WireValue | undefined, field: string, minimum: number, maximum: number): number {
	const number = numberOf(value, field, minimum, maximum);
	if (!Number.isSafeInteger(number)) throw wrong(field, value, "a whole number");
	return number;
}

export function numberOf(value: WireValue | undefined, field: string, minimum: number, maximum: number): number {
	if (typeof value !== "number" || !(value >= minimum && value <= maximum)) {
		throw wrong(field, value, `a number from ${minimum} to ${maximum}`);
	}
	return value;
}

export function nullableNumberOf(value: WireValue | undefined, field: string, minimum: number, maximum: number) {
	return value === null ? null : numberOf(value, field, minimum, maximum);
}

export function booleanOf(value: WireValue | undefined, field: string): boolean {
	if (typeof value !== "boolean") throw wrong(field, value, "true or false");
	return value;
}
