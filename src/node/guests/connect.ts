// The client for programs: a libp2p peer with a capability instead of a certificate. This is what `import { connect } from "stratoswarm"`
// gives. It speaks to one member at a time; when that one goes away, the next call goes to another that it was told of.

import { createPrivateKey } from "node:crypto";
import { Readable } from "node:stream";
import { systemClock } from "../../clock.js";
import { asSwarmError, SwarmError } from "../../errors.js";
import { type Capability, describeCapability, parseCapability } from "../../mesh/capability.js";
import { openGuestLink } from "../../mesh/guest-link.js";
import { type Identity, identityOfKey } from "../../mesh/identity.js";
import { backOffMs } from "../../mesh/pace.js";
import type {
	ContainerId,
	LogLine,
	MoveProgress,
	MoveResult,
	NodeId,
	ResourceRequest,
	Spec,
	SwarmEvent,
	Verdict,
} from "../../model.js";
import type { ExecRequest } from "../../runtime/runtime.js";
import { type Client, clientOver } from "../api/client.js";
import type {
	ContainerDetail,
	ContainerRow,
	DeployResult,
	Explanation,
	ImageRow,
	NodeDetail,
	NodeRow,
	StatsAnswer,
	WatchLine,
} from "../api/contract.js";
import { meshTransport } from "../api/mesh-transport.js";
import { type DocumentChange, documentChanges } from "./follow-documents.js";

/** What `exec` keeps of each output when nobody takes it piece by piece. */
export const EXEC_OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
const CONNECT_MS_MAX = 30_000;

export interface ConnectOptions {
	/** The holder's private key (Ed25519, PKCS#8 PEM) when the capability does not contain it. */
	readonly key?: string;
	/** Multiaddrs of members with `/p2p/<id>`, tried before those in the capability. */
	readonly addresses?: readonly string[];
	/** Gives up connecting. */
	readonly signal?: AbortSignal;
}

/** Ends a call, and what it asked for at the node: a followed log, a command in a container, a live view. */
export interface CallOptions {
	readonly signal?: AbortSignal;
}

/** A spec as in a file: what is left out means what it means there. */
export type WorkloadSpec = Pick<Spec, "name"> &
	Partial<Omit<Spec, "name" | "resources">> & { readonly resources?: Partial<ResourceRequest> };

export interface LogsOptions extends CallOptions {
	/** Only the last lines; null or absent: all that are kept. */
	readonly tail?: number | null;
	/** Only lines from this moment on, in ms since 1970. */
	readonly sinceMs?: number | null;
	/** Goes on with what comes, until the signal aborts or the container ends. */
	readonly follow?: boolean;
	/** Of one stream only. */
	readonly stream?: "stdout" | "stderr" | null;
}

export interface ExecOptions extends CallOptions, Partial<Pick<ExecRequest, "env" | "workdir" | "user" | "timeoutMs">> {
	readonly stdin?: Readable | string | Uint8Array | null;
	/** Takes output as it comes; the result's text is then empty. */
	readonly onStdout?: (bytes: Uint8Array) => void;
	readonly onStderr?: (bytes: Uint8Array) => void;
}

export interface ExecResult {
	readonly exitCode: number;
	readonly stdout: string;
	readonly stderr: string;
}

/** The cluster as it is now, and what of it is new. Every step of the iteration has whole maps of its own. */
export interface LiveView {
	readonly nodes: ReadonlyMap<NodeId, NodeRow>;
	readonly containers: ReadonlyMap<ContainerId, ContainerRow>;
	/** Against the step before; in the first one, and after a connection was lost, everything. */
	readonly change: WatchLine;
}

/**
 * The mesh API. Every call needs a verb of the capability (in brackets) and rejects with SwarmError: `refused` says what the capability
 * lacks or that it was revoked, `unreachable` (retryable) that no member answers, the rest is what the command line says, too.
 */
