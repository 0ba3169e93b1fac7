// What the cluster knows, on this node: documents, journal, replication and view put together behind the port of state.ts.
// Must never: announce a commit before the disk has it.

import type { Chance, Clock } from "../clock.js";
import { asSwarmError, SwarmError } from "../errors.js";
import type { Logger } from "../log.js";
import type { Signer, Verifier } from "../mesh/identity.js";
import type { Mesh } from "../mesh/mesh.js";
import type { NodeId, NodeRole, SwarmEvent } from "../model.js";
import { createAcknowledgements } from "./acknowledgements.js";
import { createArrivals } from "./arrivals.js";
import type { Disk } from "./disk.js";
import type { HeldDocument } from "./document.js";
import { type Acceptance, createDocumentSet, type DocumentSet, type Unsigned } from "./documents.js";
import { decodeEnvelope, type Envelope } from "./envelope.js";
import { housekeeping } from "./housekeeping.js";
import { createHybridClock, type HybridClock } from "./hybrid-time.js";
import { createJournal, decodeJournal } from "./journal.js";
import { createLiveView } from "./live-view.js";
import { createOwnWriter } from "./own-writer.js";
import { startReplication } from "./replication.js";
import { isUnderstood, newerSchemaError } from "./schema.js";
import { isLostRevision } from "./specs.js";
import type { ClusterView, RecordKey, State } from "./state.js";

/** Listeners hear of changes at most once in this time. */
const VIEW_PERIOD_MS = 5;
const HOUSEKEEPING_PERIOD_MS = 10_000;
/** Of a document that is more than half full. */
const HOUSEKEEPING_CROWDED_MS = 1_000;

export interface StateOptions {
	readonly self: NodeId;
	/** The journal's file; `openDisk(path)` in the product. */
	readonly disk: Disk;
	readonly signer: Signer;
	readonly verifier: Verifier;
	/** This node's certificate, carried by its document so that others can relay it; asked for at each generation. */
	readonly certificate: () => Uint8Array;
	/** What a certificate makes of a document's writer; null: nothing in this cluster. Expiry must not count: nodes that are down stay known. */
	readonly admit: (writer: NodeId, certificate: Uint8Array) => NodeRole | null;
	readonly mesh: Mesh;
	readonly clock: Clock;
	readonly chance: Chance;
	readonly logger: Logger;
	/**
	 * `spec.lost`: a concurrent revision of this node lost; `journal.cut`: damaged bytes were left out at the start;
	 * `state.readonly`: a member writes a schema that this node does not understand, or does so no more.
	 */
	readonly onEvent: (event: Omit<SwarmEvent, "timeMs" | "node">) => void;
}

