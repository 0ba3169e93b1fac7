// Calls of a guest over the mesh: one stream each. Knows no route. Must never hold more of an answer than ANSWER_BYTES_MAX.

import { Readable } from "node:stream";
import type { MeshStream } from "../../mesh/mesh.js";
import { callOver } from "./mesh-door.js";
import { type ApiAnswer, answerText } from "./message.js";
import { type Call, endedEarly, errorIn, execReader, jsonIn, linesIn, type Transport } from "./transport.js";

export interface StreamSource {
	/** A stream to a node that answers calls. */
	open(signal: AbortSignal): Promise<MeshStream>;
}

/** `signal`: ends every call and what it asked for. */
export function meshTransport(source: StreamSource, signal: AbortSignal): Transport {
	const ask = async (call: Call): Promise<ApiAnswer> => {
		const until = call.signal === undefined ? signal : AbortSignal.any([signal, call.signal]);
		until.throwIfAborted();
		const stream = await source.open(until);
		const query = new URLSearchParams(Object.entries(call.query ?? {}).filter(isGiven));
		const { method, path } = call;
		const answer = await callOver(stream, { method, path, query, body: bodyOf(call), signal: until });
		if (answer.status >= 400) throw errorIn(await answerText(answer));
		return answer;
	};
	return {
		async json<T>(call: Call) {
			try {
				return jsonIn((await answerText(await ask(call))) || "{}") as T;
			} finally {
				call.stream?.destroy();
			}
		},
		async *lines(call) {
			yield* linesIn(textPartsOf(await ask(call)));
		},
		bytes: async (call) => partsOf(await ask(call)),
		async exec(call, streams) {
			try {
				const take = execReader(streams);
				for await (const part of partsOf(await ask(call))) {
					const exitCode = take(part);
					if (exitCode !== null) return exitCode;
				}
				throw endedEarly();
			} finally {
				call.stream?.destroy();
			}
		},
	};
}

function isGiven(pair: readonly [string, string | null]): pair is [string, string] {
	return pair[1] !== null;
}

function bodyOf(call: Call): AsyncIterable<Uint8Array> {
	if (call.stream) return call.stream;
	return Readable.from(call.body === undefined ? [] : [Buffer.from(JSON.stringify(call.body))]);
}

async function* partsOf(answer: ApiAnswer): AsyncIterable<Uint8Array> {
	if (answer.body instanceof Uint8Array) yield answer.body;
	else yield* answer.body;
}

async function* textPartsOf(answer: ApiAnswer): AsyncIterable<string> {
	const decoder = new TextDecoder();
	for await (const part of partsOf(answer)) yield decoder.decode(part, { stream: true });
}
