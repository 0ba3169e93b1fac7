// The bodies of exec and attach on the wire, both ways: see ExecFrame and InputFrame in contract.ts. Must never hold more than one
// frame.

import { type ErrorData, SwarmError } from "../../errors.js";
import type { TerminalSize } from "../../runtime/runtime.js";
import type { ExecFrame, InputFrame } from "./contract.js";

export const EXEC_FRAME_BYTES_MAX = 256 * 1024;
/** One byte kind, four bytes length, big-endian. */
export const FRAME_HEADER_BYTES = 5;
const kinds = { stdout: 1, stderr: 2, exit: 3, error: 4, stdin: 16, resize: 17 } as const;
/** TIOCSWINSZ takes 16 bits. */
const SIDE_MAX = 65_535;

export function encodeExecFrame(frame: ExecFrame): Uint8Array {
	return encode(kinds[frame.kind], payloadOf(frame));
}

export function encodeInputFrame(frame: InputFrame): Uint8Array {
	return encode(kinds[frame.kind], frame.kind === "stdin" ? frame.bytes : Buffer.from(JSON.stringify(frame.size)));
}

/** Whole frames out of chunks as they arrive, for a reader that is called. */
export function execFrameReader(): (chunk: Uint8Array) => readonly ExecFrame[] {
	const take = cutter("exec output");
	return (chunk) => take(chunk).map(({ kind, payload }) => execFrameOf(kind, payload));
}

export async function* decodeInputFrames(source: AsyncIterable<Uint8Array>): AsyncIterable<InputFrame> {
	const take = cutter("exec input");
	for await (const chunk of source) for (const { kind, payload } of take(chunk)) yield inputFrameOf(kind, payload);
}

/** Checks what a caller sent; code `usage` says what is wrong. */
export function terminalSizeOf(value: unknown): TerminalSize {
	const { rows, columns } = (value ?? {}) as Partial<Record<keyof TerminalSize, unknown>>;
	if (isSide(rows) && isSide(columns)) return { rows, columns };
	throw new SwarmError(
		"usage",
		`Cannot use a terminal: its size is ${JSON.stringify(value)}, wanted rows and columns from 1 to ${SIDE_MAX}`,
	);
}

function isSide(value: unknown): value is number {
	return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= SIDE_MAX;
}

function encode(kind: number, payload: Uint8Array): Uint8Array {
	const bytes = Buffer.allocUnsafe(FRAME_HEADER_BYTES + payload.length);
	bytes.writeUInt8(kind, 0);
	bytes.writeUInt32BE(payload.length, 1);
	bytes.set(payload, FRAME_HEADER_BYTES);
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

export interface RawFrame {
	readonly kind: number;
	readonly payload: Buffer;
}

/** Holds the beginning of one frame at most. Code `too-large` for one past the limit. */
export function cutter(what: string): (chunk: Uint8Array) => readonly RawFrame[] {
	let held: Buffer = Buffer.alloc(0);
	return (chunk) => {
		const frames: RawFrame[] = [];
		held = held.length === 0 ? bufferOf(chunk) : Buffer.concat([held, chunk]);
		while (held.length >= FRAME_HEADER_BYTES) {
			const length = held.readUInt32BE(1);
			if (length > EXEC_FRAME_BYTES_MAX)
				throw new SwarmError("too-large", `Cannot read ${what}: frame of ${length} bytes`);
			if (held.length < FRAME_HEADER_BYTES + length) break;
			frames.push({ kind: held.readUInt8(0), payload: held.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + length) });
			held = held.subarray(FRAME_HEADER_BYTES + length);
		}
		return frames;
	};
}

/** Without copying: streams give each chunk away. */
function bufferOf(bytes: Uint8Array): Buffer {
	return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function execFrameOf(kind: number, payload: Buffer): ExecFrame {
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

function inputFrameOf(kind: number, payload: Buffer): InputFrame {
	switch (kind) {
		case kinds.stdin:
			return { kind: "stdin", bytes: payload };
		case kinds.resize:
			return { kind: "resize", size: terminalSizeOf(parsed(payload)) };
		default:
			throw new SwarmError("corrupt", `Cannot read exec input: unknown frame kind ${kind}`);
	}
}

function parsed(payload: Buffer): unknown {
	try {
		return JSON.parse(payload.toString());
	} catch (cause) {
		throw new SwarmError("corrupt", "Cannot read exec input: a frame is no JSON", { cause });
	}
}