/** Reads the journal, opens this boot's generation and starts to talk to peers. */
export async function openState(options: StateOptions): Promise<State> {
	const { self, clock, logger } = options;
	/** Until the journal has been kept from it. */
	const unsigned: Unsigned[] = [];
	const documents = createDocumentSet({
		verify: options.verifier,
		admit: options.admit,
		onUnsigned(found) {
			unsigned.push(found);
			options.mesh.complain(found.writer, found.error);
			logger.warn("a peer told what it did not sign", { peer: found.writer, error: found.error.message });
			changedUnder(found.writer, found.changed);
		},
	});
	const hybrid = createHybridClock(clock);
	const bytes = await options.disk.read();
	if (bytes !== null) loadJournal(bytes, documents, options);
	const own = documents.of(self).find(({ schema }) => !isUnderstood(schema));
	if (own !== undefined) throw newerSchemaError(self, own.schema);
	const journal = createJournal(options.disk, bytes?.length ?? 0);
	const arrivals = createArrivals({
		...{ journal, clock },
		checked(envelopes) {
			documents.settle();
			return unsigned.length === 0 ? envelopes : withoutUnsigned(envelopes, unsigned.splice(0));
		},
		onFailed(thrown) {
			logger.warn("the journal took no write", { error: asSwarmError(thrown, "write the journal").message });
			writer.reopen();
		},
	});

	const live = createLiveView(documents);
	const currentView = live.now;
	const listeners = new Set<(view: ClusterView) => void>();
	let isNotifying = false;
	let notifiedAtMs = Number.NEGATIVE_INFINITY;
	let stopped = false;

	/** The schema of a document is that of its opening. */
	let looked: { readonly at: readonly HeldDocument[]; readonly newer: HeldDocument | undefined } | null = null;
	const newerDocument = () => {
		const at = documents.all();
		if (looked?.at !== at) looked = { at, newer: at.find(({ schema }) => !isUnderstood(schema)) };
		return looked.newer;
	};
	/** Of a member; who was forgotten keeps nobody from anything. */
	const readOnly = () => {
		if (twin !== null) return twin;
		const newer = newerDocument();
		if (newer === undefined || currentView().revocations.get(newer.writer)?.of === "node") return null;
		return newerSchemaError(newer.writer, newer.schema);
	};
	/** Set when another process turns out to write as this node; only a new start ends that. */
	let twin: SwarmError | null = null;
	/** Nobody else can have taken over what this process wrote, unless it writes as this node, too. */
	const noticeTwin = () => {
		const isTwins = (one: HeldDocument) =>
			!one.writable && one.history.some(({ generation }) => writer.hasOpened(generation));
		if (twin !== null || !documents.of(self).some(isTwins)) return;
		twin = twinError(self);
		writer.halt(twin);
	};
	let wasReadOnly = false;
	const tellReadOnly = () => {
		const error = readOnly();
		if ((error !== null) === wasReadOnly) return;
		wasReadOnly = error !== null;
		const message = error === null ? "the state can be changed here again" : error.message;
		logger.warn(message, {});
		options.onEvent({ kind: "state.readonly", subject: self, message, details: error?.details ?? {} });
	};

	const notify = () => {
		isNotifying = false;
		notifiedAtMs = clock.monotonicMs();
		if (stopped) return;
		const seen = currentView();
		tellReadOnly();
		for (const listener of listeners) {
			try {
				listener(seen);
			} catch (thrown) {
				logger.error("a listener of the view failed", { error: asSwarmError(thrown, "follow the view").message });
			}
		}
	};

	const changedUnder = (writer: NodeId, changed: ReadonlySet<RecordKey>, now: "now" | "soon" = "soon") => {
		live.changed(writer, changed);
		observeTimes(hybrid, documents, writer, changed);
		if (isNotifying || changed.size === 0) return;
		isNotifying = true;
		const waitMs = notifiedAtMs + VIEW_PERIOD_MS - clock.monotonicMs();
		if (waitMs > 0) clock.after(waitMs, notify);
		else if (now === "now") notify();
		// As soon as this turn ends; queueMicrotask does more for each.
		else void Promise.resolve().then(notify);
	};

	const receive = (chain: readonly Uint8Array[], toldBy: NodeId): Acceptance => {
		const acceptance = documents.accept(chain, { toldBy });
		if (acceptance.kind !== "accepted") return acceptance;
		if (acceptance.writer === self) noticeTwin();
		if (acceptance.writer === self && twin === null) writer.reopen();
		// Those who wait for it first.
		changedUnder(acceptance.writer, acceptance.changed, "now");
		arrivals.keep(acceptance.stored);
		tellReadOnly();
		return acceptance;
	};

	let push: (envelope: Uint8Array) => void = () => {};
	const writer = createOwnWriter({
		...options,
		sign: options.signer,
		documents,
		journal,
		push: (envelope) => push(envelope),
		onWritten: (changed) => changedUnder(self, changed),
	});
	for (const document of documents.all()) changedUnder(document.writer, new Set(document.records.keys()));
	await writer.start();
	tellReadOnly();
	const acknowledgements = createAcknowledgements(documents);
	const replication = startReplication({ ...options, ...documents, receive, heard: acknowledgements.heard });
	push = replication.push;
	for (const document of documents.of(self)) for (const envelope of document.chain) push(envelope);

	const reported = new Set<string>();
	const keepHouse = () => {
		const seen = currentView();
		for (const document of documents.of(self)) reportLost(document.records.values(), seen, reported, options);
		const others = [...seen.nodes.values()].filter(({ node, left }) => node !== self && !left).map(({ node }) => node);
		const acknowledgedMs = (writer: NodeId) => acknowledgements.ofAllMs(writer, others);
		const input = { self, view: seen, documents: documents.all(), nowMs: clock.nowMs(), acknowledgedMs };
		writer.tidy(housekeeping(input));
		if (writer.needsReopen()) writer.reopen();
		cancelHouse = clock.after(writer.isCrowded() ? HOUSEKEEPING_CROWDED_MS : HOUSEKEEPING_PERIOD_MS, keepHouse);
	};
	let cancelHouse = clock.after(HOUSEKEEPING_PERIOD_MS, keepHouse);

	return {
		self,
		view: currentView,
		own: writer.own,
		readOnly,
		async commit(records, drop = []) {
			const refused = readOnly();
			if (refused !== null) throw refused;
			return writer.commit(records, drop);
		},
		put: (records, drop = []) => writer.put(records, drop),
		subscribe(listener) {
			listeners.add(listener);
			return () => void listeners.delete(listener);
		},
		missingFor: documents.missingFor,
		time: hybrid.next,
		async stop() {
			if (stopped) return;
			stopped = true;
			cancelHouse();
			await writer.stop();
			await replication.stop();
			await arrivals.stop();
			await journal.close();
		},
	};
}

