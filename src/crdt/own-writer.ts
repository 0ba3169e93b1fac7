// Writes this node's own document: batches changes, signs one envelope a batch, puts it in the journal, and only then shows
// it to anyone. Commits wait for the disk and share its syncs. Must never: publish what the journal did not take, or
// go on with a document whose last update failed (it opens a new generation instead).

import type { Chance, Clock } from "../clock.js";
import { asSwarmError, SwarmError } from "../errors.js";
import type { Logger } from "../log.js";
import type { Signer } from "../mesh/identity.js";
import type { NodeId, NodeRole, StateRecord } from "../model.js";
import { adoptOwnUpdate, endHash, type HeldDocument } from "./document.js";
import { contains, type DocumentSet } from "./documents.js";
import { HISTORY_MAX } from "./envelope.js";
import type { Journal } from "./journal.js";
import { hasOutgrown, openGeneration, writeUpdate } from "./own-document.js";
import { encodeRecord } from "./record-codec.js";
import { createSizes } from "./sizes.js";
import type { RecordKey } from "./state.js";

/** `put` gathers for this long (measured: 11,400 changes/s over three nodes, where one push a change saturates). */
export const BATCH_MS = 20;
/** A larger update becomes a new generation, which travels by sync instead of one frame. */
const UPDATE_BYTES_MAX = 512 * 1024;
const RETRY_MS = 1000;
/** Several reasons to open a new generation are served by one. */
const REOPEN_DELAY_MS = 250;

export interface OwnWriterOptions {
	readonly self: NodeId;
	readonly sign: Signer;
	readonly certificate: () => Uint8Array;
	/** What the certificate makes of this node. */
	readonly admit: (writer: NodeId, certificate: Uint8Array) => NodeRole | null;
	readonly documents: DocumentSet;
	readonly journal: Journal;
	readonly clock: Clock;
	readonly chance: Chance;
	readonly logger: Logger;
	/** An envelope of ours is on disk. */
	readonly push: (envelope: Uint8Array) => void;
	/** Now it is in the document set, too. */
	readonly onWritten: (changed: ReadonlySet<RecordKey>) => void;
}

export interface OwnWriter {
	/** Opens this boot's generation, durably. */
	start(): Promise<void>;
	own(key: RecordKey): StateRecord | null;
	commit(records: readonly StateRecord[], drop: readonly RecordKey[]): Promise<void>;
	put(records: readonly StateRecord[], drop: readonly RecordKey[]): void;
	/** Drops what was judged by the records that were shown: what is on its way under the same key stays. */
	tidy(drop: readonly RecordKey[]): void;
	/** Whether this process opened that generation, of the last ones. */
	hasOpened(generation: number): boolean;
	/** Writes nothing any more, not even what waits: somebody else writes this document. */
	halt(error: SwarmError): void;
	/** Opens a new generation soon: peers held a document of ours that it must take over, or the journal needs it. */
	reopen(): void;
	needsReopen(): boolean;
	/** Whether its document is more than half full. */
	isCrowded(): boolean;
	/** Writes what waits, then takes no more. */
	stop(): Promise<void>;
}

interface Waiter {
	readonly resolve: () => void;
	readonly reject: (error: SwarmError) => void;
}

interface Staged {
	readonly record: StateRecord | null;
	/** Of a commit: not shown before it is on disk. */
	readonly urgent: boolean;
}

type Batch = ReadonlyMap<RecordKey, Staged>;

