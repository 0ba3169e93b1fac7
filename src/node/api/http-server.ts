// The local door: HTTP on `<state>/swarm.sock`, mode 0600, root only. Turns requests into ApiCalls and streams answers back
// with back-pressure; a caller that goes away aborts its call. A connection can be upgraded to one of many calls (calls/).

import { once } from "node:events";
import { chmod, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { SwarmError } from "../../errors.js";
import { drained } from "../../runtime/drained.js";
import { CALLS_UPGRADE } from "./calls/frames.js";
import { CallsServer } from "./calls/server.js";
import type { ApiHandler } from "./message.js";

const FINISH_MS_MAX = 500;
/** How long the head of an answer waits for its first part. */
const HEAD_MS_MAX = 10;

/** Code `conflict` when another daemon answers on that socket. */
export async function serveHttp(path: string, handler: ApiHandler): Promise<{ close(): Promise<void> }> {
	if (await answers(path))
		throw new SwarmError("conflict", `Cannot start the node: another daemon already answers on ${path}`);
	await rm(path, { force: true });
	const server = createServer((request, response) => {
		serveOne(request, response, handler).catch((error: unknown) => response.destroy(error as Error));
	});
	const lines = new Map<Socket, CallsServer>();
	server.on("upgrade", (request: IncomingMessage, socket: Socket, first: Buffer) => {
		if (request.headers.upgrade !== CALLS_UPGRADE) {
			socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
			return;
		}
		socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${CALLS_UPGRADE}\r\n\r\n`);
		lines.set(socket, new CallsServer(socket, first, handler));
		socket.once("close", () => lines.delete(socket));
	});
	server.requestTimeout = 0;
	server.timeout = 0;
	server.listen(path);
	await once(server, "listening");
	await chmod(path, 0o600);
	return { close: () => closeServer(server, lines) };
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
		guest: null,
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

async function closeServer(server: Server, lines: ReadonlyMap<Socket, CallsServer>): Promise<void> {
	const closed = once(server, "close");
	server.close();
	server.closeIdleConnections();
	for (const line of lines.values()) line.close();
	// Answers under way are finished (that of `node stop` is one); followers are not waited for.
	const timer = setTimeout(() => {
		server.closeAllConnections();
		for (const socket of lines.keys()) socket.destroy();
	}, FINISH_MS_MAX);
	await closed;
	clearTimeout(timer);
}
