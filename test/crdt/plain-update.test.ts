// Updates that are read without Yjs mean what they mean to Yjs: whatever a writer does, and whatever somebody makes of its bytes.

import { array, assert, constantFrom, integer, oneof, property, record, tuple } from "fast-check";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { extendDocument, openDocument, wholeYjs } from "../../src/crdt/document.js";
import type { SnapshotEnvelope, UpdateEnvelope } from "../../src/crdt/envelope.js";
import { readPlainUpdate } from "../../src/crdt/plain-update.js";
import { SCHEMA } from "../../src/crdt/schema.js";
import type { NodeId } from "../../src/model.js";

const CLIENT = 77;
const writer = "w1" as NodeId;
const keys = ["image/a", "image/b", "image/c", "dream/d", "volume/e"];

/** As a writer writes: some keys set, some dropped, in one transaction. */
const change = record({
	sets: array(tuple(constantFrom(...keys), integer({ min: 0, max: 5 }))),
	drops: array(constantFrom(...keys), { maxLength: 2 }),
});

interface Written {
	readonly yjs: Y.Doc;
	readonly opening: Uint8Array;
	readonly updates: readonly Uint8Array[];
	/** Whether each did nothing but set. */
	readonly isSetOnly: readonly boolean[];
}

type Change = { readonly sets: readonly (readonly [string, number])[]; readonly drops: readonly string[] };

function recordOf(key: string, value: number): unknown {
	const [kind, name] = key.split("/");
	// What the door of records refuses is among them.
	return {
		kind,
		name,
		node: writer,
		digest: `sha256:${String(value).repeat(64)}`,
		sizeBytes: value === 5 ? -1 : value,
	};
}

function written(changes: readonly Change[]): Written {
	const yjs = new Y.Doc();
	yjs.clientID = CLIENT;
	yjs.transact(() => {
		yjs.getMap("about").set("schema", [SCHEMA.major, SCHEMA.minor]);
		yjs.getMap("records").set("image/a", recordOf("image/a", 9));
	});
	const opening = Y.encodeStateAsUpdate(yjs);
	const [updates, isSetOnly] = [[] as Uint8Array[], [] as boolean[]];
	yjs.on("update", (update: Uint8Array) => void updates.push(update));
	for (const { sets, drops } of changes) {
		const before = updates.length;
		yjs.transact(() => {
			for (const key of drops) yjs.getMap("records").delete(key);
			for (const [key, value] of new Map(sets)) yjs.getMap("records").set(key, recordOf(key, value));
		});
		if (updates.length > before) isSetOnly.push(drops.length === 0);
	}
	return { yjs, opening, updates, isSetOnly };
}

function opened({ opening }: Written) {
	const base = { writer, generation: 1, sequence: 0, previous: new Uint8Array(32) };
	const envelope: SnapshotEnvelope = {
		...{ ...base, kind: "snapshot", history: [], certificate: new Uint8Array(), payload: opening },
	};
	return openDocument(envelope, opening, "member");
}

/** The bytes stand for their envelopes here. */
function extend(document: ReturnType<typeof opened>, payload: Uint8Array): void {
	const place = { writer, generation: 1, sequence: document.sequence + 1, previous: new Uint8Array(32) };
	const envelope: UpdateEnvelope = { ...place, kind: "update", payload };
	extendDocument(document, envelope, payload, (chain) => chain);
}

/** All that is known of the keys, wherever the door put it. */
function known(document: ReturnType<typeof opened>): Readonly<Record<string, unknown>> {
	const refused = [...document.refused.keys()].map((key) => [key, "refused"]);
	return Object.fromEntries([...document.records, ...document.unknown, ...refused]);
}

function expected(yjs: Y.Doc): Readonly<Record<string, unknown>> {
	const entries = [...yjs.getMap("records")] as [string, { sizeBytes: number; kind: string }][];
	const isRefused = (value: { sizeBytes: number; kind: string }) =>
		(value.kind === "image" && value.sizeBytes < 0) || value.kind === "volume";
	return Object.fromEntries(entries.map(([key, value]) => [key, isRefused(value) ? "refused" : value]));
}

describe("updates of one writer", () => {
	test("say the same without Yjs as with it", () => {
		assert(
			property(array(change, { maxLength: 12 }), (changes) => {
				const all = written(changes);
				const document = opened(all);
				for (const payload of all.updates) extend(document, payload);
				expect(known(document)).toEqual(expected(all.yjs));
			}),
			{ numRuns: 500 },
		);
	});

	test("are read without Yjs when they only set", () => {
		const changes = [1, 2, 3].map((value) => ({
			sets: keys.slice(value - 1, value + 1).map((key) => [key, value] as const),
			drops: [],
		}));
		const all = written([...changes, ...changes]);
		const document = opened(all);
		for (const payload of all.updates) extend(document, payload);
		expect(all.isSetOnly).not.toContain(false);
		expect(document.yjsCount).toBe(1);
		expect(known(document)).toEqual(expected(all.yjs));
	});

	test("are all in the Yjs document of whoever asks for it", () => {
		assert(
			property(array(change, { maxLength: 8 }), (changes) => {
				const all = written(changes);
				const document = opened(all);
				for (const payload of all.updates) extend(document, payload);
				for (const asked of [1, 2]) {
					const yjs = wholeYjs(document, (chain) => chain);
					expect([asked, yjs.getMap("records").toJSON()]).toEqual([asked, all.yjs.getMap("records").toJSON()]);
				}
			}),
			{ numRuns: 200 },
		);
	});
});

test("bytes that somebody changed are left to Yjs, or mean to it what they were taken for", () => {
	const mutation = tuple(integer({ min: 0, max: 400 }), integer({ min: 0, max: 255 }));
	const cut = integer({ min: 0, max: 20 });
	let plain = 0;
	assert(
		property(
			array(change, { minLength: 1, maxLength: 6 }),
			array(mutation, { maxLength: 3 }),
			oneof(cut),
			(...given) => {
				const [changes, mutations, short] = given;
				const all = written(changes);
				const last = all.updates.at(-1);
				if (last === undefined) return;
				const bytes = Uint8Array.from(last.subarray(0, last.length - (short > 15 ? short - 15 : 0)));
				for (const [at, byte] of mutations) bytes[at % bytes.length] = byte;
				const before = new Y.Doc();
				for (const update of [all.opening, ...all.updates.slice(0, -1)]) Y.applyUpdate(before, update);
				const map = before.getMap("records");
				const sets = readPlainUpdate(bytes, {
					...{ root: "records", client: CLIENT, nextClock: Y.getState(before.store, CLIENT) },
					wasSet: (key) => map._map.has(key),
					keyAt(clock) {
						const at = [...map._map].find(([, item]) => item.id.clock === clock);
						return at?.[0] ?? null;
					},
				});
				if (sets === null) return;
				plain++;
				const values = new Map(map.entries());
				Y.applyUpdate(before, bytes);
				for (const { key, value } of sets) values.set(key, value);
				expect(before.store.pendingStructs).toBeNull();
				expect(before.store.pendingDs).toBeNull();
				expect(before.store.clients.size).toBe(1);
				expect(new Map(map.entries())).toEqual(values);
			},
		),
		{ numRuns: 3_000 },
	);
	expect(plain).toBeGreaterThan(100);
});
