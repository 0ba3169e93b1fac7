// The same calls between nodes, over `/swarm/api/1`: one stream a call. First a length-prefixed JSON head {method, path,
// query}, then the body up to the end of the stream; back a head {status, contentType}, then the body. Only admitted
// members reach it; what concerns the machine itself (`local`) is not theirs.

import { asSwarmError, SwarmError } from "../../errors.js";
import type { Mesh, MeshStream } from "../../mesh/mesh.js";
import type { NodeId } from "../../model.js";
import { API_PROTOCOL } from "./contract.js";
import type { ApiAnswer, ApiCall, ApiHandler } from "./message.js";

const HEAD_BYTES_MAX = 256 * 1024;

interface CallHead {
	readonly method: string;
	readonly path: string;
	readonly query: string;
}

interface AnswerHead {
	readonly status: number;
	readonly contentType: string;
}

export function serveMesh(mesh: Mesh, handler: ApiHandler): void {
	mesh.handle(API_PROTOCOL, async (stream) => {
		const abort = new AbortController();
		const reader = new HeadReader(stream);
		const head = await reader.head<CallHead>();
		const body = reader.rest((error) => abort.abort(error));
		// A reading call has no body: its stream is watched all the same, to notice a caller that goes away.
		if (head.method === "GET") exhaust(body).catch((error: unknown) => abort.abort(error));
		const answer = await handler({
			method: String(head.method),
			path: String(head.path),
			query: new URLSearchParams(String(head.query)),
			body,
			local: false,
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
	});
}

/** Sends a call on to the node that can answer it. */
export async function forward(mesh: Mesh, to: NodeId, call: ApiCall): Promise<ApiAnswer> {
	const stream = await mesh.open(to, API_PROTOCOL, call.signal);
	const onAbort = () => stream.abort(new SwarmError("aborted", "Cannot go on: the caller went away"));
	call.signal.addEventListener("abort", onAbort, { once: true });
	const head: CallHead = { method: call.method, path: call.path, query: call.query.toString() };
	await stream.write(encodeHead(head));
	// A reading call leaves its side open until it has the answer: an abort is then seen over there at once.
	const reads = call.method === "GET";
	if (!reads)
		pump(call.body, stream).catch((thrown: unknown) => stream.abort(asSwarmError(thrown, "send the request")));
	const reader = new HeadReader(stream);
	const answer = await reader.head<AnswerHead>();
	return { status: answer.status, contentType: answer.contentType, body: answerBody(reader, stream, reads) };
}

async function* answerBody(reader: HeadReader, stream: MeshStream, endAfter: boolean): AsyncIterable<Uint8Array> {
	yield* reader.rest(() => {});
	if (endAfter) await stream.end();
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
	#held: Buffer = Buffer.alloc(0);

	constructor(stream: MeshStream) {
		this.#stream = stream;
	}

	async head<T>(): Promise<T> {
		await this.#fill(4);
		const length = this.#held.readUInt32BE(0);
		if (length > HEAD_BYTES_MAX)
			throw new SwarmError("too-large", `Cannot read a call of ${this.#stream.peer}: head of ${length} bytes`);
		await this.#fill(4 + length);
		const json = this.#held.subarray(4, 4 + length).toString();
		this.#held = this.#held.subarray(4 + length);
		try {
			return JSON.parse(json) as T;
		} catch (cause) {
			throw new SwarmError("corrupt", `Cannot read a call of ${this.#stream.peer}: its head is no JSON`, { cause });
		}
	}

	/** What follows; `onBroken` hears when the stream ends with an error. */
	async *rest(onBroken: (error: unknown) => void): AsyncIterable<Uint8Array> {
		if (this.#held.length > 0) yield this.#held;
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
			this.#held = Buffer.concat([this.#held, part]);
		}
	}
}
