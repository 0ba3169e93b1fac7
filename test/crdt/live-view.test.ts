import fc from "fast-check";
import { expect, test } from "vitest";
import { createLiveView } from "../../src/crdt/live-view.js";
import { type ClusterView, keyOf, type RecordKey } from "../../src/crdt/state.js";
import { type DocumentRecords, viewOf } from "../../src/crdt/view.js";
import type { NodeId, StateRecord } from "../../src/model.js";
import { documents, ownerOf, record, textOf } from "./arbitrary-documents.js";
import { aClaim, aContainer, aNode, anImage, aRevocation, aSpecRecord } from "./records.js";

interface Document extends DocumentRecords {
	readonly records: Map<RecordKey, StateRecord>;
}

/** Documents that change, and the view that is told of it as the store tells it. */
function world() {
	let held: readonly Document[] = [];
	const of = (writer: NodeId) => held.filter((one) => one.writer === writer);
	const live = createLiveView({ all: () => held, of });
	const keysOf = (writer: NodeId) => of(writer).flatMap(({ records }) => [...records.keys()]);
	/** A document came or went. */
	const replace = (writer: NodeId, next: readonly Document[]) => {
		const before = keysOf(writer);
		held = next;
		live.changed(writer, [...before, ...keysOf(writer)]);
	};
	return {
		live,
		held: () => held,
		open: (document: DocumentRecords) => {
			const others = held.filter((one) => one.writer !== document.writer || one.generation !== document.generation);
			replace(document.writer, [...others, { ...document, records: new Map(document.records) }]);
		},
		drop: (document: Document) =>
			replace(
				document.writer,
				held.filter((one) => one !== document),
			),
		set(document: Document, record: StateRecord) {
			document.records.set(keyOf(record), record);
			live.changed(document.writer, [keyOf(record)]);
		},
		unset(document: Document, key: RecordKey) {
			document.records.delete(key);
			live.changed(document.writer, [key]);
		},
	};
}

const change = fc.oneof(
	{ weight: 6, arbitrary: fc.record({ kind: fc.constant("set" as const), record, at: fc.nat() }) },
	{ weight: 3, arbitrary: fc.record({ kind: fc.constant("unset" as const), at: fc.nat(), key: fc.nat() }) },
	{ weight: 1, arbitrary: fc.record({ kind: fc.constant("drop" as const), at: fc.nat() }) },
	{ weight: 2, arbitrary: fc.record({ kind: fc.constant("open" as const), from: documents }) },
	{ weight: 4, arbitrary: fc.constant({ kind: "look" as const }) },
);

test("after any changes, removals and generations it is the view of all documents at once, and earlier ones stay as they were", () => {
	fc.assert(
		fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
			const { live, held, open, drop, set, unset } = world();
			const seen: [ClusterView, string][] = [];
			for (const one of [...changes, { kind: "look" } as const]) {
				const document = "at" in one ? held()[one.at % held().length] : undefined;
				if (one.kind === "open") for (const opened of one.from) open(opened);
				if (one.kind === "drop" && document !== undefined) drop(document);
				if (one.kind === "set") {
					const own = held().filter(({ writer }) => writer === ownerOf(one.record));
					const into = own[one.at % own.length];
					if (into !== undefined) set(into, one.record);
				}
				const keys = [...(document?.records.keys() ?? [])];
				const key = one.kind === "unset" ? keys[one.key % keys.length] : undefined;
				if (document !== undefined && key !== undefined) unset(document, key);
				if (one.kind === "look") {
					const view = live.now();
					expect(textOf(view)).toBe(textOf(viewOf(held())));
					seen.push([view, textOf(view)]);
				}
			}
			for (const [view, text] of seen) expect(textOf(view)).toBe(text);
		}),
		{ numRuns: 1_000 },
	);
});

const [N1, N2] = ["N1", "N2"] as [NodeId, NodeId];

function documentOf(writer: NodeId, generation: number, ...records: StateRecord[]): DocumentRecords {
	return { writer, generation, records: new Map(records.map((one) => [keyOf(one), one])) };
}

test("it is the same object until something changes, and keeps what did not", () => {
	const { live, held, open, set } = world();
	open(documentOf(N1, 1, aNode(N1), aSpecRecord(N1, "web"), anImage(N1, "a:1"), aClaim(N1, "web.0")));
	const before = live.now();
	expect(live.now()).toBe(before);
	live.changed(N1, ["spec/web", "spec/none"]);
	expect(live.now()).toBe(before);
	set(held()[0] as Document, aContainer(N1, "web.0"));
	const after = live.now();
	expect(after).not.toBe(before);
	expect(after.containers.get("web.0" as never)).toHaveLength(1);
	expect([after.specs === before.specs, after.claims === before.claims, after.images === before.images]).toEqual([
		...[true, true, true],
	]);
});

test("when the best claim is taken back, the next best of all documents counts", () => {
	const { live, held, open, unset } = world();
	open(documentOf(N1, 1, aClaim(N1, "web.0", { epoch: 3 })));
	open(documentOf(N2, 1, aClaim(N2, "web.0", { epoch: 2 })));
	expect(live.now().claims.get("web.0" as never)?.epoch).toBe(3);
	unset(held()[0] as Document, "claim/web.0");
	expect(live.now().claims.get("web.0" as never)?.epoch).toBe(2);
});

test("a node that is forgotten elsewhere stands as left, until its own word of a later admission", () => {
	const { live, held, open, set } = world();
	open(documentOf(N2, 1, aNode(N2, { admittedAtMs: 50 })));
	expect(live.now().nodes.get(N2)?.left).toBe(false);
	open(documentOf(N1, 1, aRevocation(N1, { of: "node", id: N2, revokedAtMs: 50, expiresAtMs: null })));
	expect(live.now().nodes.get(N2)?.left).toBe(true);
	set(held()[0] as Document, aNode(N2, { admittedAtMs: 51 }));
	expect(live.now().nodes.get(N2)?.left).toBe(false);
});
