// The door for records: what a peer's document (or our own caller) says is checked field by field before anyone decides
// by it. Unknown fields survive. Must never: let a record stand under a key or a writer that is not its own.

import { SwarmError, shown } from "../errors.js";
import { type NodeId, type Spec, type StateRecord, verbs, wholeSpec } from "../model.js";
import { readSeccompProfile } from "../runtime/seccomp/read-profile.js";
import {
	checkJson,
	dictionary,
	flag,
	integer,
	list,
	nullable,
	number,
	oneOf,
	optional,
	record,
	type Shape,
	text,
	variant,
} from "./shapes.js";
import { keyOf, type RecordKey } from "./state.js";

/** As JSON text; a node record with a large hardware profile takes about 100 KiB. */
export const RECORD_CHARACTERS_MAX = 256 * 1024;

/** Places in the ring of a node's audit log, and entries in one of them. */
export const AUDIT_PARTS_MAX = 32;
export const AUDIT_ENTRIES_MAX = 16;
export const AUDIT_TEXT_MAX = 256;
/** Labels that a capability can ask for. */
export const GRANT_LABELS_MAX = 16;

/** As JSON text a record of so many, twice, stays within its limit. */
export const VOTERS_MAX = 1_500;

const LABELS_MAX = 256;
const workloadName = text(63, /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/);
const containerId = text(70, /^[a-z0-9]([a-z0-9-]*[a-z0-9])?\.\d{1,4}$/);
const nodeId = text(64, /^[A-Za-z0-9]+$/);
const voterId = text(81, /^[A-Za-z0-9]+@\d+$/);
const role = oneOf("member", "witness", "reader");
const tokenId = text(16, /^[0-9a-f]{16}$/);
/** Milliseconds that a Date can hold. */
const moment = integer(0, 8.64e15);
const digest = text(71, /^sha256:[0-9a-f]{64}$/);
const time = record({ ms: integer(0), logical: integer(0) });
const epoch = integer(1);
const revision = integer(1);
const labels = dictionary(text(4096), LABELS_MAX);
const port = integer(1, 65_535);

const rate = nullable(integer(0));
const ioLimit = record({
	device: text(4096),
	readBytesPerSecond: rate,
	writeBytesPerSecond: rate,
	readOperationsPerSecond: rate,
	writeOperationsPerSecond: rate,
});

