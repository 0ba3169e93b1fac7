// Small frames on the one long-lived stream to a peer: a plane byte, the length (32 bits, big-endian), the bytes.
// Must never: hold more than one unfinished frame, accept a length before it is checked.

import { SwarmError } from "../errors.js";
import { FRAME_BYTES_MAX, type FramePlane } from "./mesh.js";

export const FRAMES_PROTOCOL = "/swarm/frames/1";
const HEADER_BYTES = 5;
const KEEP_ALIVE = 0;
const planeNumber: Readonly<Record<FramePlane, number>> = { state: 1, heartbeat: 2, digest: 3, lease: 4 };
const planeOf: readonly (FramePlane | null)[] = [null, "state", "heartbeat", "digest", "lease"];

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
	let chunks: Uint8Array[] = [];
	let held = 0;
	let wanted = HEADER_BYTES;

	return (bytes: Uint8Array): number => {
		chunks.push(bytes);
		held += bytes.length;
		if (held < wanted) return 0;
		let rest: Uint8Array = chunks.length === 1 ? bytes : Buffer.concat(chunks);
		let count = 0;
		for (;;) {
			wanted = frameBytes(rest);
			if (rest.length < wanted) break;
			const plane = planeOf[rest[0] ?? KEEP_ALIVE] ?? null;
			// A copy: listeners may keep a frame without keeping the whole chunk alive.
			if (plane !== null) onFrame(plane, Uint8Array.prototype.slice.call(rest, HEADER_BYTES, wanted));
			rest = rest.subarray(wanted);
			count++;
		}
		chunks = rest.length === 0 ? [] : [rest];
		held = rest.length;
		return count;
	};
}

/** Size of the frame that starts here with its header; the header's own size while that is not whole. */
function frameBytes(bytes: Uint8Array): number {
	if (bytes.length < HEADER_BYTES) return HEADER_BYTES;
	const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
	if (length > FRAME_BYTES_MAX) {
		throw new SwarmError("too-large", `Cannot take a frame of ${length} bytes: ${FRAME_BYTES_MAX} are allowed`);
	}
	const plane = bytes[0] ?? KEEP_ALIVE;
	if (plane >= planeOf.length || (plane === KEEP_ALIVE && length > 0)) {
		throw new SwarmError("corrupt", `Cannot take a frame of plane ${plane}: there is none with that number`);
	}
	return HEADER_BYTES + length;
}