export interface SwarmClient {
	/** Peer id of this client: who is named in the audit log. */
	readonly self: NodeId;
	/** What the capability says, as far as its holder can tell. */
	readonly capability: Pick<Capability, "id" | "grant" | "issuer">;
	/** [list] Containers of the cluster, as far as the capability's labels go. */
	list(options?: CallOptions): Promise<readonly ContainerRow[]>;
	/** [list] */
	nodes(options?: CallOptions): Promise<readonly NodeRow[]>;
	/** [list] By name or id. */
	node(name: string, options?: CallOptions): Promise<NodeDetail>;
	/** [list] */
	images(options?: CallOptions): Promise<readonly ImageRow[]>;
	/** [list] A container, or the only one of a workload, with its spec and what its node's runtime says. */
	inspect(ref: string, options?: CallOptions): Promise<ContainerDetail>;
	/** [list] Why its containers stand where they stand. */
	explain(workload: string, options?: CallOptions): Promise<Explanation>;
	/** [list] What running containers use. */
	stats(options?: CallOptions & { readonly node?: string }): Promise<StatsAnswer>;
	/** [watch] The live view: at once, then after every change. Goes on at another member when one goes away. */
	watch(options?: CallOptions): AsyncIterable<LiveView>;
	/** [watch, a capability without labels] The signed Yjs documents of all nodes, verified here, as they change. */
	watchDocuments(options?: CallOptions): AsyncIterable<DocumentChange>;
	/** [events] */
	events(
		options?: CallOptions & { readonly follow?: boolean; readonly tail?: number | null },
	): AsyncIterable<SwarmEvent>;
	/** [deploy; privileged for what a spec can do to its node] Resolves when every replica runs, ended or failed. */
	deploy(spec: WorkloadSpec, options?: CallOptions): Promise<DeployResult>;
	/** [update] Other limits while it runs; null lifts one. */
	update(
		workload: string,
		resources: Partial<ResourceRequest>,
		options?: CallOptions,
	): Promise<readonly ContainerRow[]>;
	/** [start] */
	start(workload: string, options?: CallOptions): Promise<readonly ContainerRow[]>;
	/** [stop] */
	stop(workload: string, options?: CallOptions): Promise<readonly ContainerRow[]>;
	/** [pause] */
	pause(workload: string, options?: CallOptions): Promise<readonly ContainerRow[]>;
	/** [resume] */
	resume(workload: string, options?: CallOptions): Promise<readonly ContainerRow[]>;
	/** [remove] */
	remove(workload: string, options?: CallOptions): Promise<void>;
	/** [logs] */
	logs(ref: string, options?: LogsOptions): AsyncIterable<LogLine>;
	/** [exec] Runs a command in a container. An aborted signal kills it. */
	exec(ref: string, command: readonly string[], options?: ExecOptions): Promise<ExecResult>;
	/** [migrate] Moves a running container; a move that has begun goes on also when the signal aborts. */
	migrate(
		ref: string,
		to: string,
		options?: CallOptions & { readonly onProgress?: (progress: MoveProgress) => void },
	): Promise<MoveResult>;
	/** [migrate] Whether it could move, check by check. */
	verdict(ref: string, to: string, options?: CallOptions): Promise<Verdict>;
	/** [commit, a capability without labels] An image of what a container is now. */
	commit(ref: string, image: string, options?: CallOptions): Promise<ImageRow>;
	/** [copy-out] A tar archive of what lies at `path`, named `name` in it. */
	copyOut(ref: string, path: string, name: string, options?: CallOptions): Promise<AsyncIterable<Uint8Array>>;
	/** [copy-in] Unpacks a tar archive: its one entry as `path`, or all of them into it. */
	copyIn(ref: string, path: string, how: "as" | "into", tar: Readable, options?: CallOptions): Promise<void>;
	/** [export] The container with its memory when it runs, as an archive that `swarm import` takes. */
	exportState(ref: string, options?: CallOptions): Promise<AsyncIterable<Uint8Array>>;
	/** Ends what runs and the connection. */
	close(): Promise<void>;
}

/**
 * Connects to the first member that answers. `capability`: what `swarm capability create` printed. Errors: `usage` (what was given is no
 * capability, or the key is missing), `refused` (with the member's reason), `unreachable`.
 */
export async function connect(capability: string, options: ConnectOptions = {}): Promise<SwarmClient> {
	const held = parseCapability(capability);
	const described = describeCapability(held.chain);
	const identity = identityFor(options.key ?? null, held.key, described.holder);
	const addresses = [...(options.addresses ?? []), ...held.addresses];
	const limit = AbortSignal.timeout(CONNECT_MS_MAX);
	const signal = options.signal === undefined ? limit : AbortSignal.any([limit, options.signal]);
	const link = await openGuestLink({ identity, chain: held.chain, addresses }, signal);
	const closing = new AbortController();
	const at = (given?: CallOptions) => {
		const until = given?.signal;
		const either = until === undefined ? closing.signal : AbortSignal.any([closing.signal, until]);
		return clientOver(meshTransport(link, either));
	};
	const documents = (signal: AbortSignal) =>
		meshTransport(link, signal).bytes({ method: "GET", path: "/v1/watch/documents" });
	const lines = (signal: AbortSignal) =>
		meshTransport(link, signal).lines({ method: "GET", path: "/v1/watch" }) as AsyncIterable<unknown>;
	const signalOf = (given?: CallOptions) =>
		given?.signal === undefined ? closing.signal : AbortSignal.any([closing.signal, given.signal]);
	return {
		self: identity.node,
		capability: described,
		...callsOver(at),
		watch: (given) => liveViews(lines as (signal: AbortSignal) => AsyncIterable<WatchLine>, signalOf(given)),
		watchDocuments: (given) => documentChanges(documents, signalOf(given)),
		async close() {
			closing.abort(new SwarmError("aborted", "Cannot go on: the client is closed"));
			await link.close();
		},
	};
}

type Calls = Omit<SwarmClient, "self" | "capability" | "watch" | "watchDocuments" | "close">;

const never = new AbortController().signal;

