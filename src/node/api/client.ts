// The client of the API: what every command and, over the mesh, every program calls. Knows the routes, decides nothing, imports
// nothing heavy (it is on the path of every command).

import type { Readable } from "node:stream";
import { SwarmError } from "../../errors.js";
import type { LogLine, MoveProgress, MoveResult, Spec, SwarmEvent, Verdict } from "../../model.js";
import type { ExecRequest, LogOptions, PoolState } from "../../runtime/runtime.js";
import type { SplitAnswer } from "../partition/report.js";
import type { VolumeWish } from "../spec/volume-wish.js";
import type { AnswerLimits } from "./answering.js";
import { callsTransport } from "./calls/transport.js";
import type {
	AuditRow,
	AuthorityChange,
	CapabilityMade,
	CapabilityRequest,
	CapabilityRow,
	ContainerDetail,
	ContainerRow,
	DeployResult,
	Explanation,
	ImageRow,
	JoinLine,
	NodeDetail,
	NodeRow,
	Ping,
	RttAnswer,
	RunRequest,
	RunResult,
	StatsAnswer,
	TokenRequest,
	TokenRow,
	VolumeDetail,
	VolumeRow,
} from "./contract.js";
import { httpTransport, SOCKET_NAME } from "./http-transport.js";
import { type Call, type ExecStreams, inputOf, type Transport } from "./transport.js";

export { type ExecStreams, SOCKET_NAME };

export const DEFAULT_STATE_DIRECTORY = "/var/lib/stratoswarm/node";

/** `--state`, else SWARM_STATE, else the default. */
export function stateDirectoryOf(flag: string | null): string {
	return flag ?? process.env.SWARM_STATE ?? DEFAULT_STATE_DIRECTORY;
}

