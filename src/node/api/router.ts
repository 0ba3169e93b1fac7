// From a call to an operation: parses at the door, forwards what lives on another node, decides nothing else.

import { asSwarmError, SwarmError } from "../../errors.js";
import {
	type ContainerId,
	type MoveProgress,
	type NodeId,
	type Verdict,
	type VerdictCheck,
	workloadOf,
} from "../../model.js";
import { normalizedName } from "../../runtime/image/name.js";
import type { LogOptions, RuntimePool } from "../../runtime/runtime.js";
import type { EventLog } from "../events.js";
import { type Capabilities, capabilityRequestOf } from "../guests/capabilities.js";
import { leaseInWords } from "../lease/notes.js";
import { placementCheck, refuseUnfitTarget } from "../move-target.js";
import type { Operations } from "../operations.js";
import type { SplitRecord } from "../partition/split-log.js";
import type { NodePorts } from "../ports.js";
import { imageRows, nodeRows } from "../rows.js";
import { validateSpec } from "../spec/validate-spec.js";
import {
	type AdmissionActions,
	createToken,
	forget,
	listTokens,
	rename,
	revokeToken,
	rotateAuthority,
	rtt,
} from "./admission.js";
import type { ContainerDetail, ContainerRow, ImageRow, NodeDetail, Ping, RunRequest, RunResult } from "./contract.js";
import { execAnswer, execRequestOf } from "./exec.js";
import { forward } from "./mesh-door.js";
import type { ApiHandler } from "./message.js";
import {
	type ApiAnswer,
	type ApiCall,
	answerText,
	bodyText,
	errorAnswer,
	isFirst,
	jsonAnswer,
	jsonBody,
	linesAnswer,
	progressLines,
	sees,
	textOf,
} from "./message.js";
import { withNodeNames } from "./node-names.js";
import { readerDoes } from "./readers.js";
import { changeHere, updateWorkload } from "./resources.js";
import { runRequestOf } from "./run-request.js";
import { listSplits, sendKept } from "./splits.js";
import { stats } from "./stats.js";
import { jsonIn } from "./transport.js";
import { createVolume, listVolumes, removeVolume, showVolume } from "./volumes.js";
import { watchDocuments, watchRows } from "./watch.js";