/** Each call through a client whose signal is the call's own. */
function callsOver(at: (given?: CallOptions) => Client): Calls {
	return {
		list: (given) => at(given).containers(),
		nodes: (given) => at(given).nodes(),
		node: (name, given) => at(given).node(name),
		images: (given) => at(given).images(),
		inspect: (ref, given) => at(given).inspect(ref),
		explain: (workload, given) => at(given).explain(workload),
		stats: (given) => at(given).stats(given?.node ?? null),
		events: (given) => at(given).events({ follow: given?.follow ?? false, tail: given?.tail ?? null }, never),
		// The node completes it as it completes a file.
		deploy: (spec, given) => at(given).deploy(spec as Spec),
		update: (workload, resources, given) => at(given).update(workload, resources),
		start: (workload, given) => at(given).start(workload),
		stop: (workload, given) => at(given).stop(workload),
		pause: (workload, given) => at(given).pause(workload),
		resume: (workload, given) => at(given).resume(workload),
		remove: (workload, given) => at(given).remove(workload),
		logs: (ref, given = {}) => {
			const { tail = null, sinceMs = null, follow = false, stream = null } = given;
			return at(given).logs(ref, { tail, sinceMs, follow, stream }, never);
		},
		exec: (ref, command, given = {}) => runExec(at(given), ref, command, given),
		migrate: (ref, to, given) => at(given).migrate(ref, to, given?.onProgress ?? (() => {}), never),
		verdict: (ref, to, given) => at(given).verdict(ref, to, never),
		commit: (ref, image, given) => at(given).commit(ref, image, () => {}, never),
		copyOut: (ref, path, name, given) => at(given).readFiles(ref, path, name, never),
		copyIn: (ref, path, how, tar, given) => at(given).writeFiles(ref, path, how, tar, never),
		exportState: (ref, given) => at(given).exportState(ref, never),
	};
}

async function runExec(
	client: Client,
	ref: string,
	command: readonly string[],
	given: ExecOptions,
): Promise<ExecResult> {
	const { env = {}, workdir = null, user = null, timeoutMs = null } = given;
	const stdin = inputOf(given.stdin ?? null);
	const [stdout, stderr] = [collector("standard output"), collector("standard error")];
	const request: ExecRequest = {
		...{ command, env, workdir, user, timeoutMs },
		...{ stdin: stdin !== null, terminal: null, detach: false },
	};
	const onStdout = given.onStdout ?? stdout.take;
	const onStderr = given.onStderr ?? stderr.take;
	const exitCode = await client.exec(ref, request, { stdin, onResize: null, onStdout, onStderr }, never);
	return { exitCode, stdout: stdout.text(), stderr: stderr.text() };
}

function inputOf(stdin: ExecOptions["stdin"]): Readable | null {
	if (stdin === null || stdin === undefined) return null;
	return stdin instanceof Readable ? stdin : Readable.from([Buffer.from(stdin)]);
}

function collector(what: string) {
	const parts: Uint8Array[] = [];
	let bytes = 0;
	return {
		take(part: Uint8Array) {
			bytes += part.length;
			if (bytes > EXEC_OUTPUT_BYTES_MAX)
				throw new SwarmError(
					"too-large",
					`Cannot keep the command's ${what}: over ${EXEC_OUTPUT_BYTES_MAX} bytes, take it with onStdout and onStderr`,
				);
			parts.push(Uint8Array.from(part));
		},
		text: () => Buffer.concat(parts).toString(),
	};
}

/** Lines put together; a lost connection is made again, with pauses, until the signal aborts or a member refuses. */
async function* liveViews(
	lines: (signal: AbortSignal) => AsyncIterable<WatchLine>,
	signal: AbortSignal,
): AsyncIterable<LiveView> {
	for (let failures = 0; !signal.aborted; failures++) {
		let nodes = new Map<NodeId, NodeRow>();
		let containers = new Map<ContainerId, ContainerRow>();
		try {
			for await (const change of lines(signal)) {
				failures = 0;
				nodes = applied(
					nodes,
					change.nodes.map((row) => [row.node, row]),
					change.nodesGone,
				);
				const rows = change.containers.map((row) => [row.container, row] as const);
				containers = applied(containers, rows, change.containersGone);
				yield { nodes, containers, change };
			}
		} catch (thrown) {
			if (signal.aborted) return;
			if (asSwarmError(thrown, "watch").code !== "unreachable") throw thrown;
		}
		await systemClock.sleep(backOffMs(failures, 0), signal).catch(() => {});
	}
}

function applied<Key extends string, Row>(
	before: ReadonlyMap<Key, Row>,
	rows: readonly (readonly [Key, Row])[],
	gone: readonly string[],
): Map<Key, Row> {
	const now = new Map(before);
	for (const key of gone) now.delete(key as Key);
	for (const [key, row] of rows) now.set(key, row);
	return now;
}

function identityFor(pem: string | null, inside: Identity["privateKey"] | null, holder: NodeId): Identity {
	const key = pem === null ? inside : createPrivateKey(pem);
	if (key === null)
		throw new SwarmError("usage", "Cannot connect: the capability does not contain its key, give it as `key`");
	const identity = identityOfKey(key);
	if (identity.node !== holder)
		throw new SwarmError(
			"usage",
			`Cannot connect: the capability is for ${holder}, the key is that of ${identity.node}`,
		);
	return identity;
}