export interface Client {
	ping(signal?: AbortSignal): Promise<Ping>;
	nodes(): Promise<readonly NodeRow[]>;
	node(name: string): Promise<NodeDetail>;
	stopDaemon(): Promise<void>;
	leave(): Promise<void>;
	createToken(request: TokenRequest): Promise<JoinLine>;
	createCapability(request: CapabilityRequest): Promise<CapabilityMade>;
	capabilities(): Promise<readonly CapabilityRow[]>;
	revokeCapability(id: string): Promise<void>;
	/** What holders of capabilities asked for, oldest first; `capability`: of one, by the beginning of its id. */
	audit(filter: { readonly tail: number | null; readonly capability: string | null }): Promise<readonly AuditRow[]>;
	tokens(): Promise<readonly TokenRow[]>;
	/** `id`, or the beginning of one. */
	revokeToken(id: string): Promise<{ readonly id: string }>;
	/** `force`: also one that is alive. */
	forget(node: string, force: boolean): Promise<void>;
	rename(node: string, name: string): Promise<{ readonly before: string; readonly after: string }>;
	rotateAuthority(graceMs: number): Promise<AuthorityChange>;
	rtt(): Promise<RttAnswer>;
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
	importState(archive: Readable, name: string | null, signal: AbortSignal): Promise<readonly ContainerRow[]>;
	/** What each node saw and did during splits. */
	splits(): Promise<SplitAnswer>;
	/** A losing copy that a node keeps, as an archive that `importState` takes; null: this node. */
	keptCopy(id: string, node: string | null, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
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
	volumes(): Promise<readonly VolumeRow[]>;
	/** `node`: by name; null: the node that is asked for a new one, else the only one that holds it. */
	volume(name: string, node: string | null): Promise<VolumeDetail>;
	createVolume(wish: VolumeWish, node: string | null): Promise<VolumeRow>;
	removeVolume(name: string, node: string | null): Promise<void>;
	events(options: { follow: boolean; tail: number | null }, signal: AbortSignal): AsyncIterable<SwarmEvent>;
	run(request: RunRequest, signal: AbortSignal): Promise<RunResult>;
	/** `filled`: waits until it is full, and what was removed before is deleted. */
	pool(options?: { readonly filled: boolean }): Promise<PoolState>;
	clearPool(): Promise<void>;
}

export interface ConnectOptions {
	/** One connection for many calls, each three times as fast: for programs that make more than one. It does not keep the process alive. */
	readonly keepAlive?: boolean;
	/** How long a daemon that answers nothing is waited for. */
	readonly limits?: AnswerLimits;
}

export function connectLocal(stateDirectory: string, { keepAlive = false, limits }: ConnectOptions = {}): Client {
	return clientOver(keepAlive ? callsTransport(stateDirectory, limits) : httpTransport(stateDirectory, limits));
}

/** The same calls, whichever way they go. */
export function clientOver(transport: Transport): Client {
	const { json } = transport;
	const lines = <T>(call: Call) => linesOf<T>(transport, call);
	const result = <Progress, Result>(call: Call, onProgress: (progress: Progress) => void) =>
		resultOf<Progress, Result>(transport, call, onProgress);
	const ref = (name: string) => `/v1/containers/${encodeURIComponent(name)}`;
	const node = (name: string) => `/v1/nodes/${encodeURIComponent(name)}`;
	const workload = (name: string) => `/v1/workloads/${encodeURIComponent(name)}`;
	const volume = (name: string) => `/v1/volumes/${encodeURIComponent(name)}`;
	return {
		ping: (signal) => json({ method: "GET", path: "/v1/ping", signal }),
		nodes: () => json({ method: "GET", path: "/v1/nodes" }),
		node: (name) => json({ method: "GET", path: node(name) }),
		stopDaemon: () => json({ method: "POST", path: "/v1/node/stop" }),
		leave: () => json({ method: "POST", path: "/v1/node/leave" }),
		createToken: (body) => json({ method: "POST", path: "/v1/tokens", body }),
		createCapability: (body) => json({ method: "POST", path: "/v1/capabilities", body }),
		capabilities: () => json({ method: "GET", path: "/v1/capabilities" }),
		revokeCapability: (id) => json({ method: "DELETE", path: `/v1/capabilities/${encodeURIComponent(id)}` }),
		audit: ({ tail, capability }) =>
			json({ method: "GET", path: "/v1/audit", query: { tail: tail === null ? null : String(tail), capability } }),
		tokens: () => json({ method: "GET", path: "/v1/tokens" }),
		revokeToken: (id) => json({ method: "DELETE", path: `/v1/tokens/${encodeURIComponent(id)}` }),
		forget: (name, force) => json({ method: "POST", path: `${node(name)}/forget`, body: { force } }),
		rename: (name, after) => json({ method: "POST", path: `${node(name)}/rename`, body: { name: after } }),
		rotateAuthority: (graceMs) => json({ method: "POST", path: "/v1/authority", body: { graceMs } }),
		rtt: () => json({ method: "GET", path: "/v1/rtt" }),
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
			lines<LogLine>({
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
			const call: Call = { method: "POST", path: `${ref(name)}/exec`, query, stream, signal };
			return transport.exec(call, streams);
		},
		readFiles: (name, path, first, signal) =>
			transport.bytes({ method: "GET", path: `${ref(name)}/files`, query: { path, name: first }, signal }),
		writeFiles: (name, path, how, tar, signal) =>
			json<void>({
				method: "POST",
				path: `${ref(name)}/files`,
				query: { path, how },
				stream: tar,
				signal,
			}),
		commit: (name, image, onProgress, signal) =>
			result<{ message: string }, ImageRow>(
				{ method: "POST", path: `${ref(name)}/commit`, body: { image }, signal },
				(line) => onProgress(line.message),
			),
		exportState: (name, signal) => transport.bytes({ method: "GET", path: `${ref(name)}/state`, signal }),
		importState: (archive, name, signal) =>
			json<readonly ContainerRow[]>({
				...{ method: "POST", path: "/v1/imports", query: { name }, stream: archive, signal },
			}),
		splits: () => json({ method: "GET", path: "/v1/splits" }),
		keptCopy: (id, node, signal) =>
			transport.bytes({ method: "GET", path: `/v1/superseded/${encodeURIComponent(id)}`, query: { node }, signal }),
		exportImage: (name, signal) =>
			transport.bytes({ method: "GET", path: `/v1/images/${encodeURIComponent(name)}/archive`, signal }),
		attach(name, streams, signal) {
			const stream = inputOf(streams);
			const query = { stdin: stream === null ? null : "1" };
			return transport.exec({ method: "POST", path: `${ref(name)}/attach`, query, stream, signal }, streams);
		},
		migrate: (name, to, onProgress, signal) =>
			result<MoveProgress, MoveResult>(
				{ method: "POST", path: `${ref(name)}/migrate`, body: { to, dryRun: false }, signal },
				onProgress,
			),
		verdict: (name, to, signal) =>
			result<MoveProgress, Verdict>(
				{ method: "POST", path: `${ref(name)}/migrate`, body: { to, dryRun: true }, signal },
				() => {},
			),
		stats: (node) => json({ method: "GET", path: "/v1/stats", query: { node } }),
		images: () => json({ method: "GET", path: "/v1/images" }),
		importImage: (path, name, onProgress, signal) =>
			result<{ message: string }, ImageRow>(
				{ method: "POST", path: "/v1/images", body: { path, name }, signal },
				(line) => onProgress(line.message),
			),
		removeImage: (name) => json({ method: "DELETE", path: `/v1/images/${encodeURIComponent(name)}` }),
		volumes: () => json({ method: "GET", path: "/v1/volumes" }),
		volume: (name, node) => json({ method: "GET", path: volume(name), query: { node } }),
		createVolume: (body, node) => json({ method: "POST", path: "/v1/volumes", query: { node }, body }),
		removeVolume: (name, node) => json({ method: "DELETE", path: volume(name), query: { node } }),
		events: (options, signal) =>
			lines<SwarmEvent>({
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

async function* linesOf<T>(transport: Transport, call: Call): AsyncIterable<T> {
	for await (const line of transport.lines(call)) {
		if ("result" in line) return;
		yield line as T;
	}
}

async function resultOf<Progress, Result>(
	transport: Transport,
	call: Call,
	onProgress: (progress: Progress) => void,
): Promise<Result> {
	for await (const line of transport.lines(call)) {
		if ("result" in line) return line.result as Result;
		onProgress(line as Progress);
	}
	throw new SwarmError("unreachable", "Cannot finish: the daemon ended the answer before the result", {
		retryable: true,
	});
}
