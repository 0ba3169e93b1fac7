// The exec answer on the wire: see ExecFrame in contract.ts. Must never buffer more than one frame.

import { type ErrorData, SwarmError } from "../../errors.js";
import type { ExecFrame } from "./contract.js";

export const EXEC_FRAME_BYTES_MAX = 256 * 1024;
const HEADER_BYTES = 5;
const kinds = { stdout: 1, stderr: 2, exit: 3, error: 4 } as const;

export function encodeExecFrame(frame: ExecFrame): Uint8Array {
	const payload = payloadOf(frame);
	const bytes = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
	bytes.writeUInt8(kinds[frame.kind], 0);
	bytes.writeUInt32BE(payload.length, 1);
	bytes.set(payload, HEADER_BYTES);
	return bytes;
}

function payloadOf(frame: ExecFrame): Uint8Array {
	switch (frame.kind) {
		case "stdout":
		case "stderr":
			return frame.bytes;
		case "exit":
			return Buffer.from(JSON.stringify({ exitCode: frame.exitCode }));
		case "error":
			return Buffer.from(JSON.stringify(frame.error));
	}
}

export async function* decodeExecFrames(source: AsyncIterable<Uint8Array>): AsyncIterable<ExecFrame> {
	let held = Buffer.alloc(0);
	for await (const chunk of source) {
		held = held.length === 0 ? Buffer.from(chunk) : Buffer.concat([held, chunk]);
		while (held.length >= HEADER_BYTES) {
			const length = held.readUInt32BE(1);
			if (length > EXEC_FRAME_BYTES_MAX)
				throw new SwarmError("too-large", `Cannot read exec output: frame of ${length} bytes`);
			if (held.length < HEADER_BYTES + length) break;
			yield decodeFrame(held.readUInt8(0), held.subarray(HEADER_BYTES, HEADER_BYTES + length));
			held = held.subarray(HEADER_BYTES + length);
		}
	}
}

function decodeFrame(kind: number, payload: Buffer): ExecFrame {
	switch (kind) {
		case kinds.stdout:
			return { kind: "stdout", bytes: payload };
		case kinds.stderr:
			return { kind: "stderr", bytes: payload };
		case kinds.exit:
			return { kind: "exit", exitCode: (JSON.parse(payload.toString()) as { exitCode: number }).exitCode };
		case kinds.error:
			return { kind: "error", error: JSON.parse(payload.toString()) as ErrorData };
		default:
			throw new SwarmError("corrupt", `Cannot read exec output: unknown frame kind ${kind}`);
	}
}
