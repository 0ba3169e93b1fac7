// How this node's own document is opened anew: generation, history, and what is carried over from earlier documents of
// ours, also from those that only peers still held. Must never: reuse a generation or a client id.

import type { Chance } from "../clock.js";
import type { Signer } from "../mesh/identity.js";
import type { NodeId, NodeRole, StateRecord } from "../model.js";
import { betterClaim } from "./claims.js";
import { becomeWriter, composeSnapshot, composeUpdate, endHash, type HeldDocument, openDocument } from "./document.js";
import { decodeEnvelope, encodeEnvelope, FIRST_HASH, HISTORY_MAX, type Position } from "./envelope.js";
import { betterSpec } from "./specs.js";
import type { RecordKey } from "./state.js";

/** Random part of a generation, so that two boots in one millisecond after lost writes differ. */
const GENERATIONS_PER_MS = 1024;
/** A new generation opens when the chain is larger than this … */
export const CHAIN_BYTES_MIN = 64 * 1024;
/** … and this many times its snapshot. */
export const GROWTH_FACTOR = 4;

export interface Opening {
	readonly self: NodeId;
	readonly sign: Signer;
	readonly certificate: Uint8Array;
	readonly role: NodeRole;
	readonly chance: Chance;
	readonly nowMs: number;
}

export type Changes = ReadonlyMap<RecordKey, StateRecord | null>;

export interface OpenedDocument {
	readonly document: HeldDocument;
	readonly bytes: Uint8Array;
}

/** A new generation with the live records of `earlier` (all documents of ours that are known) and `changes`. */
export function openGeneration(opening: Opening, earlier: readonly HeldDocument[], changes: Changes): OpenedDocument {
	const records = joinOwn(earlier);
	for (const [key, record] of changes) {
		if (record === null) records.delete(key);
		else records.set(key, record);
	}
	const clientId = Buffer.from(opening.chance.bytes(4)).readUInt32LE(0);
	const bytes = encodeEnvelope(
		{
			kind: "snapshot",
			writer: opening.self,
			generation: nextGeneration(opening, earlier),
			sequence: 0,
			previous: FIRST_HASH,
			history: historyOf(earlier),
			certificate: opening.certificate,
			payload: composeSnapshot(new Map<string, unknown>([...unknownOwn(earlier), ...records]), clientId),
		},
		opening.sign,
	);
	const envelope = decodeEnvelope(bytes);
	if (envelope.kind !== "snapshot") throw new Error("an opening is a snapshot");
	const document = openDocument(envelope, bytes, opening.role);
	becomeWriter(document, clientId);
	return { document, bytes };
}

/** The next envelope of a document of ours, not yet part of its chain. */
export function writeUpdate(document: HeldDocument, changes: Changes, sign: Signer): Uint8Array {
	return encodeEnvelope(
		{
			kind: "update",
			writer: document.writer,
			generation: document.generation,
			sequence: document.sequence + 1,
			previous: endHash(document),
			payload: composeUpdate(document, changes),
		},
		sign,
	);
}

export function hasOutgrown(document: HeldDocument): boolean {
	const snapshotBytes = document.chain[0]?.length ?? 0;
	return document.chainBytes > Math.max(CHAIN_BYTES_MIN, GROWTH_FACTOR * snapshotBytes);
}

/** Facts as the latest generation says; of wishes and claims the better one of all. */
function joinOwn(earlier: readonly HeldDocument[]): Map<RecordKey, StateRecord> {
	const [latest, ...forks] = [...earlier].sort(byFallingUse);
	const joined = new Map(latest?.records ?? []);
	for (const fork of forks) {
		for (const [key, record] of fork.records) {
			const known = joined.get(key);
			if (record.kind === "spec") joined.set(key, known?.kind === "spec" ? betterSpec(known, record) : record);
			if (record.kind === "claim") joined.set(key, known?.kind === "claim" ? betterClaim(known, record) : record);
			if (isAdmission(record) && known === undefined) joined.set(key, record);
		}
	}
	return joined;
}

/** Not facts of this boot: what was said of a token or a node holds on. */
function isAdmission({ kind }: StateRecord): boolean {
	return (
		kind === "token" || kind === "admission" || kind === "electorate" || kind === "revocation" || kind === "capability"
	);
}

/** What a later version of this node wrote, before an older one was installed again. */
function unknownOwn(earlier: readonly HeldDocument[]): ReadonlyMap<string, unknown> {
	const [latest] = [...earlier].sort(byFallingUse);
	return latest?.unknown ?? new Map();
}

/** The one we were writing first: it knows the facts of this boot, also when a fork has a higher generation. */
function byFallingUse(a: HeldDocument, b: HeldDocument): number {
	return Number(b.writable) - Number(a.writable) || b.generation - a.generation;
}

function nextGeneration(opening: Opening, earlier: readonly HeldDocument[]): number {
	const fromTime = Math.floor(opening.nowMs) * GENERATIONS_PER_MS;
	const random = Math.floor(opening.chance.fraction() * GENERATIONS_PER_MS);
	const seen = earlier.flatMap((one) => [one, ...one.history]).map(({ generation }) => generation);
	return Math.max(fromTime + random, ...seen.map((generation) => generation + 1));
}

function historyOf(earlier: readonly HeldDocument[]): readonly Position[] {
	const last = new Map<number, number>();
	for (const { generation, sequence } of earlier.flatMap((one) => [...one.history, one])) {
		last.set(generation, Math.max(sequence, last.get(generation) ?? 0));
	}
	return [...last]
		.map(([generation, sequence]) => ({ generation, sequence }))
		.sort((a, b) => b.generation - a.generation)
		.slice(0, HISTORY_MAX);
}
