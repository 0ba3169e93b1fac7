// How calls reach a node: what the client of the local socket (http-transport.ts) and that of the mesh (mesh-transport.ts) have in
// common. Reads answers, decides nothing; must not import anything heavy (it is on the path of every command).

import { type Readable, Transform } from "node:stream";
import { SwarmError, shown } from "../../errors.js";
import type { TerminalSize } from "../../runtime/runtime.js";
import type { ExecFrame } from "./contract.js";
import { EXEC_FRAME_BYTES_MAX, encodeInputFrame, execFrameReader } from "./frames.js";

export interface Call {
	readonly method: "GET" | "POST" | "DELETE";
	readonly path: string;
	readonly query?: Readonly<Record<string, string | null>>;
	readonly body?: unknown;
	/** Sent as it comes; else `body`. */
	readonly stream?: Readable | null;
	readonly signal?: AbortSignal | undefined;
}

export type Line = Readonly<Record<string, unknown>>;

/** Every call rejects with the node's own error, or `unreachable` when none answers. An aborted signal ends the work over there too. */
export interface Transport {
	/** A JSON answer. With `stream` it may come before all is sent: then nothing more is. */
	json<T>(call: Call): Promise<T>;
	/** One JSON value a line. */
	lines(call: Call): AsyncIterable<Line>;
	/** Rejects before the first byte when the node refuses. */
	bytes(call: Call): Promise<AsyncIterable<Uint8Array>>;
	/** The exit code. */
	exec(call: Call, streams: ExecStreams): Promise<number>;
}

export interface ExecStreams {
	readonly stdin: Readable | null;
	/** Calls the listener with each new size of the caller's terminal; gives the function that ends it. null: no terminal. */
	readonly onResize: ((listener: (size: TerminalSize) => void) => () => void) | null;
	readonly onStdout: (bytes: Uint8Array) => void;
	readonly onStderr: (bytes: Uint8Array) => void;
}

/** What follows the path: escaped, with its question mark; empty without a query. */
export function queryText(call: Call): string {
	const query = Object.entries(call.query ?? {}).flatMap(([key, value]) =>
		value === null ? [] : [`${key}=${encodeURIComponent(value)}`],
	);
	return query.length === 0 ? "" : `?${query.join("&")}`;
}

/** The error in an answer that says it failed. */
export function errorIn(text: string): SwarmError {
	const value = jsonIn(text);
	if (hasError(value)) return SwarmError.fromJSON(value.error);
	return new SwarmError("corrupt", `Cannot read the daemon's answer: ${shown(value)} is no error of ours`);
}

/** Code `corrupt` when it is no JSON. */
export function jsonIn(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch (cause) {
		throw new SwarmError("corrupt", "Cannot read the daemon's answer: it is no JSON", { cause });
	}
}

/** Of one line, in characters: a container's state with all its spec takes less. */
const LINE_CHARACTERS_MAX = 64 * 1024 * 1024;

/** Lines until the end; an `{error}` line throws. */
export async function* linesIn(parts: AsyncIterable<string>): AsyncIterable<Line> {
	let begun: string[] = [];
	let characters = 0;
	for await (const part of parts) {
		const [end = "", ...more] = part.split("\n");
		begun.push(end);
		characters += end.length;
		if (characters > LINE_CHARACTERS_MAX)
			throw new SwarmError(
				"too-large",
				`Cannot read the daemon's answer: a line over ${LINE_CHARACTERS_MAX} characters`,
			);
		for (const next of more) {
			yield lineOf(begun.join(""));
			begun = [next];
			characters = next.length;
		}
	}
	const last = begun.join("");
	if (last !== "") lineOf(last);
}

function lineOf(text: string): Line {
	const value = jsonIn(text);
	if (hasError(value) && typeof value.error === "object" && value.error !== null && "code" in value.error)
		throw SwarmError.fromJSON(value.error);
	if (typeof value === "object" && value !== null) return value as Line;
	throw new SwarmError("corrupt", `Cannot read the daemon's answer: a line is ${shown(value)}, wanted an object`);
}

function hasError(value: unknown): value is { readonly error: unknown } {
	return typeof value === "object" && value !== null && "error" in value;
}

/** The caller's input as frames; null without any. */
export function inputOf({ stdin, onResize }: ExecStreams): Readable | null {
	if (stdin === null && onResize === null) return null;
	const frames = new Transform({
		transform(chunk: Uint8Array, _encoding, done) {
			for (let at = 0; at < chunk.length; at += EXEC_FRAME_BYTES_MAX)
				this.push(encodeInputFrame({ kind: "stdin", bytes: chunk.subarray(at, at + EXEC_FRAME_BYTES_MAX) }));
			done();
		},
	});
	// Without standard input it stays open: only sizes travel on it.
	stdin?.pipe(frames);
	const stop = onResize?.((size) => {
		if (!frames.writableEnded) frames.push(encodeInputFrame({ kind: "resize", size }));
	});
	frames.once("close", () => stop?.());
	return frames;
}

/** Takes what comes of an exec's answer and hands it to the caller's streams: the exit code once it is known. Throws the node's error. */
export function execReader(streams: ExecStreams): (chunk: Uint8Array) => number | null {
	const take = execFrameReader();
	let exitCode: number | null = null;
	const onFrame = (frame: ExecFrame) => {
		switch (frame.kind) {
			case "stdout":
				return streams.onStdout(frame.bytes);
			case "stderr":
				return streams.onStderr(frame.bytes);
			case "exit":
				exitCode = frame.exitCode;
				return;
			case "error":
				throw SwarmError.fromJSON(frame.error);
		}
	};
	return (chunk) => {
		for (const frame of take(chunk)) onFrame(frame);
		return exitCode;
	};
}

export function endedEarly(): SwarmError {
	return new SwarmError("unreachable", "Cannot finish exec: the daemon ended the answer before the exit code");
}
