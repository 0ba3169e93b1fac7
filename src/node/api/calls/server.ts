// The daemon's end of a connection of calls: one call at a time, its answer whole before the next. A caller that goes away
// aborts its call; one that does not keep to the frames loses its connection.

import type { Socket } from "node:net";
import { SwarmError } from "../../../errors.js";
import { drained } from "../../../runtime/drained.js";
import { BODY_BYTES_MAX } from "../contract.js";
import type { ApiAnswer, ApiHandler } from "../message.js";
import {
	type CallFrame,
	type CallHead,
	callFrameReader,
	callHeadOf,
	encodeEnd,
	encodeHead,
	encodeParts,
	encodeWhole,
} from "./frames.js";

export class CallsServer {
	readonly #socket: Socket;
	readonly #handler: ApiHandler;
	/** Of the call under way; null between two. */
	#abort: AbortController | null = null;
	#head: CallHead | null = null;
	#parts: Uint8Array[] = [];
	#bytes = 0;
	#closing = false;

	/** Takes the connection. `first`: what has arrived on it already. */
	constructor(socket: Socket, first: Uint8Array, handler: ApiHandler) {
		this.#socket = socket;
		this.#handler = handler;
		const read = callFrameReader("a call", callHeadOf);
		const take = (chunk: Uint8Array) => {
			try {
				for (const frame of read(chunk)) this.#take(frame);
			} catch {
				socket.destroy();
			}
		};
		socket.on("data", take);
		// The reason of a broken connection is of no use: its end is told in any case.
		socket.on("error", () => {});
		// A server's sockets stay half open otherwise.
		socket.on("end", () => socket.destroy());
		socket.on("close", () => this.#abort?.abort(new SwarmError("aborted", "Cannot go on: the caller went away")));
		if (first.length > 0) take(first);
	}

	/** Ends the connection; the answer that is under way goes out before. */
	close(): void {
		this.#closing = true;
		if (this.#abort === null) this.#socket.end();
	}

	#take(frame: CallFrame<CallHead>): void {
		if (this.#abort !== null || (frame.kind === "head") !== (this.#head === null))
			throw new SwarmError("corrupt", "Cannot read a call: a frame that is not its turn");
		if (frame.kind === "head") this.#head = frame.head;
		else if (frame.kind === "part") this.#add(frame.bytes);
		else void this.#serve().catch(() => this.#socket.destroy());
	}

	#add(bytes: Uint8Array): void {
		this.#bytes += bytes.length;
		if (this.#bytes > BODY_BYTES_MAX)
			throw new SwarmError("too-large", `Cannot read a call: over ${BODY_BYTES_MAX} bytes`);
		this.#parts.push(bytes);
	}

	async #serve(): Promise<void> {
		const { method, path, query } = this.#head as CallHead;
		const parts = this.#parts;
		const abort = new AbortController();
		this.#abort = abort;
		this.#head = null;
		this.#parts = [];
		this.#bytes = 0;
		const answer = await this.#handler({
			method,
			path,
			query: new URLSearchParams(query),
			body: bodyOf(parts),
			local: true,
			guest: null,
			signal: abort.signal,
		});
		// From here on the next call may come, and it may with the last part.
		if (answer.body instanceof Uint8Array) this.#sendWhole(answer, answer.body);
		else await this.#sendParts(answer, answer.body, abort.signal);
		if (this.#closing) this.#socket.end();
	}

	#sendWhole({ status, contentType }: ApiAnswer, body: Uint8Array): void {
		this.#abort = null;
		this.#socket.write(encodeWhole({ status, contentType }, body));
	}

	/** The head leaves with the first part. */
	async #sendParts(answer: ApiAnswer, body: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
		const { status, contentType } = answer;
		const begin = encodeHead({ status, contentType });
		let isBegun = false;
		for await (const part of body) {
			if (signal.aborted) return;
			let hasRoom = isBegun || this.#writeSoon(begin);
			isBegun = true;
			for (const frame of encodeParts(part)) hasRoom = this.#writeSoon(frame);
			if (!hasRoom) await drained(this.#socket);
		}
		this.#abort = null;
		if (!isBegun) this.#writeSoon(begin);
		this.#writeSoon(encodeEnd());
	}

	/** Each write wakes the caller: what one turn brings leaves as one. */
	#writeSoon(bytes: Uint8Array): boolean {
		if (this.#socket.writableCorked === 0) {
			this.#socket.cork();
			process.nextTick(() => this.#socket.uncork());
		}
		return this.#socket.write(bytes);
	}
}

async function* bodyOf(parts: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
	yield* parts;
}
