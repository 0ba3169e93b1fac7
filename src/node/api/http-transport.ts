// Calls over the daemon's unix socket: HTTP/1.1, a connection each, so that nothing stays open behind a command. Knows no route. Imports nothing heavy (it is on the path of every command).

import type { IncomingMessage, OutgoingHttpHeaders } from "node:http";
import { join } from "node:path";
import { SwarmError } from "../../errors.js";
import { ANSWER_LIMITS, type AnswerLimits, watchAnswers } from "./answering.js";
import {
	type Call,
	type ExecStreams,
	endedEarly,
	errorIn,
	execReader,
	jsonIn,
	linesIn,
	queryText,
	type Transport,
} from "./transport.js";

/** Not a static import: those read every export of node:http, and one of them loads all of fetch (45 ms a command). */
const { request: httpRequest } = process.getBuiltinModule("node:http");
const { connect } = process.getBuiltinModule("node:net");

export const SOCKET_NAME = "swarm.sock";

export function httpTransport(stateDirectory: string, limits = ANSWER_LIMITS): Transport {
	const door = { stateDirectory, limits };
	return {
		json: (call) => (call.stream ? sendBytes(door, call) : answerOf(door, call)),
		lines: (call) => rawLinesOf(door, call),
		bytes: (call) => bytesOf(door, call),
		exec: (call, streams) => runExec(door, call, streams),
	};
}

export interface Door {
	readonly stateDirectory: string;
	/** null: for the question whether anybody answers. */
	readonly limits: AnswerLimits | null;
}

function send(door: Door, call: Call): Promise<IncomingMessage> {
	const { stateDirectory } = door;
	const body = call.body === undefined ? null : JSON.stringify(call.body);
	return new Promise((resolve, reject) => {
		const outgoing = httpRequest({
			createConnection: () => connect(join(stateDirectory, SOCKET_NAME)),
			method: call.method,
			path: `${call.path}${queryText(call)}`,
			headers: headersOf(call, body),
			...(call.signal === undefined ? {} : { signal: call.signal }),
		});
		let response: IncomingMessage | null = null;
		const unwatch = watchDoor(door, (error) => (response ?? outgoing).destroy(error));
		outgoing.on("close", unwatch);
		outgoing.on("error", (error: NodeJS.ErrnoException) => reject(connectionError(error, stateDirectory)));
		outgoing.on("response", (begun) => {
			response = begun;
			resolve(begun);
		});
		if (call.stream) {
			outgoing.flushHeaders();
			call.stream.pipe(outgoing);
		} else outgoing.end(body ?? undefined);
	});
}

export function watchDoor({ stateDirectory, limits }: Door, onSilent: (error: Error) => void): () => void {
	if (limits === null) return () => {};
	const ping = (signal: AbortSignal) =>
		answerOf({ stateDirectory, limits: null }, { method: "GET", path: "/v1/ping", signal });
	return watchAnswers(ping, limits, () => onSilent(silent(stateDirectory)));
}

function silent(stateDirectory: string): SwarmError {
	const next = `see whether it is stopped or overloaded (\`ps\`, ${stateDirectory}/daemon.log); what was asked for may yet be done`;
	return new SwarmError(
		"unreachable",
		`Cannot finish: the daemon in ${stateDirectory} takes calls and answers none, ${next}`,
		{ retryable: true },
	);
}

/**
 * With standard input the answer may be complete before the request is: kept alive, the daemon does not close the connection under
 * what is still being written, which would take the end of the answer with it.
 */
function headersOf(call: Call, body: string | null): OutgoingHttpHeaders {
	if (call.stream) return { connection: "keep-alive" };
	return body === null ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
}

/** What comes of the answer; a connection that breaks meanwhile is told in our words. */
async function* partsOf<Part>(response: IncomingMessage, stateDirectory: string): AsyncIterable<Part> {
	try {
		for await (const part of response) yield part as Part;
	} catch (thrown) {
		throw connectionError(thrown as NodeJS.ErrnoException, stateDirectory);
	}
}

