// A call and its answer, apart from the transport (HTTP on the unix socket, a stream of the mesh).

import { type ErrorData, SwarmError, shown } from "../../errors.js";
import { BODY_BYTES_MAX } from "./contract.js";

export interface ApiCall {
	readonly method: string;
	/** Without the query. */
	readonly path: string;
	readonly query: URLSearchParams;
	readonly body: AsyncIterable<Uint8Array>;
	/** Whether the caller may read this machine's files and stop its daemon: true on the unix socket only. */
	readonly local: boolean;
	/** Set when a guest asks over the mesh; null on the unix socket and between nodes. */
	readonly guest: GuestView | null;
	readonly signal: AbortSignal;
}

/** What of the cluster a guest may see. */
export interface GuestView {
	sees(workload: string): boolean;
}

/** Whether a user asks, not another node on a user's behalf: only then is a call sent on to the node that can answer. */
export function isFirst(call: ApiCall): boolean {
	return call.local || call.guest !== null;
}

/** Whether the caller may hear of that workload at all. */
export function sees(call: ApiCall, workload: string): boolean {
	return call.guest === null || call.guest.sees(workload);
}

export interface ApiAnswer {
	readonly status: number;
	readonly contentType: string;
	readonly body: Uint8Array | AsyncIterable<Uint8Array>;
}

export type ApiHandler = (call: ApiCall) => Promise<ApiAnswer>;

export function jsonAnswer(value: unknown): ApiAnswer {
	return { status: 200, contentType: "application/json", body: Buffer.from(JSON.stringify(value)) };
}

export function errorAnswer(error: SwarmError): ApiAnswer {
	const status = error.code === "failed" || error.code === "corrupt" ? 500 : error.code === "not-found" ? 404 : 400;
	return { status, contentType: "application/json", body: Buffer.from(JSON.stringify({ error: error.toJSON() })) };
}

/** One JSON value per line; an error becomes the last line. */
export function linesAnswer(lines: AsyncIterable<unknown>): ApiAnswer {
	return { status: 200, contentType: "application/x-ndjson", body: encodeLines(lines) };
}

async function* encodeLines(lines: AsyncIterable<unknown>): AsyncIterable<Uint8Array> {
	try {
		for await (const line of lines) yield Buffer.from(`${JSON.stringify(line)}\n`);
	} catch (thrown) {
		const error: ErrorData =
			thrown instanceof SwarmError
				? thrown.toJSON()
				: { code: "failed", message: String(thrown), retryable: false, details: {} };
		yield Buffer.from(`${JSON.stringify({ error })}\n`);
	}
}

/** Progress from callbacks and the result as lines: `work` calls `report` and resolves with the result. */
export async function* progressLines<Result>(
	work: (report: (line: unknown) => void) => Promise<Result>,
): AsyncIterable<unknown> {
	const queue: unknown[] = [];
	let wake: () => void = () => {};
	let outcome: { result: Result } | { thrown: unknown } | null = null;
	const run = work((line) => {
		queue.push(line);
		wake();
	}).then(
		(result) => {
			outcome = { result };
			wake();
		},
		(thrown: unknown) => {
			outcome = { thrown };
			wake();
		},
	);
	for (;;) {
		for (let line = queue.shift(); line !== undefined; line = queue.shift()) yield line;
		const ended = outcome as { result: Result } | { thrown: unknown } | null;
		if (ended !== null) {
			await run;
			if ("thrown" in ended) throw ended.thrown;
			yield { result: ended.result };
			return;
		}
		await new Promise<void>((resolve) => {
			wake = resolve;
		});
	}
}

/** The body as a JSON object or list; code `usage` when it is none, `too-large` past BODY_BYTES_MAX. */
export async function jsonBody(call: ApiCall): Promise<object> {
	return jsonObject(await bodyText(call));
}

/** Code `too-large` past BODY_BYTES_MAX. */
export async function bodyText(call: ApiCall): Promise<string> {
	const parts: Uint8Array[] = [];
	let bytes = 0;
	for await (const part of call.body) {
		bytes += part.length;
		if (bytes > BODY_BYTES_MAX)
			throw new SwarmError("too-large", `Cannot read the request: over ${BODY_BYTES_MAX} bytes, wanted less`);
		parts.push(part);
	}
	return Buffer.concat(parts).toString();
}

/** Or list; code `usage` when it is none. */
export function jsonObject(text: string): object {
	let value: unknown;
	try {
		value = JSON.parse(text || "{}");
	} catch (cause) {
		throw new SwarmError("usage", "Cannot read the request: the body is no JSON", { cause });
	}
	if (typeof value === "object" && value !== null) return value;
	throw new SwarmError("usage", `Cannot read the request: the body is ${text.slice(0, 64)}, wanted an object`);
}

/** Of an answer that is taken whole. */
export const ANSWER_BYTES_MAX = 256 * 1024 * 1024;

/** Its whole body; code `too-large` past ANSWER_BYTES_MAX. */
export async function answerText({ body }: ApiAnswer): Promise<string> {
	if (body instanceof Uint8Array) return Buffer.from(body).toString();
	const parts: Uint8Array[] = [];
	let bytes = 0;
	for await (const part of body) {
		bytes += part.length;
		if (bytes > ANSWER_BYTES_MAX)
			throw new SwarmError("too-large", `Cannot read the answer: it has over ${ANSWER_BYTES_MAX} bytes`);
		parts.push(part);
	}
	return Buffer.concat(parts).toString();
}

/** A field of a JSON body that must be text. */
export function textOf(body: unknown, field: string): string {
	const value = typeof body === "object" && body !== null ? (body as Record<string, unknown>)[field] : undefined;
	if (typeof value !== "string" || value === "")
		throw new SwarmError("usage", `Cannot read the request: ${field} is ${shown(value)}, wanted text`);
	return value;
}