/** Two processes with one node key: a copied state directory, or a backup restored while the first one still lived. */
function twinError(self: NodeId): SwarmError {
	return new SwarmError(
		"conflict",
		`Cannot change the state: another process that was started later runs as this node (${self}) and has taken over its records; its containers are frozen here. Stop one of the two: this one with \`swarm node stop\`, or that one, and then start this one again`,
		{ details: { node: self } },
	);
}

function withoutUnsigned(envelopes: readonly Uint8Array[], unsigned: readonly Unsigned[]): readonly Uint8Array[] {
	return envelopes.filter((bytes) => {
		const { writer, generation, sequence } = decodeEnvelope(bytes);
		const isRefused = (one: Unsigned) =>
			one.writer === writer && one.generation === generation && sequence > one.sequence;
		return !unsigned.some(isRefused);
	});
}

/** Document by document, so that forks come in as whole chains whatever their order in the file. */
function loadJournal(bytes: Uint8Array, documents: DocumentSet, options: StateOptions): void {
	const { entries, bytesCut } = decodeJournal(bytes);
	const chains = new Map<string, { envelope: Envelope; bytes: Uint8Array }[]>();
	let lost = 0;
	for (const entry of entries) {
		try {
			const envelope = decodeEnvelope(entry);
			const name = `${envelope.writer}/${envelope.generation}`;
			const chain = chains.get(name) ?? [];
			chains.set(name, chain);
			if (envelope.sequence === chain.length) chain.push({ envelope, bytes: entry });
			else if (envelope.sequence > chain.length) lost += 1;
		} catch {
			lost += 1;
		}
	}
	const rising = [...chains.values()].sort(
		(a, b) => (a[0]?.envelope.generation ?? 0) - (b[0]?.envelope.generation ?? 0),
	);
	for (const chain of rising) {
		const acceptance = documents.accept(
			chain.map((link) => link.bytes),
			"own-disk",
		);
		if (acceptance.kind === "refused" || acceptance.kind === "gap") lost += chain.length;
	}
	if (bytesCut === 0 && lost === 0) return;
	options.logger.warn("part of the journal is damaged and was left out", { bytesCut, entriesLost: lost });
	const message = `${bytesCut} bytes and ${lost} entries of the journal were damaged and left out; peers repair what they know`;
	options.onEvent({ kind: "journal.cut", subject: options.self, message, details: { bytesCut, entriesLost: lost } });
}

function observeTimes(hybrid: HybridClock, documents: DocumentSet, writer: NodeId, keys: Iterable<RecordKey>): void {
	for (const key of keys) {
		for (const document of documents.of(writer)) {
			const record = document.records.get(key);
			if (record?.kind === "spec" || record?.kind === "claim") hybrid.observe(record.time);
		}
	}
}

function reportLost(
	records: Iterable<import("../model.js").StateRecord>,
	view: ClusterView,
	reported: Set<string>,
	options: StateOptions,
): void {
	for (const mine of records) {
		if (mine.kind !== "spec") continue;
		const winner = view.specs.get(mine.name);
		const name = `${mine.name}/${mine.revision}`;
		if (winner === undefined || !isLostRevision(mine, winner) || reported.has(name)) continue;
		reported.add(name);
		const message = `revision ${mine.revision} written here lost against a concurrent one of ${winner.writer}`;
		options.onEvent({ kind: "spec.lost", subject: mine.name, message, details: { lost: mine, winner } });
	}
}