export function createOwnWriter(options: OwnWriterOptions): OwnWriter {
	const { self, documents, journal, clock } = options;
	let current: HeldDocument | null = null;
	let staged = new Map<RecordKey, Staged>();
	let inFlight: Batch = new Map();
	let waiters: Waiter[] = [];
	const sizes = createSizes();
	/** The Yjs document is ahead of the held one: it must not be written any more. */
	let tainted = false;
	let reopenWanted = false;
	let stopped = false;
	let halted: SwarmError | null = null;
	let opened: readonly number[] = [];
	let writing: Promise<void> | null = null;
	let cancelTimer: (() => void) | null = null;

	const stage = (records: readonly StateRecord[], drop: readonly RecordKey[], urgent: boolean) => {
		if (halted !== null) throw halted;
		if (stopped) throw new SwarmError("aborted", "Cannot write to the state: the store is stopped");
		const encoded = records.map((record) => encodeRecord(record, self));
		sizes.change(encoded, drop);
		for (const { key, record } of encoded) staged.set(key, { record, urgent });
		for (const key of drop) staged.set(key, { record: null, urgent });
	};

	const schedule = (delayMs: number) => {
		if (stopped || halted !== null || writing !== null) return;
		cancelTimer ??= clock.after(delayMs, flush);
	};

	/** Starts writing unless it is going on; that one looks again when it is done. */
	const flush = () => {
		cancelTimer?.();
		cancelTimer = null;
		if (writing !== null) return;
		// From the next microtask on, so that commits of one turn share an envelope.
		writing = Promise.resolve()
			.then(writeBatch)
			.then((done) => {
				writing = null;
				if (waiters.length > 0) flush();
				else if (staged.size > 0 || reopenWanted) schedule(done ? BATCH_MS : RETRY_MS);
			});
	};

	/** Whether the batch was written. */
	const writeBatch = async (): Promise<boolean> => {
		const waiting = waiters;
		inFlight = staged;
		staged = new Map();
		waiters = [];
		if (halted !== null) {
			for (const waiter of waiting) waiter.reject(halted);
			return false;
		}
		try {
			await write(inFlight, waiting.length > 0);
			for (const waiter of waiting) waiter.resolve();
			return true;
		} catch (thrown) {
			const error = await afterFailure(inFlight, thrown);
			for (const waiter of waiting) waiter.reject(error);
			return false;
		} finally {
			inFlight = new Map();
		}
	};

	/** Brings the disk to a known state again, without what was refused. */
	const afterFailure = async (batch: Batch, thrown: unknown): Promise<SwarmError> => {
		for (const [key, entry] of batch) if (!entry.urgent && !staged.has(key)) staged.set(key, entry);
		reopenWanted = true;
		const cause = asSwarmError(thrown, "write to the state");
		options.logger.error("the journal took no write; it is tried again", { error: cause.message });
		const isKnown = await open(new Map()).then(
			() => true,
			() => false,
		);
		// Uncertain: what was refused may yet be found on the disk when this node starts again.
		const details = { ...cause.details, uncertain: !isKnown };
		return new SwarmError(cause.code, cause.message, { retryable: true, details, cause });
	};

	const write = async (batch: Batch, synced: boolean) => {
		const changes = newsOf(batch, current);
		const due = tainted || reopenWanted || journal.needsRewrite(bytesOf(documents.all()));
		if (due || current === null || hasOutgrown(current)) return open(changes);
		if (changes.size === 0) return synced ? journal.append([], "synced") : undefined;
		const document = current;
		tainted = true;
		const bytes = writeUpdate(document, changes, options.sign);
		if (bytes.length > UPDATE_BYTES_MAX) return open(changes);
		await journal.append([bytes], synced ? "synced" : "lazy");
		// Those who are to hear of it first: what is done here does not stand in their way.
		options.push(bytes);
		adoptOwnUpdate(document, changes.keys(), bytes);
		tainted = false;
		options.onWritten(new Set(changes.keys()));
		endHash(document);
	};

	/** The only place that writes the journal anew: nothing of ours can be on its way to the disk meanwhile. */
	const open = async (changes: ReadonlyMap<RecordKey, StateRecord | null>) => {
		if (halted !== null) throw halted;
		reopenWanted = false;
		const certificate = options.certificate();
		const role = options.admit(self, certificate) ?? "member";
		const opening = { self, sign: options.sign, certificate, role, chance: options.chance };
		const { document, bytes } = openGeneration({ ...opening, nowMs: clock.nowMs() }, documents.of(self), changes);
		const kept = () => [...documents.all().filter((one) => !isReplaced(one, document)), document];
		try {
			if (current === null || journal.needsRewrite(bytesOf(kept()))) {
				await journal.rewrite(() => {
					documents.settle();
					return kept().flatMap((one) => one.chain);
				});
			} else await journal.append([bytes], "synced");
		} catch (thrown) {
			reopenWanted = true;
			throw thrown;
		}
		current = document;
		opened = [document.generation, ...opened].slice(0, HISTORY_MAX);
		tainted = false;
		sizes.reset(document, staged);
		options.push(bytes);
		options.onWritten(documents.install(document));
	};

	return {
		start: () => open(new Map()),
		own(key) {
			for (const waiting of [staged.get(key), inFlight.get(key)]) {
				if (waiting !== undefined && !waiting.urgent) return waiting.record;
			}
			return current?.records.get(key) ?? null;
		},
		commit(records, drop) {
			return new Promise((resolve, reject) => {
				stage(records, drop, true);
				waiters.push({ resolve, reject });
				flush();
			});
		},
		hasOpened: (generation) => opened.includes(generation),
		halt(error) {
			halted = error;
			staged = new Map();
		},
		put(records, drop) {
			if (halted !== null) return;
			stage(records, drop, false);
			schedule(BATCH_MS);
		},
		tidy(drop) {
			const known = drop.filter((key) => !staged.has(key) && !inFlight.has(key));
			if (halted !== null || known.length === 0) return;
			stage([], known, false);
			schedule(BATCH_MS);
		},
		reopen() {
			reopenWanted = true;
			schedule(REOPEN_DELAY_MS);
		},
		isCrowded: sizes.isCrowded,
		needsReopen: () => reopenWanted || journal.needsRewrite(bytesOf(documents.all())),
		async stop() {
			if (staged.size > 0 && !stopped) flush();
			stopped = true;
			cancelTimer?.();
			while (writing !== null) await writing;
		},
	};
}

function isReplaced(one: HeldDocument, by: HeldDocument): boolean {
	return one.writer === by.writer && contains(by, one);
}

function bytesOf(documents: readonly HeldDocument[]): number {
	return documents.reduce((sum, one) => sum + one.chainBytes, 0);
}

/** Without what the document says already. */
function newsOf(batch: Batch, current: HeldDocument | null): Map<RecordKey, StateRecord | null> {
	const news = new Map<RecordKey, StateRecord | null>();
	for (const [key, { record }] of batch) {
		const known = current?.records.get(key) ?? null;
		if (JSON.stringify(record) !== JSON.stringify(known)) news.set(key, record);
	}
	return news;
}
