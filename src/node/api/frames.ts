// The bodies of exec and attach on the wire, both ways: see ExecFrame and InputFrame in contract.ts. Must never hold more than one
// frame.

import { SwarmError, shown } from "../../errors.js";
import { Gathered } from "../../gathered.js";
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
		`Cannot use a terminal: its size is ${shown(value)}, wanted rows and columns from 1 to ${SIDE_MAX}`,
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
	const held = new Gathered();
	let head: { readonly kind: number; readonly bytes: number } | null = null;
	return (chunk) => {
		const frames: RawFrame[] = [];
		held.add(chunk);
		while (head !== null || held.length >= FRAME_HEADER_BYTES) {
			head ??= rawHeadOf(held.take(FRAME_HEADER_BYTES), what);
			if (held.length < head.bytes) break;
			frames.push({ kind: head.kind, payload: held.take(head.bytes) });
			head = null;
		}
		return frames;
	};
}

function rawHeadOf(header: Buffer, what: string): { readonly kind: number; readonly bytes: number } {
	const bytes = header.readUInt32BE(1);
	if (bytes > EXEC_FRAME_BYTES_MAX) throw new SwarmError("too-large", `Cannot read ${what}: frame of ${bytes} bytes`);
	return { kind: header.readUInt8(0), bytes };
}

function execFrameOf(kind: number, payload: Buffer): ExecFrame {
	switch (kind) {
		case kinds.stdout:
			return { kind: "stdout", bytes: payload };
		case kinds.stderr:
			return { kind: "stderr", bytes: payload };
		case kinds.exit:
			return { kind: "exit", exitCode: exitCodeIn(parsed(payload, "exec output")) };
		case kinds.error:
			return { kind: "error", error: SwarmError.fromJSON(parsed(payload, "exec output")).toJSON() };
		default:
			throw new SwarmError("corrupt", `Cannot read exec output: unknown frame kind ${kind}`);
	}
}

function inputFrameOf(kind: number, payload: Buffer): InputFrame {
	switch (kind) {
		case kinds.stdin:
			return { kind: "stdin", bytes: payload };
		case kinds.resize:
			return { kind: "resize", size: terminalSizeOf(parsed(payload, "exec input")) };
		default:
			throw new SwarmError("corrupt", `Cannot read exec input: unknown frame kind ${kind}`);
	}
}

function exitCodeIn(value: unknown): number {
	const { exitCode } = (value ?? {}) as { readonly exitCode?: unknown };
	if (typeof exitCode === "number" && Number.isInteger(exitCode) && exitCode >= 0 && exitCode <= 255) return exitCode;
	throw new SwarmError("corrupt", `Cannot read exec output: the exit code is ${shown(exitCode)}, wanted 0 to 255`);
}

function parsed(payload: Buffer, what: string): unknown {
	try {
		return JSON.parse(payload.toString());
	} catch (cause) {
		throw new SwarmError("corrupt", `Cannot read ${what}: a frame is no JSON`, { cause });
	}
}
