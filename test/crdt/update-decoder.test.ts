import fc from "fast-check";
import { expect, test } from "vitest";
import * as Y from "yjs";
import { RecordDecoder } from "../../src/crdt/update-decoder.js";

/** What records are made of, and texts of every kind, few enough to come again. */
const text = fc
	.oneof(
		fc.constantFrom("", "kind", "claim", "é", "日本", "a".repeat(80), "a".repeat(81), "b".repeat(200)),
		fc.string({ unit: "grapheme", maxLength: 100 }),
	)
	// Below: the two objects would be the same, and beyond comparing.
	.filter((given) => given !== "__proto__");
const { value } = fc.letrec((tie) => ({
	value: fc.oneof(
		{ depthSize: "small" },
		...[fc.constant(null), fc.boolean(), fc.integer(), fc.double(), text, fc.uint8Array({ maxLength: 8 })],
		fc.array(tie("value"), { maxLength: 4 }),
		fc.dictionary(text, tie("value"), { maxKeys: 6, noNullPrototype: true }),
	),
}));

function updateOf(values: readonly unknown[]): Uint8Array {
	const doc = new Y.Doc();
	doc.transact(() => {
		const map = doc.getMap("records");
		for (const [at, value] of values.entries()) map.set(`k${at}`, value);
	});
	return Y.encodeStateAsUpdate(doc);
}

function read(apply: (doc: Y.Doc) => void): unknown {
	const doc = new Y.Doc();
	try {
		apply(doc);
	} catch {
		return "refused";
	}
	const entries = [...doc.getMap("records")];
	return [entries, doc.store.pendingStructs !== null, doc.store.pendingDs !== null];
}

function expectAlike(update: Uint8Array): void {
	const theirs = read((doc) => Y.applyUpdate(doc, update));
	const ours = read((doc) => Y.applyUpdateV2(doc, update, undefined, RecordDecoder));
	expect(ours).toEqual(theirs);
}

test("values are read as Yjs reads them", () => {
	fc.assert(fc.property(fc.array(value, { maxLength: 8 }), (values) => expectAlike(updateOf(values))));
});

test("what is cut off or changed is read, or refused, as Yjs does it", () => {
	const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 });
	fc.assert(
		fc.property(fc.array(value, { maxLength: 4 }), changes, fc.nat(), (values, bytes, cut) => {
			const update = updateOf(values);
			for (const [at, byte] of bytes) update[at % update.length] = byte;
			expectAlike(update.subarray(0, update.length - (cut % 3)));
		}),
		{ numRuns: 400 },
	);
});

test("a field that would be a prototype is one for Yjs, too, so that the record is refused", () => {
	const update = updateOf([JSON.parse('{"kind": "claim", "__proto__": {"cpus": 3}}')]);
	const doc = new Y.Doc();
	Y.applyUpdateV2(doc, update, undefined, RecordDecoder);
	const theirs = new Y.Doc();
	Y.applyUpdate(theirs, update);
	for (const one of [doc, theirs]) expect(Object.getPrototypeOf(one.getMap("records").get("k0"))).toEqual({ cpus: 3 });
});
