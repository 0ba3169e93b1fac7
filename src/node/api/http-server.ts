// The local door: HTTP on `<state>/swarm.sock`, mode 0600, root only. Turns requests into ApiCalls and streams answers back
// with back-pressure; a caller that goes away aborts its call.

import { once } from "node:events";
import { chmod, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { SwarmError } from "../../errors.js";
import { drained } from "../../runtime/drained.js";
import type { ApiAnswer, ApiCall } from "./message.js";

const FINISH_MS_MAX = 500;
/** How long the head of an answer waits for its first part. */
const HEAD_MS_MAX = 10;

export type ApiHandler = (call: ApiCall) => Promise<ApiAnswer>;

/** Code `conflict` when another daemon answers on that socket. */
export async function serveHttp(path: string, handler: ApiHandler): Promise<{ close(): Promise<void> }> {
	if (await answers(path))
		throw new SwarmError("conflict", `Cannot start the node: another daemon already answers on ${path}`);
	await rm(path, { force: true });
	const server = createServer((request, response) => {
		serveOne(request, response, handler).catch((error: unknown) => response.destroy(error as Error));
	});
	server.requestTimeout = 0;
	server.timeout = 0;
	server.listen(path);
	await once(server, "listening");
	await chmod(path, 0o600);
	return { close: () => closeServer(server) };
}

function answers(path: string): Promise<boolean> {
	return new Promise((resolve) => {
		const socket = connect(path);
		socket.once("connect", () => {
			socket.destroy();
			resolve(true);
		});
		socket.once("error", () => resolve(false));
	});
}

async function serveOne(request: IncomingMessage, response: ServerResponse, handler: ApiHandler): Promise<void> {
	const abort = new AbortController();
	response.on("close", () => abort.abort(new SwarmError("aborted", "Cannot go on: the caller went away")));
	const url = new URL(request.url ?? "/", "http://local");
	const answer = await handler({
		method: request.method ?? "GET",
		path: url.pathname,
		query: url.searchParams,
		body: request,
		local: true,
		signal: abort.signal,
	});
	response.writeHead(answer.status, { "content-type": answer.contentType });
	if (answer.body instanceof Uint8Array) {
		response.end(answer.body);
		return;
	}
	// With the first part, or soon: each write wakes the caller, which costs more than a short command's answer.
	const head = setTimeout(() => response.flushHeaders(), HEAD_MS_MAX);
	try {
		for await (const part of answer.body) {
			clearTimeout(head);
			if (abort.signal.aborted) return;
			if (!response.write(part)) await drained(response);
		}
	} finally {
		clearTimeout(head);
	}
	response.end();
}

async function closeServer(server: Server): Promise<void> {
	const closed = once(server, "close");
	server.close();
	server.closeIdleConnections();
	// Answers under way are finished (that of `node stop` is one); followers are not waited for.
	const timer = setTimeout(() => server.closeAllConnections(), FINISH_MS_MAX);
	await closed;
	clearTimeout(timer);
}
