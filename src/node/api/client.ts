// The client of the daemon's local API: what every command calls. Knows routes and framing, decides nothing, imports
// nothing heavy (it is on the path of every command).

import type { Agent as HttpAgent, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import { join } from "node:path";
import { type Readable, Transform } from "node:stream";
import { type ErrorData, SwarmError } from "../../errors.js";
import type { LogLine, MoveProgress, MoveResult, Spec, SwarmEvent, Verdict } from "../../model.js";
import type { ExecRequest, LogOptions, PoolState, TerminalSize } from "../../runtime/runtime.js";
import type {
	ContainerDetail,
	ContainerRow,
	DeployResult,
	ExecFrame,
	Explanation,
	ImageRow,
	JoinLine,
	NodeDetail,
	NodeRow,
	Ping,
	RunRequest,
	RunResult,
	StatsAnswer,
	TokenRequest,
} from "./contract.js";
import { EXEC_FRAME_BYTES_MAX, encodeInputFrame, execFrameReader } from "./frames.js";

/** Not a static import: those read every export of node:http, and one of them loads all of fetch (45 ms a command). */
const { Agent, request: httpRequest } = process.getBuiltinModule("node:http");
const { connect } = process.getBuiltinModule("node:net");

export const SOCKET_NAME = "swarm.sock";
export const DEFAULT_STATE_DIRECTORY = "/var/lib/stratoswarm/node";

/** `--state`, else SWARM_STATE, else the default. */
export function stateDirectoryOf(flag: string | null): string {
	return flag ?? process.env.SWARM_STATE ?? DEFAULT_STATE_DIRECTORY;
}

export interface ExecStreams {
	readonly stdin: Readable | null;
	/** Calls the listener with each new size of the caller's terminal; gives the function that ends it. null: no terminal. */
	readonly onResize: ((listener: (size: TerminalSize) => void) => () => void) | null;
	readonly onStdout: (bytes: Uint8Array) => void;
	readonly onStderr: (bytes: Uint8Array) => void;
}

export interface Client {
	ping(signal?: AbortSignal): Promise<Ping>;
	nodes(): Promise<readonly NodeRow[]>;
	node(name: string): Promise<NodeDetail>;
	stopDaemon(): Promise<void>;
	leave(): Promise<void>;
	createToken(request: TokenRequest): Promise<JoinLine>;
	deploy(spec: Spec): Promise<DeployResult>;
	containers(): Promise<readonly ContainerRow[]>;
	inspect(ref: string): Promise<ContainerDetail>;
	explain(workload: string): Promise<Explanation>;
	stop(workload: string): Promise<readonly ContainerRow[]>;
	start(workload: string): Promise<readonly ContainerRow[]>;
	pause(workload: string): Promise<readonly ContainerRow[]>;
	resume(workload: string): Promise<readonly ContainerRow[]>;
	/** Other limits while it runs; `null` lifts one. Fields as in a spec's `resources`. */
	update(workload: string, resources: Readonly<Record<string, unknown>>): Promise<readonly ContainerRow[]>;
	remove(workload: string): Promise<void>;
	logs(ref: string, options: LogOptions, signal: AbortSignal): AsyncIterable<LogLine>;
	/** Resolves with the exit code. */
	exec(ref: string, request: ExecRequest, streams: ExecStreams, signal: AbortSignal): Promise<number>;
	/** A tar archive; rejects before the first byte when there is no such file. */
	readFiles(ref: string, path: string, name: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
	writeFiles(ref: string, path: string, how: "as" | "into", tar: Readable, signal: AbortSignal): Promise<void>;
	commit(ref: string, image: string, onProgress: (message: string) => void, signal: AbortSignal): Promise<ImageRow>;
	/** All that a container is, with its memory when it runs, as an archive that `importState` takes. */
	exportState(ref: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
	importState(archive: Readable, signal: AbortSignal): Promise<readonly ContainerRow[]>;
	/** An OCI image layout as a tar archive. */
	exportImage(name: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
	/** Follows a container's own streams; resolves with its exit code when it ends. */
	attach(ref: string, streams: ExecStreams, signal: AbortSignal): Promise<number>;
	migrate(
		ref: string,
		to: string,
		onProgress: (progress: MoveProgress) => void,
		signal: AbortSignal,
	): Promise<MoveResult>;
	verdict(ref: string, to: string, signal: AbortSignal): Promise<Verdict>;
	/** What all running containers use, or those of one node. */
	stats(node: string | null): Promise<StatsAnswer>;
	images(): Promise<readonly ImageRow[]>;
	importImage(
		path: string,
		name: string | null,
		onProgress: (message: string) => void,
		signal: AbortSignal,
	): Promise<ImageRow>;
	removeImage(name: string): Promise<void>;
	events(options: { follow: boolean; tail: number | null }, signal: AbortSignal): AsyncIterable<SwarmEvent>;
	run(request: RunRequest, signal: AbortSignal): Promise<RunResult>;
	/** `filled`: waits until it is full, and what was removed before is deleted. */
	pool(options?: { readonly filled: boolean }): Promise<PoolState>;
	clearPool(): Promise<void>;
}

interface Call {
	readonly method: "GET" | "POST" | "DELETE";
	readonly path: string;
	readonly query?: Readonly<Record<string, string | null>>;
	readonly body?: unknown;
	/** Sent as it comes; else `body`. */
	readonly stream?: Readable | null;
	readonly signal?: AbortSignal | undefined;
	/** Whose connections are used again; null: one of its own, so that nothing stays open behind a command. */
	readonly agent?: HttpAgent | null;
}

export interface ConnectOptions {
	/** One connection for many calls: for programs that make more than one. It does not keep the process alive. */
	readonly keepAlive?: boolean;
}

export function connectLocal(stateDirectory: string, { keepAlive = false }: ConnectOptions = {}): Client {
	const agent = keepAlive ? agentOf(stateDirectory) : null;
	const json = <T>(call: Call): Promise<T> => answerOf<T>(stateDirectory, { ...call, agent });
	const ref = (name: string) => `/v1/containers/${encodeURIComponent(name)}`;
	const workload = (name: string) => `/v1/workloads/${encodeURIComponent(name)}`;
	return {
		ping: (signal) => json({ method: "GET", path: "/v1/ping", signal }),
		nodes: () => json({ method: "GET", path: "/v1/nodes" }),
		node: (name) => json({ method: "GET", path: `/v1/nodes/${encodeURIComponent(name)}` }),
		stopDaemon: () => json({ method: "POST", path: "/v1/node/stop" }),
		leave: () => json({ method: "POST", path: "/v1/node/leave" }),
		createToken: (body) => json({ method: "POST", path: "/v1/tokens", body }),
		deploy: (body) => json({ method: "POST", path: "/v1/workloads", body }),
		containers: () => json({ method: "GET", path: "/v1/containers" }),
		inspect: (name) => json({ method: "GET", path: ref(name) }),
		explain: (name) => json({ method: "GET", path: `${workload(name)}/explain` }),
		stop: (name) => json({ method: "POST", path: `${workload(name)}/stop` }),
		start: (name) => json({ method: "POST", path: `${workload(name)}/start` }),
		pause: (name) => json({ method: "POST", path: `${workload(name)}/pause` }),
		resume: (name) => json({ method: "POST", path: `${workload(name)}/resume` }),
		update: (name, body) => json({ method: "POST", path: `${workload(name)}/resources`, body }),
		remove: (name) => json({ method: "DELETE", path: workload(name) }),
		logs: (name, options, signal) =>
			linesOf<LogLine>(stateDirectory, {
				method: "GET",
				path: `${ref(name)}/logs`,
				query: {
					tail: options.tail === null ? null : String(options.tail),
					since: options.sinceMs === null ? null : String(options.sinceMs),
					follow: options.follow ? "1" : null,
					stream: options.stream,
				},
				signal,
			}),
		exec(name, request, streams, signal) {
			const stream = inputOf(streams);
			const query = { request: JSON.stringify(request) };
			// One that has input keeps its connection to itself: the answer may be over before the request is.
			const own = stream === null ? agent : null;
			const call: Call = { method: "POST", path: `${ref(name)}/exec`, query, stream, signal, agent: own };
			return runExec(stateDirectory, call, streams);
		},
		readFiles: (name, path, first, signal) =>
			bytesOf(stateDirectory, { method: "GET", path: `${ref(name)}/files`, query: { path, name: first }, signal }),
		writeFiles: (name, path, how, tar, signal) =>
			sendBytes<void>(stateDirectory, {
				method: "POST",
				path: `${ref(name)}/files`,
				query: { path, how },
				stream: tar,
				signal,
			}),
		commit: (name, image, onProgress, signal) =>
			resultOf<{ message: string }, ImageRow>(
				stateDirectory,
				{ method: "POST", path: `${ref(name)}/commit`, body: { image }, signal },
				(line) => onProgress(line.message),
			),
		exportState: (name, signal) => bytesOf(stateDirectory, { method: "GET", path: `${ref(name)}/state`, signal }),
		importState: (archive, signal) =>
			sendBytes<readonly ContainerRow[]>(stateDirectory, {
				...{ method: "POST", path: "/v1/imports", stream: archive, signal },
			}),
		exportImage: (name, signal) =>
			bytesOf(stateDirectory, { method: "GET", path: `/v1/images/${encodeURIComponent(name)}/archive`, signal }),
		attach(name, streams, signal) {
			const stream = inputOf(streams);
			const query = { stdin: stream === null ? null : "1" };
			return runExec(stateDirectory, { method: "POST", path: `${ref(name)}/attach`, query, stream, signal }, streams);
		},
		migrate: (name, to, onProgress, signal) =>
			resultOf<MoveProgress, MoveResult>(
				stateDirectory,
				{ method: "POST", path: `${ref(name)}/migrate`, body: { to, dryRun: false }, signal },
				onProgress,
			),
		verdict: (name, to, signal) =>
			resultOf<MoveProgress, Verdict>(
				stateDirectory,
				{ method: "POST", path: `${ref(name)}/migrate`, body: { to, dryRun: true }, signal },
				() => {},
			),
		stats: (node) => json({ method: "GET", path: "/v1/stats", query: { node } }),
		images: () => json({ method: "GET", path: "/v1/images" }),
		importImage: (path, name, onProgress, signal) =>
			resultOf<{ message: string }, ImageRow>(
				stateDirectory,
				{ method: "POST", path: "/v1/images", body: { path, name }, signal },
				(line) => onProgress(line.message),
			),
		removeImage: (name) => json({ method: "DELETE", path: `/v1/images/${encodeURIComponent(name)}` }),
		events: (options, signal) =>
			linesOf<SwarmEvent>(stateDirectory, {
				method: "GET",
				path: "/v1/events",
				query: { follow: options.follow ? "1" : null, tail: options.tail === null ? null : String(options.tail) },
				signal,
			}),
		pool: ({ filled } = { filled: false }) =>
			json({ method: "GET", path: "/v1/pool", query: { filled: filled ? "1" : null } }),
		clearPool: () => json({ method: "DELETE", path: "/v1/pool" }),
		run: (body, signal) => json({ method: "POST", path: "/v1/runs", body, signal }),
	};
}

function agentOf(stateDirectory: string): HttpAgent {
	const agent = new Agent({ keepAlive: true });
	agent.createConnection = () => connect(join(stateDirectory, SOCKET_NAME));
	return agent;
}

function send(stateDirectory: string, call: Call): Promise<IncomingMessage> {
	const query = Object.entries(call.query ?? {}).flatMap(([key, value]) =>
		value === null ? [] : [`${key}=${encodeURIComponent(value)}`],
	);
	const body = call.body === undefined ? null : JSON.stringify(call.body);
	return new Promise((resolve, reject) => {
		const outgoing = httpRequest({
			...(call.agent ? { agent: call.agent } : { createConnection: () => connect(join(stateDirectory, SOCKET_NAME)) }),
			method: call.method,
			path: query.length === 0 ? call.path : `${call.path}?${query.join("&")}`,
			headers: headersOf(call, body),
			...(call.signal === undefined ? {} : { signal: call.signal }),
		});
		outgoing.on("error", (error: NodeJS.ErrnoException) => reject(connectionError(error, stateDirectory)));
		outgoing.on("response", resolve);
		if (call.stream) {
			outgoing.flushHeaders();
			call.stream.pipe(outgoing);
		} else outgoing.end(body ?? undefined);
	});
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

function connectionError(error: NodeJS.ErrnoException, stateDirectory: string): Error {
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

async function answerOf<T>(stateDirectory: string, call: Call): Promise<T> {
	const response = await send(stateDirectory, call);
	const text = await textOf(response, stateDirectory);
	const value = (text === "" ? {} : JSON.parse(text)) as { error?: ErrorData };
	if ((response.statusCode ?? 500) >= 400) throw errorIn(value);
	return value as T;
}

function errorIn(value: { error?: ErrorData }): SwarmError {
	return value.error === undefined
		? new SwarmError("failed", "Cannot read the daemon's answer: it is no error of ours")
		: SwarmError.fromJSON(value.error);
}

async function bytesOf(stateDirectory: string, call: Call): Promise<AsyncIterable<Uint8Array>> {
	const response = await send(stateDirectory, call);
	if ((response.statusCode ?? 500) >= 400)
		throw errorIn(JSON.parse(await textOf(response, stateDirectory)) as { error?: ErrorData });
	return partsOf<Buffer>(response, stateDirectory);
}

/** The answer can come before all is sent: then nothing more is. */
async function sendBytes<T>(stateDirectory: string, call: Call): Promise<T> {
	const response = await send(stateDirectory, call);
	const { socket } = response;
	try {
		const text = await textOf(response, stateDirectory);
		const value = JSON.parse(text) as { error?: ErrorData };
		if ((response.statusCode ?? 500) >= 400) throw errorIn(value);
		return value as T;
	} finally {
		socket.destroy();
	}
}

type Line = Readonly<Record<string, unknown>>;

/** Lines until the end; an `{error}` line throws. */
async function* rawLinesOf(stateDirectory: string, call: Call): AsyncIterable<Line> {
	const response = await send(stateDirectory, call);
	let held = "";
	response.setEncoding("utf8");
	for await (const part of partsOf<string>(response, stateDirectory)) {
		held += part;
		for (let at = held.indexOf("\n"); at >= 0; at = held.indexOf("\n")) {
			const value = JSON.parse(held.slice(0, at)) as Line;
			held = held.slice(at + 1);
			if (isErrorLine(value)) throw errorIn(value);
			yield value;
		}
	}
	if (held !== "") {
		const value = JSON.parse(held) as Line;
		if (isErrorLine(value)) throw errorIn(value);
	}
}

function isErrorLine(value: { error?: unknown }): value is { error: ErrorData } {
	return typeof value.error === "object" && value.error !== null && "code" in value.error;
}

async function* linesOf<T>(stateDirectory: string, call: Call): AsyncIterable<T> {
	for await (const line of rawLinesOf(stateDirectory, call)) {
		if ("result" in line) return;
		yield line as T;
	}
}

async function resultOf<Progress, Result>(
	stateDirectory: string,
	call: Call,
	onProgress: (progress: Progress) => void,
): Promise<Result> {
	for await (const line of rawLinesOf(stateDirectory, call)) {
		if ("result" in line) return line.result as Result;
		onProgress(line as Progress);
	}
	throw new SwarmError("unreachable", "Cannot finish: the daemon ended the answer before the result", {
		retryable: true,
	});
}

/** The caller's input as frames; null without any. */
function inputOf({ stdin, onResize }: ExecStreams): Readable | null {
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

async function runExec(stateDirectory: string, call: Call, streams: ExecStreams): Promise<number> {
	try {
		const response = await send(stateDirectory, call);
		// Kept here: a complete answer lets go of it.
		const { socket } = response;
		try {
			return await exitCodeOf(response, stateDirectory, call, streams);
		} finally {
			if (!call.agent || !response.complete) socket.destroy();
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
	if ((response.statusCode ?? 500) >= 400)
		throw errorIn(JSON.parse(await textOf(response, stateDirectory)) as { error?: ErrorData });
	const take = execFrameReader();
	return new Promise((resolve, reject) => {
		let exitCode: number | null = null;
		const onFrame = (frame: ExecFrame) => {
			switch (frame.kind) {
				case "stdout":
					return streams.onStdout(frame.bytes);
				case "stderr":
					return streams.onStderr(frame.bytes);
				case "exit":
					exitCode = frame.exitCode;
					// What is still being sent is for nobody any more.
					return call.stream ? resolve(exitCode) : undefined;
				case "error":
					return reject(SwarmError.fromJSON(frame.error));
			}
		};
		response.on("data", (chunk: Buffer) => {
			try {
				for (const frame of take(chunk)) onFrame(frame);
			} catch (thrown) {
				reject(thrown);
			}
		});
		response.on("error", (thrown: NodeJS.ErrnoException) => reject(connectionError(thrown, stateDirectory)));
		const early = "Cannot finish exec: the daemon ended the answer before the exit code";
		response.on("end", () => {
			if (exitCode === null) reject(new SwarmError("unreachable", early));
			else resolve(exitCode);
		});
	});
}
