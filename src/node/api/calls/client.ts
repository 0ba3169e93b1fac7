// The caller's end of connections of calls: one call at a time on each, used again for the next, more when several run at once. An idle
// one does not keep its process alive. Must import nothing heavy (it is on the path of every command).

import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { SwarmError } from "../../../errors.js";
import {
	type AnswerHead,
	answerHeadOf,
	CALLS_UPGRADE,
	type CallFrame,
	callFrameReader,
	encodeWhole,
} from "./frames.js";

const { request: httpRequest } = process.getBuiltinModule("node:http");

export interface OneCall {
	readonly method: string;
	readonly path: string;
	readonly query: string;
	/** "" for none. */
	readonly body: string;
	readonly signal: AbortSignal | undefined;
}

/** The answer as it comes, each part with its status; resolves when it is whole. */
export type Exchange = (call: OneCall, onPart: (part: Uint8Array, status: number) => void) => Promise<void>;

/** Looks after a call that waits (answering.ts); gives the function that ends it. */
type Watch = (onSilent: (error: Error) => void) => () => void;

/** `connect` makes a connection to the daemon's socket. Rejections are those of the socket, for the caller to put into words. */
export function openCalls(connect: () => Socket, watch: Watch): Exchange {
	const idle: Line[] = [];
	const take = async (signal: AbortSignal | undefined) => {
		for (let line = idle.pop(); line !== undefined; line = idle.pop()) if (line.isOpen) return line;
		return new Line(await upgraded(connect, watch, signal), watch);
	};
	return async (call, onPart) => {
		call.signal?.throwIfAborted();
		const line = await take(call.signal);
		await line.exchange(call, onPart);
		idle.push(line);
	};
}

/** A connection that carries calls from now on. */
function upgraded(connect: () => Socket, watch: Watch, signal: AbortSignal | undefined): Promise<Socket> {
	return new Promise((resolve, reject) => {
		const outgoing = httpRequest({
			createConnection: connect,
			path: "/v1/calls",
			headers: { connection: "upgrade", upgrade: CALLS_UPGRADE },
			...(signal === undefined ? {} : { signal }),
		});
		const unwatch = watch((error) => outgoing.destroy(error));
		outgoing.on("close", unwatch);
		outgoing.on("error", reject);
		outgoing.on("upgrade", (_response: IncomingMessage, socket: Socket) => {
			unwatch();
			resolve(socket);
		});
		outgoing.on("response", (response: IncomingMessage) => {
			response.resume();
			reject(new SwarmError("unsupported", "Cannot call the daemon: it does not know this way of calling"));
		});
		outgoing.end();
	});
}

interface Waiting {
	readonly onPart: (part: Uint8Array, status: number) => void;
	readonly settle: (error: Error | null) => void;
	status: number;
}

class Line {
	readonly #socket: Socket;
	readonly #watch: Watch;
	#waiting: Waiting | null = null;

	constructor(socket: Socket, watch: Watch) {
		this.#socket = socket;
		this.#watch = watch;
		const read = callFrameReader("an answer", answerHeadOf);
		socket.on("data", (chunk: Buffer) => {
			try {
				for (const frame of read(chunk)) this.#take(frame);
			} catch (thrown) {
				socket.destroy(thrown as Error);
			}
		});
		let reason: Error | null = null;
		socket.on("error", (error) => {
			reason = error;
		});
		socket.on("close", () => this.#waiting?.settle(reason ?? wentAway()));
	}

	get isOpen(): boolean {
		return this.#socket.writable && this.#socket.readable;
	}

	/** Ends the connection when it does not come to its end: the daemon then knows that nobody waits. */
	exchange({ method, path, query, body, signal }: OneCall, onPart: Waiting["onPart"]): Promise<void> {
		return new Promise((resolve, reject) => {
			const onAbort = () => this.#socket.destroy(signal?.reason);
			const unwatch = this.#watch((error) => this.#socket.destroy(error));
			const settle = (error: Error | null) => {
				this.#waiting = null;
				unwatch();
				signal?.removeEventListener("abort", onAbort);
				this.#socket.unref();
				if (error === null) resolve();
				else reject(error);
			};
			this.#waiting = { onPart, settle, status: 500 };
			signal?.addEventListener("abort", onAbort, { once: true });
			this.#socket.ref();
			this.#socket.write(encodeWhole({ method, path, query }, body));
			if (!this.isOpen) this.#waiting?.settle(wentAway());
		});
	}

	#take(frame: CallFrame<AnswerHead>): void {
		const waiting = this.#waiting;
		if (waiting === null) throw new SwarmError("corrupt", "Cannot read an answer: nothing was asked");
		if (frame.kind === "head") waiting.status = frame.head.status;
		else if (frame.kind === "part") waiting.onPart(frame.bytes, waiting.status);
		else waiting.settle(null);
	}
}

/** As the socket says it. */
function wentAway(): Error {
	return Object.assign(new Error("the connection ended"), { code: "ECONNRESET" });
}
