// Which of its own records a writer no longer needs to hold: superseded specs and claims, and tombstones that did their
// work. Pure. Must never: name a record that is still the only one to say what it says.

import type { ClaimRecord, NodeId, SpecRecord, StateRecord } from "../model.js";
import { compareTimes } from "./hybrid-time.js";
import type { ClusterView, RecordKey } from "./state.js";
import type { DocumentRecords } from "./view.js";

/** A tombstone stays at least this long, for writers that were away when it was written … */
export const TOMBSTONE_MS_MIN = 24 * 60 * 60 * 1000;
/** … unless its writer has so many later ones: programs that deploy and remove all day must not fill the document. */
export const TOMBSTONES_KEPT = 256;
export const TOMBSTONE_MS_FLOOR = 10 * 60 * 1000;
/** Tokens, their uses and revocations stay this long after the token expired, so that "expired" can be told from "unknown". */
export const EXPIRED_TOKEN_MS_KEPT = 24 * 60 * 60 * 1000;

export interface HousekeepingInput {
	readonly self: NodeId;
	readonly view: ClusterView;
	/** All documents, forks included. */
	readonly documents: readonly DocumentRecords[];
	readonly nowMs: number;
}

/** Keys of `self`'s document to drop. */
export function housekeeping(input: HousekeepingInput): readonly RecordKey[] {
	const expired = expiredWorkloads(input);
	const held = heldWorkloads(input.documents);
	const keys = new Set<RecordKey>();
	for (const document of input.documents) {
		if (document.writer !== input.self) continue;
		for (const [key, record] of document.records) {
			const isDone =
				record.kind === "spec"
					? isSpecDone(input, key, record, expired.has(record.name) && !held.has(record.name))
					: record.kind === "claim"
						? isClaimDone(input, record, expired.has(record.workload))
						: isTokenDone(input, record);
			if (isDone) keys.add(key);
		}
	}
	return [...keys];
}

function isSpecDone(input: HousekeepingInput, key: RecordKey, record: SpecRecord, isExpired: boolean): boolean {
	const winner = input.view.specs.get(record.name);
	if (winner !== undefined && winner.writer !== input.self) return true;
	return isExpired && input.documents.every((one) => one.writer === input.self || !one.records.has(key));
}

/** The best claim of a removed workload stays with its tombstone: a new workload of that name must start above it. */
function isClaimDone(input: HousekeepingInput, record: ClaimRecord, isExpired: boolean): boolean {
	const winner = input.view.claims.get(record.container);
	if (winner !== undefined && winner.writer !== input.self) return true;
	return isExpired && !input.view.containers.has(record.container);
}

function isTokenDone({ nowMs }: HousekeepingInput, record: StateRecord): boolean {
	if (record.kind !== "token" && record.kind !== "admission" && record.kind !== "revocation") return false;
	return record.expiresAtMs !== null && record.expiresAtMs + EXPIRED_TOKEN_MS_KEPT <= nowMs;
}

/** Workloads whose tombstone has stood long enough. */
function expiredWorkloads(input: HousekeepingInput): ReadonlySet<string> {
	const tombstones = [...input.view.specs.values()].filter((spec) => spec.removed);
	const expired = new Set<string>();
	for (const ofWriter of Map.groupBy(tombstones, (spec) => spec.writer).values()) {
		ofWriter.sort((a, b) => compareTimes(b.time, a.time));
		for (const [index, { name, time }] of ofWriter.entries()) {
			const ageMs = input.nowMs - time.ms;
			if (ageMs >= (index < TOMBSTONES_KEPT ? TOMBSTONE_MS_MIN : TOMBSTONE_MS_FLOOR)) expired.add(name);
		}
	}
	return expired;
}

/** Workloads of which some document still holds a claim or a container. */
function heldWorkloads(documents: readonly DocumentRecords[]): ReadonlySet<string> {
	const held = new Set<string>();
	for (const { records } of documents) {
		for (const record of records.values()) {
			if (record.kind === "claim") held.add(record.workload);
			if (record.kind === "container") held.add(record.container.slice(0, record.container.lastIndexOf(".")));
		}
	}
	return held;
}
