import { expect, test } from "vitest";
import {
	EXPIRED_TOKEN_MS_KEPT,
	housekeeping,
	SETTLED_MS,
	SETTLED_MS_FLOOR,
	TOMBSTONE_MS_FLOOR,
	TOMBSTONE_MS_MIN,
	TOMBSTONES_KEPT,
} from "../../src/crdt/housekeeping.js";
import { keyOf } from "../../src/crdt/state.js";
import { type DocumentRecords, viewOf } from "../../src/crdt/view.js";
import type { NodeId, StateRecord } from "../../src/model.js";
import { aClaim, aContainer, anAdmission, aRevocation, aSpecRecord, aToken } from "./records.js";

const [N1, N2] = ["N1", "N2"] as [NodeId, NodeId];

function documentOf(writer: NodeId, ...records: StateRecord[]): DocumentRecords {
	return { writer, generation: 1, records: new Map(records.map((record) => [keyOf(record), record])) };
}

function dropped(nowMs: number, ...documents: DocumentRecords[]): readonly string[] {
	return droppedWhenSeen(Number.NEGATIVE_INFINITY, nowMs, ...documents);
}

/** By all other members, up to `acknowledgedMs`. */
function droppedWhenSeen(acknowledgedMs: number, nowMs: number, ...documents: DocumentRecords[]): readonly string[] {
	return housekeeping({ self: N1, view: viewOf(documents), documents, nowMs, acknowledgedMs: () => acknowledgedMs });
}

const tombstone = aSpecRecord(N1, "web", { revision: 2, removed: true, time: { ms: 0, logical: 0 } });

test("a spec is dropped by its writer when a newer revision stands elsewhere, and kept while it is the newest", () => {
	const mine = documentOf(N1, aSpecRecord(N1, "web"));
	expect(dropped(0, mine, documentOf(N2, aSpecRecord(N2, "web", { revision: 2 })))).toEqual(["spec/web"]);
	expect(dropped(0, mine, documentOf(N2, aSpecRecord(N2, "web", { time: { ms: 1, logical: 0 } })))).toEqual([]);
	expect(dropped(1e12, mine)).toEqual([]);
});

test("a claim is dropped when a better one stands elsewhere, never when this node's is the best", () => {
	const mine = documentOf(N1, aClaim(N1, "web.0"), aSpecRecord(N1, "web"));
	expect(dropped(0, mine, documentOf(N2, aClaim(N2, "web.0", { epoch: 2 })))).toEqual(["claim/web.0"]);
	const handedOver = documentOf(N1, aClaim(N1, "web.0", { epoch: 3, owner: N2, reason: "handover" }));
	expect(dropped(1e12, handedOver, documentOf(N2, aClaim(N2, "web.0", { epoch: 2 })))).toEqual([]);
});

test("a claim without a known spec is kept: the spec may not have arrived yet", () => {
	expect(dropped(1e12, documentOf(N1, aClaim(N1, "web.0")))).toEqual([]);
});

test("the claim of a removed workload stays as long as its tombstone, and while a container of it is known", () => {
	const mine = documentOf(N1, tombstone, aClaim(N1, "web.0"));
	expect(dropped(TOMBSTONE_MS_MIN - 1, mine)).toEqual([]);
	expect(dropped(TOMBSTONE_MS_MIN, mine)).toEqual(["claim/web.0", "spec/web"]);
	expect(dropped(TOMBSTONE_MS_MIN, mine, documentOf(N2, aContainer(N2, "web.0")))).toEqual([]);
});

test("a tombstone that every member holds goes soon, with its claim, and not before what it removes is gone everywhere", () => {
	const mine = documentOf(N1, tombstone, aClaim(N1, "web.0"));
	expect(droppedWhenSeen(0, SETTLED_MS - 1, mine)).toEqual([]);
	expect(droppedWhenSeen(-1, SETTLED_MS, mine)).toEqual([]);
	expect(droppedWhenSeen(0, SETTLED_MS, mine)).toEqual(["claim/web.0", "spec/web"]);
	expect(droppedWhenSeen(0, SETTLED_MS, mine, documentOf(N2, aContainer(N2, "web.0")))).toEqual([]);
	expect(droppedWhenSeen(0, SETTLED_MS, mine, documentOf(N2, aSpecRecord(N2, "web")))).toEqual(["claim/web.0"]);
});

test("of very many tombstones the oldest go early", () => {
	const many = Array.from({ length: TOMBSTONES_KEPT + 2 }, (_, index) =>
		aSpecRecord(N1, `w${index}`, { removed: true, time: { ms: index, logical: 0 } }),
	);
	expect(dropped(TOMBSTONE_MS_FLOOR - 1, documentOf(N1, ...many))).toEqual([]);
	expect(dropped(TOMBSTONE_MS_FLOOR + 1, documentOf(N1, ...many))).toEqual(["spec/w0", "spec/w1"]);
	const seenMs = many.length;
	expect(droppedWhenSeen(seenMs, SETTLED_MS_FLOOR - 1, documentOf(N1, ...many))).toEqual([]);
	expect(droppedWhenSeen(seenMs, SETTLED_MS_FLOOR + 1, documentOf(N1, ...many))).toEqual(["spec/w0", "spec/w1"]);
	expect(droppedWhenSeen(0, SETTLED_MS_FLOOR + 1, documentOf(N1, ...many))).toEqual(["spec/w0"]);
});

test("a tombstone stays while any document holds an older record, a claim or a container of it", () => {
	const mine = documentOf(N1, tombstone);
	expect(dropped(TOMBSTONE_MS_MIN - 1, mine)).toEqual([]);
	expect(dropped(TOMBSTONE_MS_MIN, mine)).toEqual(["spec/web"]);
	expect(dropped(TOMBSTONE_MS_MIN, mine, documentOf(N2, aSpecRecord(N2, "web")))).toEqual([]);
	expect(dropped(TOMBSTONE_MS_MIN, mine, documentOf(N2, aClaim(N2, "web.0")))).toEqual([]);
	expect(dropped(TOMBSTONE_MS_MIN, mine, documentOf(N2, aContainer(N2, "web.0")))).toEqual([]);
});

test("a token, its uses and its revocation are dropped a day after it expired, the revocation of a node never", () => {
	const forgotten = aRevocation(N1, { of: "node", id: N2, expiresAtMs: null });
	const mine = documentOf(N1, aToken(N1), anAdmission(N1, N2), aRevocation(N1), forgotten);
	const endMs = 61_000 + EXPIRED_TOKEN_MS_KEPT;
	expect(dropped(endMs - 1, mine)).toEqual([]);
	expect(dropped(endMs, mine)).toEqual([aToken(N1), anAdmission(N1, N2), aRevocation(N1)].map(keyOf));
});
