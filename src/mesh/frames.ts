// Small frames on the one long-lived stream to a peer: a plane byte, the length (32 bits, big-endian), the bytes.
// Must never: hold more than one unfinished frame, accept a length before it is checked.

import { SwarmError } from "../errors.js";
import { Gathered } from "../gathered.js";
import { FRAME_BYTES_MAX, type FramePlane } from "./mesh.js";

export const FRAMES_PROTOCOL = "/swarm/frames/1";
const HEADER_BYTES = 5;
const KEEP_ALIVE = 0;
const planeNumber: Readonly<Record<FramePlane, number>> = { state: 1, heartbeat: 2, digest: 3, lease: 4, consent: 5 };
const planeOf: readonly (FramePlane | null)[] = [null, "state", "heartbeat", "digest", "lease", "consent"];

/** An empty frame that only says "still here". */
export const keepAliveFrame: Uint8Array = new Uint8Array(HEADER_BYTES).fill(KEEP_ALIVE);

/** Code `too-large` past FRAME_BYTES_MAX. */
export function encodeFrame(plane: FramePlane, frame: Uint8Array): Uint8Array {
	if (frame.length > FRAME_BYTES_MAX) {
		throw new SwarmError("too-large", `Cannot send a frame of ${frame.length} bytes: ${FRAME_BYTES_MAX} are allowed`);
	}
	const encoded = Buffer.allocUnsafe(HEADER_BYTES + frame.length);
	encoded[0] = planeNumber[plane];
	encoded.writeUInt32BE(frame.length, 1);
	encoded.set(frame, HEADER_BYTES);
	return encoded;
}

/**
 * Takes the bytes of a stream as they come, calls `onFrame` for each whole frame and returns how many there were.
 * Throws `too-large` or `corrupt`; the stream is of no use afterwards.
 */
export function createFrameParser(onFrame: (plane: FramePlane, frame: Uint8Array) => void) {
	const held = new Gathered();
	let head: { readonly plane: FramePlane | null; readonly bytes: number } | null = null;

	/** One frame and nothing else, as most come. */
	const tookWhole = (bytes: Uint8Array): boolean => {
		if (head !== null || held.length > 0 || bytes.length < HEADER_BYTES) return false;
		const { plane, bytes: length } = headOf(bytes);
		if (length !== bytes.length - HEADER_BYTES) return false;
		if (plane !== null) onFrame(plane, Uint8Array.prototype.slice.call(bytes, HEADER_BYTES));
		return true;
	};

	return (bytes: Uint8Array): number => {
		if (tookWhole(bytes)) return 1;
		held.add(bytes);
		for (let count = 0; ; count++) {
			if (head === null && held.length < HEADER_BYTES) return count;
			head ??= headOf(held.take(HEADER_BYTES));
			if (held.length < head.bytes) return count;
			const { plane } = head;
			const body = held.take(head.bytes);
			head = null;
			// A copy: listeners may keep a frame without keeping the whole chunk alive.
			if (plane !== null) onFrame(plane, Uint8Array.prototype.slice.call(body));
		}
	};
}

/** null: only a sign of life. */
function headOf(header: Uint8Array): { readonly plane: FramePlane | null; readonly bytes: number } {
	const number = header[0] ?? 0;
	let bytes = 0;
	for (let at = 1; at < HEADER_BYTES; at++) bytes = bytes * 256 + (header[at] ?? 0);
	if (bytes > FRAME_BYTES_MAX) {
		throw new SwarmError("too-large", `Cannot take a frame of ${bytes} bytes: ${FRAME_BYTES_MAX} are allowed`);
	}
	if (number >= planeOf.length || (number === KEEP_ALIVE && bytes > 0)) {
		throw new SwarmError("corrupt", `Cannot take a frame of plane ${number}: there is none with that number`);
	}
	return { plane: planeOf[number] ?? null, bytes };
}