async function textOf(response: IncomingMessage, stateDirectory: string): Promise<string> {
	const parts: Buffer[] = [];
	for await (const part of partsOf<Buffer>(response, stateDirectory)) parts.push(part);
	return Buffer.concat(parts).toString();
}

/** What a socket to the daemon says, in our words. */
export function connectionError(error: NodeJS.ErrnoException, stateDirectory: string): Error {
	if (error.code === "ENOENT" || error.code === "ECONNREFUSED")
		return new SwarmError(
			"unreachable",
			`Cannot reach the node in ${stateDirectory}: no daemon answers, start it with \`swarm node start\` (or name another with --state or SWARM_STATE)`,
			{ cause: error },
		);
	if (error.code === "EACCES")
		return new SwarmError("refused", `Cannot reach the node in ${stateDirectory}: permission denied, run as root`, {
			cause: error,
		});
	if (error.code === "ECONNRESET" || error.code === "EPIPE")
		return new SwarmError("unreachable", `Cannot finish: the daemon in ${stateDirectory} went away meanwhile`, {
			cause: error,
			retryable: true,
		});
	return error;
}

async function answerOf<T>(door: Door, call: Call): Promise<T> {
	const { stateDirectory } = door;
	const response = await send(door, call);
	const text = await textOf(response, stateDirectory);
	if ((response.statusCode ?? 500) >= 400) throw errorIn(text || "{}");
	return jsonIn(text || "{}") as T;
}

async function bytesOf(door: Door, call: Call): Promise<AsyncIterable<Uint8Array>> {
	const { stateDirectory } = door;
	const response = await send(door, call);
	if ((response.statusCode ?? 500) >= 400) throw errorIn(await textOf(response, stateDirectory));
	return partsOf<Buffer>(response, stateDirectory);
}

/** The answer can come before all is sent: then nothing more is. */
async function sendBytes<T>(door: Door, call: Call): Promise<T> {
	const { stateDirectory } = door;
	const response = await send(door, call);
	const { socket } = response;
	try {
		const text = await textOf(response, stateDirectory);
		if ((response.statusCode ?? 500) >= 400) throw errorIn(text);
		return jsonIn(text) as T;
	} finally {
		socket.destroy();
	}
}

async function* rawLinesOf(door: Door, call: Call) {
	const { stateDirectory } = door;
	const response = await send(door, call);
	response.setEncoding("utf8");
	yield* linesIn(partsOf<string>(response, stateDirectory));
}

async function runExec(door: Door, call: Call, streams: ExecStreams): Promise<number> {
	const { stateDirectory } = door;
	try {
		const response = await send(door, call);
		// Kept here: a complete answer lets go of it.
		const { socket } = response;
		try {
			return await exitCodeOf(response, stateDirectory, call, streams);
		} finally {
			socket.destroy();
		}
	} finally {
		call.stream?.destroy();
	}
}

async function exitCodeOf(
	response: IncomingMessage,
	stateDirectory: string,
	call: Call,
	streams: ExecStreams,
): Promise<number> {
	if ((response.statusCode ?? 500) >= 400) throw errorIn(await textOf(response, stateDirectory));
	const take = execReader(streams);
	return new Promise((resolve, reject) => {
		let exitCode: number | null = null;
		response.on("data", (chunk: Buffer) => {
			try {
				exitCode = take(chunk);
				// What is still being sent is for nobody any more.
				if (exitCode !== null && call.stream) resolve(exitCode);
			} catch (thrown) {
				reject(thrown);
			}
		});
		response.on("error", (thrown: NodeJS.ErrnoException) => reject(connectionError(thrown, stateDirectory)));
		response.on("end", () => {
			if (exitCode === null) reject(endedEarly());
			else resolve(exitCode);
		});
	});
}
