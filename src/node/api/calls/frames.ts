// Calls and answers on a connection that carries one after the other (http-server.ts offers it by an upgrade): a head, parts of the body,
// the end, each a frame. For programs that make many calls: HTTP of Node takes a millisecond for a short one, this a third. Pure.

import { SwarmError, shown } from "../../../errors.js";
import { cutter, EXEC_FRAME_BYTES_MAX, FRAME_HEADER_BYTES } from "../frames.js";

/** Name of the upgrade; another version has another one. */
export const CALLS_UPGRADE = "swarm-calls-1";

const kinds = { head: 1, part: 2, end: 3 } as const;
const PART_BYTES_MAX = EXEC_FRAME_BYTES_MAX;

/** To the daemon. Its answer has all arrived before the next one is sent. */
export interface CallHead {
	readonly method: string;
	/** Without the query. */
	readonly path: string;
	/** Without the question mark; "" for none. */
	readonly query: string;
}

/** From the daemon. */
export interface AnswerHead {
	readonly status: number;
	readonly contentType: string;
}

export type CallFrame<Head> =
	| { readonly kind: "head"; readonly head: Head }
	| { readonly kind: "part"; readonly bytes: Uint8Array }
	| { readonly kind: "end" };

/** A call or an answer whose body is there as a whole. */
export function encodeWhole(head: CallHead | AnswerHead, body: string | Uint8Array): Uint8Array {
	const first = JSON.stringify(head);
	const firstBytes = Buffer.byteLength(first);
	const bodyBytes = typeof body === "string" ? Buffer.byteLength(body) : body.length;
	if (firstBytes > PART_BYTES_MAX || bodyBytes > PART_BYTES_MAX)
		return Buffer.concat([encodeHead(head), ...encodeParts(body), encodeEnd()]);
	const bytes = Buffer.allocUnsafe(3 * FRAME_HEADER_BYTES + firstBytes + bodyBytes);
	let at = writeHeader(bytes, 0, kinds.head, firstBytes);
	at += bytes.write(first, at);
	at = writeHeader(bytes, at, kinds.part, bodyBytes);
	at += typeof body === "string" ? bytes.write(body, at) : copied(body, bytes, at);
	writeHeader(bytes, at, kinds.end, 0);
	return bytes;
}

export function encodeHead(head: CallHead | AnswerHead): Uint8Array {
	const payload = Buffer.from(JSON.stringify(head));
	if (payload.length > PART_BYTES_MAX)
		throw new SwarmError(
			"too-large",
			`Cannot send the call: its head is ${payload.length} bytes, wanted ${PART_BYTES_MAX}`,
		);
	return encodeFrame(kinds.head, payload);
}

/** As many frames as it takes. */
export function encodeParts(body: string | Uint8Array): readonly Uint8Array[] {
	const bytes = typeof body === "string" ? Buffer.from(body) : body;
	const parts: Uint8Array[] = [];
	for (let at = 0; at < bytes.length; at += PART_BYTES_MAX)
		parts.push(encodeFrame(kinds.part, bytes.subarray(at, at + PART_BYTES_MAX)));
	return parts;
}

export function encodeEnd(): Uint8Array {
	return encodeFrame(kinds.end, new Uint8Array(0));
}

/** The head of a call as it arrived; `corrupt` when it is none. */
export function callHeadOf(value: unknown): CallHead {
	const { method, path, query } = (value ?? {}) as Partial<Record<keyof CallHead, unknown>>;
	if (typeof method === "string" && typeof path === "string" && typeof query === "string")
		return { method, path, query };
	throw new SwarmError("corrupt", `Cannot read a call: its head is ${shown(value)}, wanted method, path and query`);
}

/** The same of an answer. */
export function answerHeadOf(value: unknown): AnswerHead {
	const { status, contentType } = (value ?? {}) as Partial<Record<keyof AnswerHead, unknown>>;
	if (typeof status === "number" && typeof contentType === "string") return { status, contentType };
	throw new SwarmError("corrupt", `Cannot read an answer: its head is ${shown(value)}, wanted status and contentType`);
}

/** Whole frames out of chunks as they arrive, heads by `headOf`. Throws `corrupt` or `too-large` for what is none. */
export function callFrameReader<Head>(
	what: string,
	headOf: (value: unknown) => Head,
): (chunk: Uint8Array) => readonly CallFrame<Head>[] {
	const take = cutter(what);
	return (chunk) =>
		take(chunk).map(({ kind, payload }): CallFrame<Head> => {
			if (kind === kinds.part) return { kind: "part", bytes: payload };
			if (kind === kinds.end) return { kind: "end" };
			if (kind === kinds.head) return { kind: "head", head: headOf(parsed(payload, what)) };
			throw new SwarmError("corrupt", `Cannot read ${what}: unknown frame kind ${kind}`);
		});
}

function parsed(payload: Buffer, what: string): unknown {
	try {
		return JSON.parse(payload.toString());
	} catch (cause) {
		throw new SwarmError("corrupt", `Cannot read ${what}: its head is no JSON`, { cause });
	}
}

function encodeFrame(kind: number, payload: Uint8Array): Uint8Array {
	const bytes = Buffer.allocUnsafe(FRAME_HEADER_BYTES + payload.length);
	copied(payload, bytes, writeHeader(bytes, 0, kind, payload.length));
	return bytes;
}

function writeHeader(bytes: Buffer, at: number, kind: number, length: number): number {
	bytes.writeUInt8(kind, at);
	return bytes.writeUInt32BE(length, at + 1);
}

function copied(from: Uint8Array, to: Buffer, at: number): number {
	to.set(from, at);
	return from.length;
}