/** What only the daemon can do; the rest is in Operations. */
export interface DaemonActions extends AdmissionActions {
	ping(): Ping;
	stop(): void;
	leave(signal: AbortSignal): Promise<void>;
	importImage(
		path: string,
		name: string | null,
		onProgress: (message: string) => void,
		signal: AbortSignal,
	): Promise<ImageRow>;
	removeImage(name: string): Promise<void>;
	/** For a container of this node. */
	commit(
		container: ContainerId,
		name: string,
		onProgress: (message: string) => void,
		signal: AbortSignal,
	): Promise<ImageRow>;
	/** Spec, written files, logs and memory of a container of this node, as a tar (state-archive/). */
	exportState(container: ContainerId, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
	/** The containers that came of it. */
	importState(
		archive: AsyncIterable<Uint8Array>,
		name: string | null,
		signal: AbortSignal,
	): Promise<readonly ContainerRow[]>;
	/** That this node saw; and one of the copies that it kept of them. */
	splits(): readonly SplitRecord[];
	keptArchive(id: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
	/** An OCI layout as a tar; null when the image is not on this node. */
	exportImage(name: string): AsyncIterable<Uint8Array> | null;
	run(request: RunRequest, signal: AbortSignal): Promise<RunResult>;
	requestedOn(node: NodeId): { readonly cpus: number; readonly memoryBytes: number };
}

interface Context {
	readonly capabilities: Capabilities;
	readonly ports: NodePorts;
	readonly operations: Operations;
	readonly events: EventLog;
	readonly daemon: DaemonActions;
}

interface Match extends Context {
	readonly call: ApiCall;
	/** What stood for `:name` or `:ref`, decoded. */
	readonly name: string;
}

interface Route {
	readonly method: string;
	readonly pattern: RegExp;
	readonly localOnly: boolean;
	readonly answer: (match: Match) => Promise<ApiAnswer> | ApiAnswer;
}

const routes: readonly Route[] = [
	route("GET", "/v1/ping", ({ daemon }) => jsonAnswer(daemon.ping())),
	route("GET", "/v1/nodes", ({ operations, ports }) =>
		jsonAnswer(nodeRows(operations.view(), ports.membership, ports.state.self)),
	),
	route("GET", "/v1/nodes/:", nodeDetail),
	localRoute("POST", "/v1/node/stop", ({ daemon }) => {
		daemon.stop();
		return jsonAnswer({});
	}),
	localRoute("POST", "/v1/node/leave", async ({ daemon, call }) => {
		await daemon.leave(call.signal);
		return jsonAnswer({});
	}),
	localRoute("POST", "/v1/nodes/:/forget", forget),
	route("POST", "/v1/nodes/:/rename", rename),
	localRoute("POST", "/v1/tokens", createToken),
	localRoute("GET", "/v1/tokens", listTokens),
	localRoute("DELETE", "/v1/tokens/:", revokeToken),
	localRoute("POST", "/v1/authority", rotateAuthority),
	route("GET", "/v1/rtt", rtt),
	route("POST", "/v1/workloads", async ({ operations, call }) =>
		jsonAnswer(await operations.deploy(validateSpec(await jsonBody(call)), call.signal)),
	),
	route("GET", "/v1/workloads/:/explain", ({ operations, name }) => jsonAnswer(operations.explain(name))),
	route("POST", "/v1/workloads/:/stop", async ({ operations, name, call }) =>
		jsonAnswer(await operations.stop(name, call.signal)),
	),
	route("POST", "/v1/workloads/:/start", async ({ operations, name, call }) =>
		jsonAnswer(await operations.start(name, call.signal)),
	),
	route("POST", "/v1/workloads/:/pause", async ({ operations, name, call }) =>
		jsonAnswer(await operations.pause(name, call.signal)),
	),
	route("POST", "/v1/workloads/:/resume", async ({ operations, name, call }) =>
		jsonAnswer(await operations.resume(name, call.signal)),
	),
	route("POST", "/v1/workloads/:/resources", updateWorkload),
	route("DELETE", "/v1/workloads/:", async ({ operations, name, call }) => {
		await operations.remove(name, call.signal);
		return jsonAnswer({});
	}),
	route("GET", "/v1/containers", ({ operations, call }) =>
		jsonAnswer(operations.rows().filter(({ workload }) => sees(call, workload))),
	),
	route("GET", "/v1/containers/:", inspect),
	route("GET", "/v1/containers/:/logs", (match) => onOwner(match, logs)),
	route("POST", "/v1/containers/:/exec", (match) => onOwner(match, exec)),
	route("GET", "/v1/containers/:/files", (match) => onOwner(match, readFiles)),
	route("POST", "/v1/containers/:/files", (match) => onOwner(match, writeFiles)),
	route("GET", "/v1/containers/:/state", (match) => onOwner(match, exportState)),
	localRoute("POST", "/v1/imports", async ({ daemon, call }) =>
		jsonAnswer(await daemon.importState(call.body, call.query.get("name"), call.signal)),
	),
	route("POST", "/v1/containers/:/commit", (match) => onOwner(match, commit)),
	route("POST", "/v1/containers/:/attach", (match) => onOwner(match, attach)),
	route("POST", "/v1/containers/:/migrate", (match) => onOwner(match, migrate)),
	route("POST", "/v1/containers/:/resources", changeHere),
	route("GET", "/v1/containers/:/runtime", (match) => onOwner(match, runtimeDetail)),
	route("GET", "/v1/splits", listSplits),
	route("GET", "/v1/superseded/:", sendKept),
	route("GET", "/v1/stats", stats),
	route("GET", "/v1/images", ({ operations }) => jsonAnswer(imageRows(operations.view()))),
	localRoute("POST", "/v1/images", importImage),
	route("GET", "/v1/images/:/archive", exportImage),
	localRoute("DELETE", "/v1/images/:", async ({ daemon, name }) => {
		await daemon.removeImage(name);
		return jsonAnswer({});
	}),
	route("GET", "/v1/volumes", listVolumes),
	route("POST", "/v1/volumes", createVolume),
	route("GET", "/v1/volumes/:", showVolume),
	route("DELETE", "/v1/volumes/:", removeVolume),
	route("GET", "/v1/events", ({ events, call }) => linesAnswer(eventsFor(events, call))),
	route("GET", "/v1/watch", (match) => linesAnswer(watchRows(match))),
	route("GET", "/v1/watch/documents", watchDocuments),
	localRoute("GET", "/v1/capabilities", ({ capabilities }) => jsonAnswer(capabilities.list())),
	localRoute("POST", "/v1/capabilities", async ({ capabilities, call }) =>
		jsonAnswer(await capabilities.create(capabilityRequestOf(await jsonBody(call)))),
	),
	localRoute("DELETE", "/v1/capabilities/:", async ({ capabilities, name }) => {
		await capabilities.revoke(name);
		return jsonAnswer({});
	}),
	localRoute("GET", "/v1/audit", ({ capabilities, call: { query } }) =>
		jsonAnswer(capabilities.audit({ tail: countOf(query.get("tail"), "tail"), capability: query.get("capability") })),
	),
	localRoute("GET", "/v1/pool", async ({ ports, call }) => {
		const pool = poolOf(ports);
		if (call.query.get("filled") === "1") await pool.filled();
		return jsonAnswer(pool.state());
	}),
	localRoute("DELETE", "/v1/pool", async ({ ports }) => {
		await poolOf(ports).clear();
		return jsonAnswer({});
	}),
	localRoute("POST", "/v1/runs", async ({ daemon, call }) =>
		jsonAnswer(await daemon.run(runRequestOf(await bodyText(call)), call.signal)),
	),
];

function route(method: string, path: string, answer: Route["answer"]): Route {
	return { method, pattern: new RegExp(`^${path.replaceAll(":", "([^/]+)")}$`), localOnly: false, answer };
}

function localRoute(method: string, path: string, answer: Route["answer"]): Route {
	return { ...route(method, path, answer), localOnly: true };
}

/** Answers every call; never throws. */
export function createRouter(context: Context): ApiHandler {
	return async (call) => {
		try {
			if (context.ports.own().role === "reader" && !readerDoes(call))
				throw new SwarmError("refused", `Cannot ${call.method} ${call.path}: this node is a reader, ask a member`);
			for (const candidate of routes) {
				const match = candidate.method === call.method ? candidate.pattern.exec(call.path) : null;
				if (match === null) continue;
				if (candidate.localOnly && !call.local)
					throw new SwarmError("refused", `Cannot ${call.method} ${call.path}: only on the node's own machine`);
				return await candidate.answer({ ...context, call, name: nameIn(match[1] ?? "") });
			}
			throw new SwarmError("not-found", `Cannot ${call.method} ${call.path}: there is no such call`);
		} catch (thrown) {
			const error = asSwarmError(thrown, `${call.method} ${call.path}`);
			if (error.code === "failed")
				context.ports.logger.error("call failed", { path: call.path, error, stack: error.stack });
			return errorAnswer(withNodeNames(error, context.operations.view().nodes));
		}
	};
}

function nameIn(segment: string): string {
	try {
		return decodeURIComponent(segment);
	} catch (cause) {
		throw new SwarmError("usage", `Cannot read the request: ${segment} is no escaped name`, { cause });
	}
}

/** Answers here when this node owns the container, else there. */
async function onOwner(
	match: Match,
	answer: (match: Match, container: ContainerId) => Promise<ApiAnswer> | ApiAnswer,
): Promise<ApiAnswer> {
	const { operations, ports, call } = match;
	const { container } = operations.resolve(match.name);
	const owner = operations.view().claims.get(container)?.owner ?? null;
	if (owner === null)
		throw new SwarmError("conflict", `Cannot reach ${container}: it is not placed yet, see \`swarm explain\``, {
			retryable: true,
		});
	if (owner === ports.state.self) {
		if (ports.runtime.get(container) === null) throw notHere(match, container);
		return answer(match, container);
	}
	if (!isFirst(call))
		throw new SwarmError("conflict", `Cannot answer for ${container}: it is not here any more, try again`, {
			retryable: true,
		});
	return forward(ports.mesh, owner, { ...call, path: pathFor(call.path, container) });
}

/** `/v1/containers/:/…` with the container's id where the caller may have named its workload. */
function pathFor(path: string, container: ContainerId): string {
	return path.replace(/^(\/v1\/containers\/)[^/]+/, `$1${encodeURIComponent(container)}`);
}

function notHere({ operations }: Match, container: ContainerId): SwarmError {
	const { phase, error } = operations.row(container);
	const why = error === null ? `it is ${phase}` : error;
	return new SwarmError("conflict", `Cannot reach ${container}: it has not been started: ${why}`);
}

function nodeDetail({ operations, ports, daemon, name }: Match): ApiAnswer {
	const node = operations.nodeOf(name);
	const row = nodeRows(operations.view(), ports.membership, ports.state.self).find(
		(candidate) => candidate.node === node,
	);
	const record = operations.view().nodes.get(node);
	if (row === undefined || record === undefined)
		throw new SwarmError("not-found", `Cannot show node ${name}: it is gone`);
	const detail: NodeDetail = {
		...row,
		record,
		sample: ports.membership.sample(node),
		requested: daemon.requestedOn(node),
	};
	return jsonAnswer(detail);
}

async function inspect(match: Match): Promise<ApiAnswer> {
	const { operations, call } = match;
	const { container, spec } = operations.resolve(match.name);
	const view = operations.view();
	const detail: ContainerDetail = {
		...operations.row(container),
		spec,
		claim: view.claims.get(container) ?? null,
		records: view.containers.get(container) ?? [],
		...(await liveDetail(match, { ...call, path: `/v1/containers/${encodeURIComponent(container)}/runtime` })),
	};
	return jsonAnswer(detail);
}

type LiveDetail = Pick<ContainerDetail, "state" | "stats" | "lease">;

async function liveDetail(match: Match, call: ApiCall): Promise<LiveDetail> {
	try {
		const answer = await onOwner({ ...match, call }, runtimeDetail);
		if (answer.status !== 200) return { state: null, stats: null, lease: null };
		return jsonIn(await answerText(answer)) as LiveDetail;
	} catch {
		// Its node does not answer: what the view knows is still true.
		return { state: null, stats: null, lease: null };
	}
}

async function runtimeDetail({ ports }: Match, container: ContainerId): Promise<ApiAnswer> {
	const state = ports.runtime.get(container);
	const live = state?.phase === "running" || state?.phase === "paused";
	const stats = live ? await ports.runtime.stats(container) : null;
	const standing = ports.leases.standing(container);
	const nameOf = (node: NodeId) => ports.state.view().nodes.get(node)?.name ?? node;
	const lease = standing === null ? null : leaseInWords(standing, nameOf);
	return jsonAnswer({ state, stats, lease } satisfies LiveDetail);
}

function logs({ ports, call }: Match, container: ContainerId): ApiAnswer {
	const stream = call.query.get("stream");
	if (stream !== null && stream !== "stdout" && stream !== "stderr")
		throw new SwarmError("usage", `Cannot show logs: stream is ${stream}, wanted stdout or stderr`);
	const options: LogOptions = {
		tail: countOf(call.query.get("tail"), "tail"),
		sinceMs: countOf(call.query.get("since"), "since"),
		follow: call.query.get("follow") === "1",
		stream,
	};
	return linesAnswer(ports.runtime.logs(container, options, call.signal));
}

async function exec({ ports, call }: Match, container: ContainerId): Promise<ApiAnswer> {
	const request = execRequestOf(call.query.get("request"));
	const listens = request.stdin || request.terminal !== null;
	return execAnswer(await ports.runtime.exec(container, request), call, listens);
}

async function readFiles({ ports, call }: Match, container: ContainerId): Promise<ApiAnswer> {
	const path = containerPathOf(call);
	const name = call.query.get("name") ?? "";
	if (
		name === "" ||
		name === ".." ||
		name.includes("/") ||
		name.includes("\0") ||
		Buffer.byteLength(name) > NAME_BYTES_MAX
	)
		throw new SwarmError("usage", `Cannot copy: name is ${JSON.stringify(name)}, wanted 1 to ${NAME_BYTES_MAX} bytes`);
	const body = await ports.runtime.readFiles(container, path, name, call.signal);
	return { status: 200, contentType: "application/x-tar", body };
}

async function writeFiles({ ports, call }: Match, container: ContainerId): Promise<ApiAnswer> {
	const how = call.query.get("how");
	if (how !== "as" && how !== "into")
		throw new SwarmError("usage", `Cannot copy: how is ${JSON.stringify(how)}, wanted as or into`);
	await ports.runtime.writeFiles(container, containerPathOf(call), how, call.body, call.signal);
	return jsonAnswer({});
}

/** Of one name in a directory (limits.h). */
const NAME_BYTES_MAX = 255;
const PATH_BYTES_MAX = 4_095;

function containerPathOf(call: ApiCall): string {
	const path = call.query.get("path") ?? "";
	if (path.startsWith("/") && !path.includes("\0") && Buffer.byteLength(path) <= PATH_BYTES_MAX) return path;
	throw new SwarmError("usage", `Cannot copy: path is ${JSON.stringify(path)}, wanted an absolute path`);
}

/** Without `stdin=1` the end of the body is not the end of the container's input. */
async function attach({ ports, call }: Match, container: ContainerId): Promise<ApiAnswer> {
	return execAnswer(await ports.runtime.attach(container, call.signal), call, call.query.get("stdin") === "1");
}

async function migrate({ operations, ports, call }: Match, container: ContainerId): Promise<ApiAnswer> {
	const body = await jsonBody(call);
	const to = operations.nodeOf(textOf(body, "to"));
	// A move goes on when its caller goes away: half a move is the one thing nobody wants.
	const signal = new AbortController().signal;
	const facts = { view: operations.view(), membership: ports.membership, pending: [] };
	const wish = { container, spec: operations.resolve(container).spec.spec, from: ports.state.self, to };
	if ((body as { dryRun?: unknown }).dryRun === true) {
		const placement = placementCheck(facts, wish);
		const verdict = async () => withCheck(placement, await ports.migrations.verdict(container, to, call.signal));
		return linesAnswer(progressLines(verdict));
	}
	refuseUnfitTarget(facts, wish);
	const move = (onProgress: (progress: MoveProgress) => void) =>
		ports.migrations.migrate(container, to, { onProgress, signal }).catch((thrown) => {
			throw withNodeNames(asSwarmError(thrown, `move ${container}`), operations.view().nodes);
		});
	return linesAnswer(progressLines(move));
}

function withCheck(check: VerdictCheck, verdict: Verdict): Verdict {
	return { ...verdict, ok: verdict.ok && check.ok, checks: [check, ...verdict.checks] };
}

async function commit({ daemon, call }: Match, container: ContainerId): Promise<ApiAnswer> {
	const name = textOf(await jsonBody(call), "image");
	return linesAnswer(
		progressLines((report) => daemon.commit(container, name, (message) => report({ message }), call.signal)),
	);
}

async function exportState({ daemon, call }: Match, container: ContainerId): Promise<ApiAnswer> {
	return { status: 200, contentType: "application/x-tar", body: await daemon.exportState(container, call.signal) };
}

/** From here, else from a node that has it and answers. */
async function exportImage({ daemon, operations, ports, call, name }: Match): Promise<ApiAnswer> {
	const archive = daemon.exportImage(name);
	if (archive !== null) return { status: 200, contentType: "application/x-tar", body: archive };
	const wanted = normalizedName(name) ?? name;
	const holder = operations
		.view()
		.images.find((image) => image.name === wanted && ports.membership.liveness(image.node) === "alive");
	if (holder === undefined || holder.node === ports.state.self || !isFirst(call))
		throw new SwarmError(
			"not-found",
			`Cannot export the image ${name}: no node that answers has it, see \`swarm image ls\``,
		);
	return forward(ports.mesh, holder.node, call);
}

/** For a guest that may not see every workload: what is about those that it sees, and about nodes. */
async function* eventsFor(events: EventLog, call: ApiCall) {
	const tail = countOf(call.query.get("tail"), "tail");
	for await (const event of events.read(tail, call.query.get("follow") === "1", call.signal))
		if (event.kind.startsWith("node.") || sees(call, workloadOf(event.subject as ContainerId))) yield event;
}

async function importImage({ daemon, call }: Match): Promise<ApiAnswer> {
	const body = await jsonBody(call);
	const path = textOf(body, "path");
	const name = (body as { name?: unknown }).name ?? null;
	if (name !== null && typeof name !== "string")
		throw new SwarmError("usage", `Cannot import: name is ${JSON.stringify(name)}, wanted text or null`);
	return linesAnswer(
		progressLines((report) => daemon.importImage(path, name, (message) => report({ message }), call.signal)),
	);
}

function poolOf({ runtime }: NodePorts): RuntimePool {
	if (runtime.pool !== null) return runtime.pool;
	throw new SwarmError("unsupported", "Cannot show the pool: this node makes nothing ahead");
}

function countOf(text: string | null, field: string): number | null {
	if (text === null) return null;
	const count = Number(text);
	if (!Number.isInteger(count) || count < 0)
		throw new SwarmError("usage", `Cannot read the request: ${field} is ${text}, wanted a whole number from 0`);
	return count;
}
