// Which of its own records a writer no longer needs to hold: superseded specs and claims, and tombstones that did their
// work. Pure. Must never: name a record that is still the only one to say what it says.

import type { NodeId, SpecRecord } from "../model.js";
import type { ClusterView, RecordKey } from "./state.js";
import type { DocumentRecords } from "./view.js";

/** A tombstone stays at least this long, for writers that were away when it was written. */
export const TOMBSTONE_MS_MIN = 60 * 60 * 1000;
/** After the removal of a workload its claims fence late starts for this long. */
export const CLAIM_KEEP_MS = 10 * 60 * 1000;

export interface HousekeepingInput {
	readonly self: NodeId;
	readonly view: ClusterView;
	/** All documents, forks included. */
	readonly documents: readonly DocumentRecords[];
	readonly nowMs: number;
}

/** Keys of `self`'s document to drop. */
export function housekeeping(input: HousekeepingInput): readonly RecordKey[] {
	const workloadsHeld = heldWorkloads(input.documents);
	const keys = new Set<RecordKey>();
	for (const document of input.documents) {
		if (document.writer !== input.self) continue;
		for (const [key, record] of document.records) {
			if (record.kind === "spec" && isSpecDone(input, key, record, workloadsHeld)) keys.add(key);
			if (record.kind === "claim") {
				const winner = input.view.claims.get(record.container);
				const superseded = winner !== undefined && winner.writer !== input.self;
				const removed = isRemovedFor(input, record.workload, CLAIM_KEEP_MS);
				if (superseded || (removed && !input.view.containers.has(record.container))) keys.add(key);
			}
		}
	}
	return [...keys];
}

function isSpecDone(
	input: HousekeepingInput,
	key: RecordKey,
	record: SpecRecord,
	workloadsHeld: ReadonlySet<string>,
): boolean {
	const winner = input.view.specs.get(record.name);
	if (winner !== undefined && winner.writer !== input.self) return true;
	if (!isRemovedFor(input, record.name, TOMBSTONE_MS_MIN) || workloadsHeld.has(record.name)) return false;
	return input.documents.every((document) => document.writer === input.self || !document.records.has(key));
}

function isRemovedFor(input: HousekeepingInput, workload: string, durationMs: number): boolean {
	const winner = input.view.specs.get(workload);
	return winner?.removed === true && input.nowMs - winner.time.ms >= durationMs;
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
