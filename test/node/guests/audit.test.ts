import { expect, test } from "vitest";
import { systemClock } from "../../../src/clock.js";
import { AUDIT_ENTRIES_MAX, AUDIT_PARTS_MAX } from "../../../src/crdt/record-codec.js";
import type { State } from "../../../src/crdt/state.js";
import { silentLogger } from "../../../src/log.js";
import type { NodeId, StateRecord } from "../../../src/model.js";
import { AUDIT_BATCH_MS, openAudit } from "../../../src/node/guests/audit.js";
import { createTimeline } from "../../cluster/sim/timeline.js";

const self = "N1" as NodeId;

function fixture() {
	const timeline = createTimeline();
	const kept = new Map<string, StateRecord>();
	let writes = 0;
	const state = {
		self,
		own: (key: string) => kept.get(key) ?? null,
		put(records: readonly StateRecord[]) {
			writes++;
			for (const record of records) if (record.kind === "audit") kept.set(`audit/${record.slot}`, record);
		},
	} as unknown as State;
	const { nowMs, after } = timeline;
	const clock = { ...systemClock, nowMs, after };
	const open = () => openAudit({ state, clock, logger: silentLogger });
	const parts = () => [...kept.values()].filter((record) => record.kind === "audit");
	return { timeline, open, parts, entries: () => parts().flatMap((part) => part.entries), writes: () => writes };
}

const use = { capability: "5f".repeat(16), holder: self, verb: "list", subject: "", refusal: null };

test("uses that are alike within a batch are one entry with a count", async () => {
	const { timeline, open, entries } = fixture();
	const audit = open();
	for (let count = 0; count < 1_000; count++) audit.note(use);
	audit.note({ ...use, verb: "exec" });
	expect(entries()).toEqual([]);
	await timeline.run(AUDIT_BATCH_MS + 1);
	expect(entries().map(({ verb, count }) => [verb, count])).toEqual([
		["list", 1_000],
		["exec", 1],
	]);
});

test("is a ring: however much is asked, it holds no more than its parts, and its numbers go on over a restart", async () => {
	const { timeline, open, entries, parts } = fixture();
	const entriesMax = AUDIT_PARTS_MAX * AUDIT_ENTRIES_MAX;
	let audit = open();
	for (let count = 0; count < 3 * entriesMax + 5; count++) {
		audit.note({ ...use, subject: `${count}` });
		if (count % 700 !== 0) continue;
		audit.stop();
		audit = open();
	}
	await timeline.run(AUDIT_BATCH_MS + 1);
	expect(parts()).toHaveLength(AUDIT_PARTS_MAX);
	expect(entries().length).toBeGreaterThan(entriesMax - AUDIT_ENTRIES_MAX);
	expect(entries().length).toBeLessThanOrEqual(entriesMax);
	for (const part of parts()) {
		expect(part.entries.length).toBeLessThanOrEqual(AUDIT_ENTRIES_MAX);
		expect(part.entries.map((entry) => Number(entry.subject))).toEqual(part.entries.map((_, at) => part.first + at));
	}
});

test("keeps a text that a caller made long in its beginning", async () => {
	const { open, entries } = fixture();
	const audit = open();
	audit.note({ ...use, subject: "x".repeat(100_000), refusal: "y".repeat(100_000) });
	audit.stop();
	expect(entries()[0]?.subject.length).toBe(256);
	expect(entries()[0]?.refusal?.length).toBe(256);
});
