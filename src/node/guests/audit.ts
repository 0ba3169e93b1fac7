// What holders of capabilities asked of this node, kept in its own document for all nodes to read: a ring of parts, each of a few entries,
// where the newest takes the place of the oldest. Uses that are alike and come within one batch are one entry with a count, so that a
// guest in a hurry costs no more than a slow one. Must never: hold up a call, grow past its ring, begin its numbers anew.

import type { Clock } from "../../clock.js";
import { AUDIT_ENTRIES_MAX, AUDIT_PARTS_MAX, AUDIT_TEXT_MAX } from "../../crdt/record-codec.js";
import type { State } from "../../crdt/state.js";
import { asSwarmError } from "../../errors.js";
import type { Logger } from "../../log.js";
import type { AuditEntry, AuditRecord } from "../../model.js";

/** Entries are written together; what a crash of the daemon can lose. */
export const AUDIT_BATCH_MS = 1_000;

export type AuditUse = Omit<AuditEntry, "timeMs" | "count">;

export interface AuditLog {
	note(use: AuditUse): void;
	/** Writes what waits. */
	stop(): void;
}

export interface AuditOptions {
	readonly state: State;
	readonly clock: Clock;
	readonly logger: Logger;
}

export function openAudit({ state, clock, logger }: AuditOptions): AuditLog {
	let part: AuditRecord = lastPart(state);
	let waiting = new Map<string, AuditEntry>();
	let cancel: (() => void) | null = null;

	const write = () => {
		cancel?.();
		cancel = null;
		const parts = new Map<number, AuditRecord>();
		for (const entry of waiting.values()) {
			if (part.entries.length >= AUDIT_ENTRIES_MAX) part = partAfter(part);
			part = { ...part, entries: [...part.entries, entry] };
			parts.set(part.slot, part);
		}
		waiting = new Map();
		try {
			state.put([...parts.values()]);
		} catch (thrown) {
			logger.error("part of the audit log is not written", { error: asSwarmError(thrown, "write").message });
		}
	};

	return {
		note(use) {
			const entry = shortened(use);
			const key = JSON.stringify(entry);
			const known = waiting.get(key);
			waiting.set(key, { ...entry, timeMs: known?.timeMs ?? clock.nowMs(), count: (known?.count ?? 0) + 1 });
			if (waiting.size >= AUDIT_ENTRIES_MAX) write();
			else cancel ??= clock.after(AUDIT_BATCH_MS, write);
		},
		stop() {
			if (waiting.size > 0) write();
		},
	};
}

/** Where this node's log ended. */
function lastPart(state: State): AuditRecord {
	const parts = Array.from({ length: AUDIT_PARTS_MAX }, (_, slot) => state.own(`audit/${slot}`));
	const own = parts.filter((record) => record?.kind === "audit");
	const first: AuditRecord = { kind: "audit", slot: 0, node: state.self, first: 0, entries: [] };
	return own.reduce((last, one) => (one.first > last.first ? one : last), own[0] ?? first);
}

function partAfter(part: AuditRecord): AuditRecord {
	const first = part.first + part.entries.length;
	return { ...part, slot: (part.slot + 1) % AUDIT_PARTS_MAX, first, entries: [] };
}

function shortened(use: AuditUse): AuditUse {
	const short = (text: string) => text.slice(0, AUDIT_TEXT_MAX);
	return { ...use, subject: short(use.subject), refusal: use.refusal === null ? null : short(use.refusal) };
}
