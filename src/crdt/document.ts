// One generation of one writer's document as it is held here: the chain of envelopes it came in, the Yjs document, and its
// valid records. This is the only file that touches Yjs. Must never: apply a payload that was not verified by the caller.
//
// Yjs on hostile bytes can throw halfway or keep pending structures for ever: both count as a refusal, and the
// document is then rebuilt from the envelopes before it.

import * as Y from "yjs";
import { SwarmError } from "../errors.js";
import type { NodeId, NodeRole, StateRecord } from "../model.js";
import { hashOf, type Position, type SnapshotEnvelope, type UpdateEnvelope } from "./envelope.js";
import { type PlainSet, readPlainUpdate } from "./plain-update.js";
import { decodeRecord, isOfUnknownKind } from "./record-codec.js";
import { isUnderstood, readSchema, SCHEMA, type Schema } from "./schema.js";
import type { RecordKey } from "./state.js";
import { RecordDecoder } from "./update-decoder.js";

const ROOT = "records";
/** No document is part of another: the id that Yjs would make for it costs more than a small document itself. */
const PLAIN = { guid: ROOT };
/** Holds what is said of the document as a whole: its schema. */
const ABOUT = "about";
/** Records that one document may hold. */
export const RECORDS_MAX = 50_000;
/** Bytes of all envelopes of one generation: a writer opens a new one long before (own-document.ts). */
export const CHAIN_BYTES_MAX = 32 * 1024 * 1024;

/** Updates that Yjs has not got. */
interface PlainPart {
	readonly client: number;
	nextClock: number;
	readonly clocks: Map<string, number>;
	readonly keys: Map<number, string>;
}

export interface HeldDocument extends Position {
	readonly writer: NodeId;
	readonly history: readonly Position[];
	readonly certificate: Uint8Array;
	/** Of one that this node does not understand no record is read; it is kept and passed on. */
	readonly schema: Schema;
	/** Of the writer, by that certificate: a reader may say who it is and nothing else. */
	readonly role: NodeRole;
	sequence: number;
	/** Hash of the last envelope, once it was asked for (endHash). */
	hash: Uint8Array | null;
	/** Encoded envelopes, the snapshot first. */
	readonly chain: Uint8Array[];
	chainBytes: number;
	readonly records: Map<RecordKey, StateRecord>;
	/** Values of kinds that this version does not know, as they are. */
	readonly unknown: Map<string, unknown>;
	/** Records that did not pass the door, with the reason; they are left out of every view. */
	readonly refused: Map<string, string>;
	/** Has the first `yjsCount` envelopes of the chain; the others are known by what they say (plain-update.ts): for others there is `wholeYjs`. */
	yjs: Y.Doc;
	yjsCount: number;
	/** What those others set; null while there are none. */
	plain: PlainPart | null;
	/** Our own, and the one we write: nobody else extends it. */
	writable: boolean;
}

/** A document from its first envelope. Errors: `corrupt` when Yjs refuses the payload. */
export function openDocument(envelope: SnapshotEnvelope, bytes: Uint8Array, role: NodeRole): HeldDocument {
	const yjs = yjsFrom([envelope.payload]);
	const document: HeldDocument = {
		writer: envelope.writer,
		generation: envelope.generation,
		sequence: 0,
		hash: null,
		history: envelope.history,
		certificate: envelope.certificate.slice(),
		schema: readSchema(yjs.getMap(ABOUT).get("schema")),
		role,
		chain: [bytes.slice()],
		chainBytes: bytes.length,
		records: new Map(),
		unknown: new Map(),
		refused: new Map(),
		yjs,
		yjsCount: 1,
		plain: null,
		writable: false,
	};
	readRecords(document, yjs.getMap(ROOT).keys());
	return document;
}

/** Applies the next envelope; the keys that changed. Errors: `corrupt`, and the document is as it was before. */
export function extendDocument(
	document: HeldDocument,
	envelope: UpdateEnvelope,
	bytes: Uint8Array,
	payloadsOf: (chain: readonly Uint8Array[]) => readonly Uint8Array[],
): ReadonlySet<RecordKey> {
	if (document.chainBytes + bytes.length > CHAIN_BYTES_MAX) {
		throw new SwarmError(
			"too-large",
			`Cannot extend the document of ${document.writer}: ${CHAIN_BYTES_MAX} bytes are held`,
		);
	}
	const sets = plainSets(document, envelope.payload);
	if (sets !== null) {
		advance(document, bytes);
		return takeSets(document, sets);
	}
	try {
		const changed = applyPayload(wholeYjs(document, payloadsOf), envelope.payload);
		advance(document, bytes);
		yjsHasAll(document);
		return readRecords(document, changed);
	} catch (cause) {
		document.yjs = yjsFrom(payloadsOf(document.chain));
		yjsHasAll(document);
		throw refusal(cause);
	}
}