const seccompShape: Shape = (value, path) => {
	if (value === "default" || value === "unconfined") return;
	try {
		readSeccompProfile(value);
	} catch (thrown) {
		throw new SwarmError("corrupt", `Cannot take a record: ${path} is no seccomp profile`, { cause: thrown });
	}
};
const capabilities = list(text(64), 64);
const security = record({
	capabilities: record({ add: capabilities, drop: capabilities, ambient: capabilities }),
	readOnlyRoot: nullable(flag),
	rlimits: list(record({ name: text(16), soft: nullable(integer(0)), hard: nullable(integer(0)) }), 16),
	sysctls: dictionary(text(256), 64),
	oomScoreAdj: nullable(integer(-1000, 1000)),
	userNamespace: nullable(flag),
	devices: list(record({ path: text(256, /^\/dev\//), access: text(3, /^r?w?m?$/) }), 64),
	seccomp: seccompShape,
});

const volumeName = text(63, /^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/);
const mountTarget = text(4096, /^\//);
const volumeMount = variant({
	volume: record({ name: volumeName, target: mountTarget, readOnly: flag }),
	bind: record({ source: text(4096, /^\//), target: mountTarget, readOnly: flag, shared: flag }),
	tmpfs: record({ target: mountTarget, sizeBytes: integer(1) }),
});

const spec = record({
	name: workloadName,
	image: text(512),
	command: nullable(list(text(32 * 1024), 1024)),
	env: dictionary(text(32 * 1024), 1024),
	workdir: nullable(text(4096)),
	user: nullable(text(256)),
	terminal: flag,
	stdin: flag,
	resources: record({
		cpus: nullable(number(0)),
		memoryBytes: nullable(integer(0)),
		pids: nullable(integer(0)),
		cpuWeight: optional(integer(0)),
		cpuMode: optional(oneOf("low-latency", "default", "batch")),
		cpusetCpus: optional(text(4096)),
		cpusetMems: optional(text(4096)),
		memoryHighBytes: optional(integer(0)),
		swapBytes: optional(integer(0)),
		egressBytesPerSecond: optional(integer(0)),
		ingressBytesPerSecond: optional(integer(0)),
		io: optional(list(ioLimit, 256)),
		hugepages: optional(list(record({ pageSize: text(32), bytes: integer(0) }), 64)),
	}),
	labels,
	constraints: list(
		record({ label: text(256), operator: oneOf("=", "!=", "exists"), value: nullable(text(4096)) }),
		LABELS_MAX,
	),
	ports: list(record({ host: port, container: port, protocol: oneOf("tcp", "udp") }), 256),
	replicas: integer(1, 1000),
	network: oneOf("bridge", "none", "host"),
	stopGraceMs: integer(0),
	pool: integer(0, 64),
	policy: oneOf("available", "exclusive"),
	volumes: list(volumeMount, 64),
	restart: record({ when: oneOf("never", "on-failure", "always"), attemptsMax: nullable(integer(1)) }),
	isolation: oneOf("minimal", "standard", "strict"),
	security,
	logBytesMax: integer(0),
	health: nullable(
		record({
			probe: variant({
				command: record({ command: list(text(32 * 1024), 1024) }),
				http: record({ port, path: text(4096) }),
				tcp: record({ port }),
			}),
			intervalMs: integer(1),
			timeoutMs: integer(1),
			retries: integer(1),
			startPeriodMs: integer(0),
		}),
	),
});

const phase = oneOf(
	"created",
	"starting",
	"running",
	"pausing",
	"paused",
	"resuming",
	"checkpointing",
	"restoring",
	"stopping",
	"stopped",
	"failed",
);

const hardware = record({
	architecture: text(64),
	kernel: text(256),
	cpuModel: nullable(text(256)),
	cpuFlags: list(text(64), 1024),
	cpus: integer(0),
	cores: integer(0),
	memoryBytes: integer(0),
	numa: list(
		record({
			id: integer(0),
			cpus: list(integer(0), 4096),
			memoryBytes: integer(0),
			distances: list(integer(0), 1024),
		}),
		1024,
	),
	pci: list(
		record({
			address: text(32),
			vendor: text(8),
			device: text(8),
			class: text(8),
			numaNode: nullable(integer(0)),
			linkSpeedGtps: nullable(number(0)),
			linkWidth: nullable(integer(0)),
		}),
		4096,
	),
	gpus: list(
		record({
			address: text(32),
			vendor: oneOf("nvidia", "amd", "intel", "other"),
			numaNode: nullable(integer(0)),
			driver: nullable(text(64)),
		}),
		256,
	),
	sensors: list(record({ name: text(128), label: nullable(text(128)), criticalCelsius: nullable(number(-300)) }), 1024),
});

const capabilityId = text(32, /^[0-9a-f]{32}$/);
const auditEntry = record({
	timeMs: moment,
	capability: text(32, /^[0-9a-f]*$/),
	holder: nodeId,
	verb: text(32),
	subject: text(AUDIT_TEXT_MAX),
	refusal: nullable(text(AUDIT_TEXT_MAX)),
	count: integer(1),
});

const shapes: Readonly<Record<StateRecord["kind"], Shape>> = {
	spec: record({
		name: workloadName,
		revision,
		time,
		writer: nodeId,
		startRevision: revision,
		spec,
		desired: oneOf("running", "paused", "stopped"),
		removed: flag,
	}),
	claim: record({
		container: containerId,
		epoch,
		owner: nodeId,
		writer: nodeId,
		workload: workloadName,
		revision,
		reason: oneOf("placed", "adopted", "handover", "restarted"),
		move: nullable(text(128)),
		restarts: integer(0),
		restartsInRow: integer(0),
		time,
	}),
	container: record({
		container: containerId,
		node: nodeId,
		epoch,
		revision,
		phase,
		exitCode: nullable(integer(0, 255)),
		address: nullable(text(64)),
		imageDigest: nullable(digest),
		createdAtMs: number(0),
		startedAtMs: nullable(number(0)),
		finishedAtMs: nullable(number(0)),
		error: nullable(text(4096)),
		oom: optional(
			record({
				kills: integer(0),
				limitBytes: nullable(integer(0)),
				usageBytes: integer(0),
				peakBytes: nullable(integer(0)),
				process: nullable(record({ name: text(256), pid: integer(0) })),
				timeMs: number(0),
			}),
		),
		health: nullable(
			record({
				status: oneOf("starting", "healthy", "unhealthy"),
				sinceMs: number(0),
				reason: nullable(text(1024)),
			}),
		),
	}),
	node: record({
		node: nodeId,
		name: text(63),
		addresses: list(text(512), 64),
		labels,
		hardware,
		version: text(64),
		incarnation: integer(0),
		joinedAtMs: number(0),
		left: flag,
		limits: optional(list(text(64), 64)),
		role: optional(role),
		admittedAtMs: optional(number(0)),
	}),
	image: record({ name: text(512), digest, node: nodeId, sizeBytes: integer(0) }),
	token: record({
		id: tokenId,
		writer: nodeId,
		secretHash: text(64, /^[0-9a-f]{64}$/),
		role,
		uses: integer(1, 1000),
		createdAtMs: moment,
		expiresAtMs: moment,
	}),
	admission: record({
		token: tokenId,
		node: nodeId,
		name: text(63),
		writer: nodeId,
		admittedAtMs: moment,
		expiresAtMs: moment,
	}),
	electorate: record({
		number: integer(0),
		voters: list(voterId, VOTERS_MAX),
		before: list(voterId, VOTERS_MAX),
		writer: nodeId,
	}),
	revocation: record({
		of: oneOf("token", "node", "capability"),
		id: text(64, /^[A-Za-z0-9]+$/),
		writer: nodeId,
		revokedAtMs: moment,
		name: nullable(text(63)),
		statement: nullable(text(1024, /^[A-Za-z0-9+/]+=*$/)),
		expiresAtMs: nullable(moment),
	}),
	capability: record({
		id: capabilityId,
		writer: nodeId,
		holder: nodeId,
		note: text(AUDIT_TEXT_MAX),
		verbs: list(oneOf(...verbs), verbs.length),
		labels: dictionary(text(4096), GRANT_LABELS_MAX),
		createdAtMs: moment,
		expiresAtMs: moment,
	}),
	audit: record({
		slot: integer(0, AUDIT_PARTS_MAX - 1),
		node: nodeId,
		first: integer(0),
		entries: list(auditEntry, AUDIT_ENTRIES_MAX),
	}),
	volume: record({ name: volumeName, node: nodeId, labels, createdAtMs: number(0) }),
};

/** Of a later version: to be left as it is. */
export function isOfUnknownKind(given: unknown): boolean {
	const kind = (given as { kind?: unknown } | null)?.kind;
	return typeof kind === "string" && !Object.hasOwn(shapes, kind);
}

/** A record that `writer`'s document holds under `key`, or SwarmError `corrupt` naming the field that is wrong. */
export function decodeRecord(key: string, given: unknown, writer: NodeId): StateRecord {
	checkJson(given, key);
	const value = withLaterFields(given);
	const kind = (value as { kind?: unknown } | null)?.kind;
	if (typeof kind !== "string" || !Object.hasOwn(shapes, kind)) {
		throw new SwarmError("corrupt", `Cannot take a record: ${key}.kind is ${shown(kind)}, a known kind is wanted`);
	}
	shapes[kind as StateRecord["kind"]](value, key);
	const decoded = value as StateRecord;
	if (keyOf(decoded) !== key) {
		throw new SwarmError("corrupt", `Cannot take a record: it stands under ${key}, ${keyOf(decoded)} is its key`);
	}
	if (writerOfRecord(decoded) !== writer) {
		throw new SwarmError("corrupt", `Cannot take a record: ${key} is of ${writerOfRecord(decoded)}, not of ${writer}`);
	}
	return decoded;
}

/** A record from before a field existed, with what the field means then. */
function withLaterFields(given: unknown): unknown {
	if (isWhole(given)) return given;
	const { kind, spec: inner, revision: number } = (given ?? {}) as Readonly<Record<string, unknown>>;
	if (kind === "claim") return { restarts: 0, restartsInRow: 0, ...(given as object) };
	if (kind === "container") return { health: null, ...(given as object) };
	if (kind !== "spec" || typeof inner !== "object" || inner === null) return given;
	return { startRevision: number, ...(given as object), spec: wholeSpec(inner as Spec) };
}

/** Most records: a copy of each would be half of the work. */
function isWhole(given: unknown): boolean {
	const { kind } = (given ?? {}) as { readonly kind?: unknown };
	if (kind === "claim")
		return Object.hasOwn(given as object, "restarts") && Object.hasOwn(given as object, "restartsInRow");
	return kind === "container" && Object.hasOwn(given as object, "health");
}

/** A plain copy of our own record, checked as peers will check it, with its size as JSON text. */
export function encodeRecord(
	given: StateRecord,
	writer: NodeId,
): { key: RecordKey; record: StateRecord; size: number } {
	const json = JSON.stringify(given);
	if (json.length > RECORD_CHARACTERS_MAX) {
		const limit = `at most ${RECORD_CHARACTERS_MAX} are allowed`;
		throw new SwarmError("too-large", `Cannot write ${keyOf(given)}: it has ${json.length} characters, ${limit}`);
	}
	const key = keyOf(given);
	return { key, record: decodeRecord(key, JSON.parse(json), writer), size: json.length };
}

function writerOfRecord(decoded: StateRecord): NodeId {
	switch (decoded.kind) {
		case "spec":
		case "claim":
		case "token":
		case "admission":
		case "electorate":
		case "revocation":
		case "capability":
			return decoded.writer;
		case "container":
		case "node":
		case "image":
		case "audit":
		case "volume":
			return decoded.node;
	}
}
