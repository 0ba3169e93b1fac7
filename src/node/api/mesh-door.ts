// The same calls between nodes, over `/swarm/api/1`: one stream a call. First a length-prefixed JSON head {method, path,
// query}, then the body up to the end of the stream; back a head {status, contentType}, then the body. Only admitted
// nodes reach it, readers only to see the state; what concerns the machine itself (`local`) is not theirs.

import { systemClock } from "../../clock.js";
import { asSwarmError, SwarmError } from "../../errors.js";
import { Gathered } from "../../gathered.js";
import type { Mesh, MeshStream } from "../../mesh/mesh.js";
import type { NodeId } from "../../model.js";
import { type AnswerHead, answerHeadOf, type CallHead, callHeadOf } from "./calls/frames.js";
import { API_PROTOCOL } from "./contract.js";
import { type ApiAnswer, type ApiCall, type ApiHandler, errorAnswer } from "./message.js";
import { readerMayAsk } from "./readers.js";

const HEAD_BYTES_MAX = 256 * 1024;
const HEAD_MS_MAX = 10_000;

export function serveMesh(mesh: Mesh, handler: ApiHandler): void {
	const answerOf = (stream: MeshStream) => async (call: Omit<ApiCall, "local" | "guest">) => {
		if (mesh.roleOf(stream.peer) !== "reader" || readerMayAsk(call))
			return handler({ ...call, local: false, guest: null });
		return errorAnswer(new SwarmError("refused", `Cannot ${call.method} ${call.path}: ${stream.peer} is a reader`));
	};
	mesh.handle(API_PROTOCOL, (stream) => answerStream(stream, answerOf(stream)), { readers: true });
}

/** One call of a peer: read, answered, streamed back. What the peer breaks off is broken off here too. */
export async function answerStream(
	stream: MeshStream,
	answerTo: (call: Omit<ApiCall, "local" | "guest">) => Promise<ApiAnswer>,
): Promise<void> {
	const abort = new AbortController();
	const reader = new HeadReader(stream);
	const head = callHeadOf(await reader.headWithin(HEAD_MS_MAX));
	const body = reader.rest((error) => abort.abort(error));
	// A reading call has no body: its stream is watched all the same, to notice a caller that goes away.
	if (head.method === "GET") exhaust(body).catch((error: unknown) => abort.abort(error));
	const answer = await answerTo({
		method: head.method,
		path: head.path,
		query: new URLSearchParams(head.query),
		body,
		signal: abort.signal,
	});
	try {
		await stream.write(encodeHead({ status: answer.status, contentType: answer.contentType } satisfies AnswerHead));
		if (answer.body instanceof Uint8Array) await stream.write(answer.body);
		else for await (const part of answer.body) await stream.write(part);
		await stream.end();
	} catch (thrown) {
		abort.abort(thrown);
		throw thrown;
	}
}

/** Sends a call on to the node that can answer it. */
export async function forward(mesh: Mesh, to: NodeId, call: ApiCall): Promise<ApiAnswer> {
	return callOver(await mesh.open(to, API_PROTOCOL, call.signal), call);
}

/** Asks over a stream; an aborted signal ends it and what it asked for. */
export async function callOver(stream: MeshStream, call: Omit<ApiCall, "local" | "guest">): Promise<ApiAnswer> {
	const onAbort = () => stream.abort(new SwarmError("aborted", "Cannot go on: the caller went away"));
	call.signal.addEventListener("abort", onAbort, { once: true });
	if (call.signal.aborted) onAbort();
	const head: CallHead = { method: call.method, path: call.path, query: call.query.toString() };
	await stream.write(encodeHead(head));
	// A reading call leaves its side open until it has the answer: an abort is then seen over there at once.
	const reads = call.method === "GET";
	if (!reads)
		pump(call.body, stream).catch((thrown: unknown) => stream.abort(asSwarmError(thrown, "send the request")));
	const reader = new HeadReader(stream);
	const answer = answerHeadOf(await reader.head());
	const body = answerBody(reader, stream, reads, () => call.signal.removeEventListener("abort", onAbort));
	return { status: answer.status, contentType: answer.contentType, body };
}

/** Whoever stops reading before the end ends the stream. */
async function* answerBody(
	reader: HeadReader,
	stream: MeshStream,
	endAfter: boolean,
	onEnd: () => void,
): AsyncIterable<Uint8Array> {
	let whole = false;
	try {
		yield* reader.rest(() => {});
		whole = true;
		if (endAfter) await stream.end();
	} finally {
		onEnd();
		if (!whole) stream.abort(new SwarmError("aborted", "Cannot go on: the answer is not read any further"));
	}
}

async function exhaust(body: AsyncIterable<Uint8Array>): Promise<void> {
	for await (const _ of body);
}

async function pump(body: AsyncIterable<Uint8Array>, stream: MeshStream): Promise<void> {
	for await (const part of body) await stream.write(part);
	await stream.end();
}

function encodeHead(head: CallHead | AnswerHead): Uint8Array {
	const json = Buffer.from(JSON.stringify(head));
	const bytes = Buffer.alloc(4 + json.length);
	bytes.writeUInt32BE(json.length, 0);
	bytes.set(json, 4);
	return bytes;
}

class HeadReader {
	readonly #stream: MeshStream;
	readonly #held = new Gathered();

	constructor(stream: MeshStream) {
		this.#stream = stream;
	}

	/** As `head`, of a peer that must not keep a stream open for nothing. */
	async headWithin(ms: number): Promise<unknown> {
		const late = new SwarmError("timeout", `Cannot read a call of ${this.#stream.peer}: no head within ${ms} ms`);
		const cancel = systemClock.after(ms, () => this.#stream.abort(late));
		try {
			return await this.head();
		} finally {
			cancel();
		}
	}

	async head(): Promise<unknown> {
		await this.#fill(4);
		const length = this.#held.take(4).readUInt32BE(0);
		if (length > HEAD_BYTES_MAX)
			throw new SwarmError("too-large", `Cannot read a call of ${this.#stream.peer}: head of ${length} bytes`);
		await this.#fill(length);
		const json = this.#held.take(length).toString();
		try {
			return JSON.parse(json);
		} catch (cause) {
			throw new SwarmError("corrupt", `Cannot read a call of ${this.#stream.peer}: its head is no JSON`, { cause });
		}
	}

	/** What follows; `onBroken` hears when the stream ends with an error. */
	async *rest(onBroken: (error: unknown) => void): AsyncIterable<Uint8Array> {
		if (this.#held.length > 0) yield this.#held.take(this.#held.length);
		try {
			for (;;) {
				const part = await this.#stream.read();
				if (part === null) return;
				yield part;
			}
		} catch (thrown) {
			onBroken(thrown);
			throw thrown;
		}
	}

	async #fill(bytes: number): Promise<void> {
		while (this.#held.length < bytes) {
			const part = await this.#stream.read();
			if (part === null)
				throw new SwarmError("unreachable", `Cannot read from ${this.#stream.peer}: the stream ended early`, {
					retryable: true,
				});
			this.#held.add(part);
		}
	}
}