/** The Yjs document with all that is known. Errors: what Yjs says of an update that it does not take. */
export function wholeYjs(
	document: HeldDocument,
	payloadsOf: (chain: readonly Uint8Array[]) => readonly Uint8Array[],
): Y.Doc {
	for (const payload of payloadsOf(document.chain.slice(document.yjsCount))) applyPayload(document.yjs, payload);
	yjsHasAll(document);
	return document.yjs;
}

/** What the update sets, when it does nothing else and there is room for it. */
function plainSets(document: HeldDocument, payload: Uint8Array): readonly PlainSet[] | null {
	const { yjs, plain } = document;
	const map = yjs.getMap(ROOT);
	const client = plain?.client ?? onlyClient(yjs);
	if (client === null) return null;
	const sets = readPlainUpdate(payload, {
		...{ root: ROOT, client, nextClock: plain?.nextClock ?? Y.getState(yjs.store, client) },
		wasSet: (key) => plain?.clocks.has(key) === true || map._map.has(key),
		keyAt: (clock) => plain?.keys.get(clock) ?? keyInYjs(document, client, clock),
	});
	const isRoomy = map._map.size + (plain?.clocks.size ?? 0) + (sets?.length ?? 0) <= RECORDS_MAX;
	return isRoomy ? sets : null;
}

function onlyClient(yjs: Y.Doc): number | null {
	const [client, another] = yjs.store.clients.keys();
	return another === undefined ? (client ?? null) : null;
}

/** The key whose newest item that is. */
function keyInYjs({ yjs, plain }: HeldDocument, client: number, clock: number): string | null {
	if (clock >= Y.getState(yjs.store, client)) return null;
	const item: Y.Item | Y.GC = Y.getItem(yjs.store, Y.createID(client, clock));
	const key = item instanceof Y.Item ? item.parentSub : null;
	const isNewest = key !== null && item.length === 1 && yjs.getMap(ROOT)._map.get(key) === item;
	return isNewest && plain?.clocks.has(key) !== true ? key : null;
}

function takeSets(document: HeldDocument, sets: readonly PlainSet[]): ReadonlySet<RecordKey> {
	const changed = new Set<RecordKey>();
	for (const { key, clock, value } of sets) {
		notePlain(document, key, clock);
		forgetRecord(document, key);
		takeRecord(document, key, value);
		changed.add(key as RecordKey);
	}
	return changed;
}

function notePlain(document: HeldDocument, key: string, clock: number): void {
	document.plain ??= { client: onlyClient(document.yjs) ?? 0, nextClock: clock, clocks: new Map(), keys: new Map() };
	const { clocks, keys } = document.plain;
	const before = clocks.get(key);
	if (before !== undefined) keys.delete(before);
	clocks.set(key, clock);
	keys.set(clock, key);
	document.plain.nextClock = clock + 1;
}

function yjsHasAll(document: HeldDocument): void {
	document.yjsCount = document.chain.length;
	document.plain = null;
}

/** Takes over an envelope of our own whose update this Yjs document already holds. */
export function adoptOwnUpdate(document: HeldDocument, changed: Iterable<RecordKey>, bytes: Uint8Array): void {
	advance(document, bytes);
	yjsHasAll(document);
	readRecords(document, changed);
}

/** Writes to our own Yjs document (null drops the key); the update to send. Only `advance` makes it part of the chain. */
export function composeUpdate(document: HeldDocument, changes: ReadonlyMap<RecordKey, StateRecord | null>): Uint8Array {
	const updates: Uint8Array[] = [];
	const keep = (update: Uint8Array) => void updates.push(update);
	document.yjs.on("update", keep);
	try {
		document.yjs.transact(() => {
			const map = document.yjs.getMap(ROOT);
			for (const [key, record] of changes) {
				if (record === null) map.delete(key);
				else map.set(key, record);
			}
		});
	} finally {
		document.yjs.off("update", keep);
	}
	return Y.mergeUpdates(updates);
}

