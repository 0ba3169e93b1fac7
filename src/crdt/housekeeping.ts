// Which of its own records a writer no longer needs to hold: superseded specs and claims, and tombstones that did their
// work. Pure. Must never: name a record that is still the only one to say what it says.

import { type ClaimRecord, type NodeId, type SpecRecord, type StateRecord, workloadOf } from "../model.js";
import { compareTimes } from "./hybrid-time.js";
import type { ClusterView, RecordKey } from "./state.js";
import type { DocumentRecords } from "./view.js";

/** A tombstone that every member is known to hold goes after this time, which lets writes end that were begun before it was seen … */
export const SETTLED_MS = 30_000;
/** … and after this one when its writer has TOMBSTONES_KEPT later ones. */
export const SETTLED_MS_FLOOR = 5_000;
/** Another stays at least this long, for members that are away … */
export const TOMBSTONE_MS_MIN = 24 * 60 * 60 * 1000;
/** … unless its writer has so many later ones: programs that deploy and remove all day must not fill the document. */
export const TOMBSTONES_KEPT = 256;
export const TOMBSTONE_MS_FLOOR = 10 * 60 * 1000;
/** Tokens, their uses, capabilities and revocations stay this long after they expired, so that "expired" can be told from "unknown". */
export const EXPIRED_TOKEN_MS_KEPT = 24 * 60 * 60 * 1000;

export interface HousekeepingInput {
	readonly self: NodeId;
	readonly view: ClusterView;
	/** All documents, forks included. */
	readonly documents: readonly DocumentRecords[];
	readonly nowMs: number;
	/** Up to which hybrid time, in ms, all other members hold the specs of a writer; infinity when there are no others. */
	readonly acknowledgedMs: (writer: NodeId) => number;
}

/** Keys of `self`'s document to drop. */
export function housekeeping(input: HousekeepingInput): readonly RecordKey[] {
	const expired = expiredWorkloads(input);
	const own = input.documents.filter((document) => document.writer === input.self);
	const claims = keysOf(own, (_, record) => record.kind === "claim" && isClaimDone(input, record, expired));
	const held = heldWorkloads(input, claims);
	const specs = keysOf(
		own,
		(key, record) =>
			record.kind === "spec" && isSpecDone(input, key, record, expired.has(record.name) && !held.has(record.name)),
	);
	const tokens = keysOf(own, (_, record) => isTokenDone(input, record));
	return [...claims, ...specs, ...tokens];
}

function keysOf(
	documents: readonly DocumentRecords[],
	isDone: (key: RecordKey, record: StateRecord) => boolean,
): ReadonlySet<RecordKey> {
	return new Set(
		documents.flatMap(({ records }) => [...records].flatMap(([key, record]) => (isDone(key, record) ? [key] : []))),
	);
}

function isSpecDone(input: HousekeepingInput, key: RecordKey, record: SpecRecord, isExpired: boolean): boolean {
	const winner = input.view.specs.get(record.name);
	if (winner !== undefined && winner.writer !== input.self) return true;
	return isExpired && input.documents.every((one) => one.writer === input.self || !one.records.has(key));
}

/** The best claim of a removed workload stays with its tombstone: a new workload of that name must start above it. */
function isClaimDone(input: HousekeepingInput, record: ClaimRecord, expired: ReadonlySet<string>): boolean {
	const winner = input.view.claims.get(record.container);
	if (winner !== undefined && winner.writer !== input.self) return true;
	return expired.has(record.workload) && !input.view.containers.has(record.container);
}

function isTokenDone({ nowMs }: HousekeepingInput, record: StateRecord): boolean {
	if (!("expiresAtMs" in record)) return false;
	return record.expiresAtMs !== null && record.expiresAtMs + EXPIRED_TOKEN_MS_KEPT <= nowMs;
}

/** Workloads whose tombstone has stood long enough. */
function expiredWorkloads(input: HousekeepingInput): ReadonlySet<string> {
	const tombstones = [...input.view.specs.values()].filter((spec) => spec.removed);
	const expired = new Set<string>();
	for (const [writer, ofWriter] of Map.groupBy(tombstones, (spec) => spec.writer)) {
		ofWriter.sort((a, b) => compareTimes(b.time, a.time));
		const acknowledgedMs = input.acknowledgedMs(writer);
		for (const [index, { name, time }] of ofWriter.entries()) {
			const [settledMs, waitsMs] =
				index < TOMBSTONES_KEPT ? [SETTLED_MS, TOMBSTONE_MS_MIN] : [SETTLED_MS_FLOOR, TOMBSTONE_MS_FLOOR];
			if (input.nowMs - time.ms >= (time.ms <= acknowledgedMs ? settledMs : waitsMs)) expired.add(name);
		}
	}
	return expired;
}

/** Workloads of which some document still holds a container, or a claim that does not go now. */
function heldWorkloads(input: HousekeepingInput, going: ReadonlySet<RecordKey>): ReadonlySet<string> {
	const held = new Set<string>();
	for (const { writer, records } of input.documents) {
		for (const [key, record] of records) {
			const goes = writer === input.self && going.has(key);
			if (record.kind === "claim" && !goes) held.add(record.workload);
			if (record.kind === "container") held.add(workloadOf(record.container));
		}
	}
	return held;
}