/** The payload of a snapshot with these records, under a client id that was never used before. */
export function composeSnapshot(records: ReadonlyMap<string, unknown>, clientId: number): Uint8Array {
	const yjs = new Y.Doc(PLAIN);
	yjs.clientID = clientId;
	yjs.transact(() => {
		yjs.getMap(ABOUT).set("schema", [SCHEMA.major, SCHEMA.minor]);
		const map = yjs.getMap(ROOT);
		for (const [key, record] of records) map.set(key, record);
	});
	return Y.encodeStateAsUpdate(yjs);
}

/** Makes a document that we opened ourselves the one that we write, under the client id of its snapshot. */
export function becomeWriter(document: HeldDocument, clientId: number): void {
	document.yjs.clientID = clientId;
	document.writable = true;
}

/** What the next envelope has to name. */
export function endHash(document: HeldDocument): Uint8Array {
	document.hash ??= hashOf(document.chain.at(-1) ?? new Uint8Array());
	return document.hash;
}

function advance(document: HeldDocument, bytes: Uint8Array): void {
	document.sequence += 1;
	document.hash = null;
	document.chain.push(bytes.slice());
	document.chainBytes += bytes.length;
}

function yjsFrom(payloads: readonly Uint8Array[]): Y.Doc {
	const yjs = new Y.Doc(PLAIN);
	try {
		for (const payload of payloads) applyPayload(yjs, payload);
		return yjs;
	} catch (cause) {
		throw refusal(cause);
	}
}

/** Applies one payload; the changed keys. Throws when Yjs cannot take all of it. */
function applyPayload(yjs: Y.Doc, payload: Uint8Array): ReadonlySet<string> {
	const map = yjs.getMap(ROOT);
	const changed: ReadonlyMap<unknown, ReadonlySet<string | null>> = yjs.transact((transaction) => {
		Y.applyUpdateV2(yjs, payload, undefined, RecordDecoder);
		return transaction.changed;
	});
	if (yjs.store.pendingStructs !== null || yjs.store.pendingDs !== null) throw new Error("it builds on missing parts");
	if (yjs.store.clients.size > 1) throw new Error("more than one client wrote it");
	// Yjs counts its entries one by one; with those that were dropped there are at least as many.
	if (map._map.size > RECORDS_MAX && map.size > RECORDS_MAX) throw new Error(`it has more than ${RECORDS_MAX} records`);
	return new Set([...(changed.get(map) ?? [])].filter((key) => key !== null));
}

function readRecords(document: HeldDocument, keys: Iterable<string>): ReadonlySet<RecordKey> {
	const map = document.yjs.getMap(ROOT);
	const changed = new Set<RecordKey>();
	for (const key of keys) {
		changed.add(key as RecordKey);
		forgetRecord(document, key);
		if (map.has(key)) takeRecord(document, key, map.get(key));
	}
	return changed;
}

function forgetRecord(document: HeldDocument, key: string): void {
	document.records.delete(key as RecordKey);
	document.refused.delete(key);
	document.unknown.delete(key);
}

function takeRecord(document: HeldDocument, key: string, given: unknown): void {
	if (!isUnderstood(document.schema)) return;
	try {
		if (isOfUnknownKind(given)) {
			document.unknown.set(key, given);
			return;
		}
		const record = decodeRecord(key, given, document.writer);
		refuseBeyondRole(document, record);
		document.records.set(key as RecordKey, record);
	} catch (thrown) {
		document.refused.set(key, thrown instanceof Error ? thrown.message : String(thrown));
	}
}

/** Throws `refused` for what a node of that role has no right to say. */
function refuseBeyondRole({ writer, role }: HeldDocument, record: StateRecord): void {
	if (record.kind !== "node") {
		if (role !== "reader") return;
		throw new SwarmError("refused", `Cannot take a ${record.kind} record of ${writer}: it is a reader`);
	}
	const said = record.role ?? "member";
	if (said === role) return;
	throw new SwarmError("refused", `Cannot take the node record of ${writer}: it says ${said}, its certificate ${role}`);
}

function refusal(cause: unknown): SwarmError {
	const why = cause instanceof Error ? cause.message : String(cause);
	return new SwarmError("corrupt", `Cannot apply an update: ${why}`, { cause });
}
