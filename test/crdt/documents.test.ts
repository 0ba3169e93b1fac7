import fc from "fast-check";
import { expect, test } from "vitest";
import { endHash } from "../../src/crdt/document.js";
import { type DocumentSet, FORKS_MAX, type Unsigned, WRITERS_MAX } from "../../src/crdt/documents.js";
import { decodeEnvelope, ENVELOPE_BYTES_MAX, encodeEnvelope, FIRST_HASH, hashOf } from "../../src/crdt/envelope.js";
import { viewOf } from "../../src/crdt/view.js";
import type { NodeId } from "../../src/model.js";
import { signerFor } from "../cluster/sim/sim-signature.js";
import { aClaim, aNode, aSpecRecord } from "./records.js";
import { aDocumentSet, certificateOf, chainOf } from "./writing.js";

const [N1, N2] = ["N1", "N2"] as [NodeId, NodeId];

function textOf(documents: DocumentSet): string {
	const { specs, claims } = viewOf(documents.all());
	return JSON.stringify([documents.digest(), [...specs], [...claims]]);
}

const chain = chainOf(N1, [[aSpecRecord(N1, "web")], [aClaim(N1, "web.0")], [aClaim(N1, "web.0", { epoch: 2 })]]);
const otherChain = chainOf(N2, [[aSpecRecord(N2, "db")], [aClaim(N2, "db.0")]]);

test("whatever order, loss and repetition envelopes arrive in, one exchange afterwards makes two holders equal", () => {
	const envelopes = [...chain, ...otherChain];
	const arrivals = fc.array(fc.nat({ max: envelopes.length - 1 }), { maxLength: 30 });
	const complete = aDocumentSet();
	for (const envelope of envelopes) complete.accept([envelope], "verify");
	fc.assert(
		fc.property(arrivals, (order) => {
			const holder = aDocumentSet();
			for (const index of order) holder.accept([envelopes[index] as Uint8Array], "verify");
			for (const missing of complete.missingFor(holder.digest())) holder.accept(missing, "verify");
			expect(textOf(holder)).toBe(textOf(complete));
		}),
	);
});

test("a changed byte anywhere is refused and leaves no trace", () => {
	const documents = aDocumentSet();
	documents.accept(chain.slice(0, 2), "verify");
	const before = textOf(documents);
	const next = chain[2] as Uint8Array;
	for (let at = 0; at < next.length; at++) {
		const forged = next.slice();
		forged[at] = (forged[at] ?? 0) ^ 0x21;
		expect(["refused", "gap"]).toContain(documents.accept([forged], "verify").kind);
	}
	expect(textOf(documents)).toBe(before);
	expect(documents.accept([next], "verify").kind).toBe("accepted");
});

test("a cut off envelope, random bytes and nothing at all are refused", () => {
	const documents = aDocumentSet();
	const whole = chain[0] as Uint8Array;
	for (let length = 0; length < whole.length; length++) {
		expect(documents.accept([whole.slice(0, length)], "verify").kind).toBe("refused");
	}
	fc.assert(
		fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
			expect(documents.accept([bytes], "verify").kind).toBe("refused");
		}),
	);
	expect(documents.all()).toEqual([]);
});

test("an envelope over the limit is refused as too large", () => {
	const documents = aDocumentSet();
	const acceptance = documents.accept([new Uint8Array(ENVELOPE_BYTES_MAX + 1)], "verify");
	expect(acceptance).toMatchObject({ kind: "refused", error: { code: "too-large" } });
});

test("a peer cannot write another's document, nor enter without a certificate of its own", () => {
	const documents = aDocumentSet();
	const opening = decodeEnvelope(chain[0] as Uint8Array);
	const forged = encodeEnvelope({ ...opening, writer: N1 }, signerFor(N2));
	expect(documents.accept([forged], "verify").kind).toBe("refused");
	const stranger = { ...opening, writer: "X9" as NodeId, certificate: certificateOf(N1) };
	const uninvited = encodeEnvelope(stranger, signerFor("X9" as NodeId));
	expect(documents.accept([uninvited], "verify")).toMatchObject({ kind: "refused", error: { code: "refused" } });
	expect(documents.all()).toEqual([]);
});

test("a signed payload that Yjs cannot take is refused, and the document is as before", () => {
	fc.assert(
		fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), (payload) => {
			const documents = aDocumentSet();
			documents.accept(chain, "verify");
			const before = textOf(documents);
			const held = documents.of(N1)[0];
			if (held === undefined) throw new Error("nothing is held");
			const next = { kind: "update", writer: N1, generation: held.generation, sequence: held.sequence + 1 } as const;
			const bytes = encodeEnvelope({ ...next, previous: endHash(held), payload }, signerFor(N1));
			const isTaken = documents.accept([bytes], "verify").kind === "accepted";
			// Some random bytes are an empty update; those change no record.
			if (!isTaken) expect(textOf(documents)).toBe(before);
			else expect(viewOf(documents.all()).claims.size).toBe(1);
			for (const records of documents.all()) expect(records.yjs.store.pendingStructs).toBeNull();
		}),
		{ numRuns: 300, examples: [[Uint8Array.from([0])], [Uint8Array.from([0, 0])]] },
	);
});

test("an update of another chain under a right number is refused", () => {
	const documents = aDocumentSet();
	documents.accept(chain.slice(0, 2), "verify");
	const next = decodeEnvelope(chain[2] as Uint8Array);
	const crossed = encodeEnvelope({ ...next, previous: FIRST_HASH }, signerFor(N1));
	// Its writer signed it: whoever passes it on is not to blame.
	expect(documents.accept([crossed], "verify")).toMatchObject({ kind: "refused", error: { code: "conflict" } });
});

test("a hostile record in a signed document is left out of the view, the rest stays", () => {
	const documents = aDocumentSet();
	const hostile = [
		{ ...aClaim(N1, "web.0"), epoch: Number.NaN },
		{ ...aClaim(N1, "web.1"), writer: N2 },
		{ ...aSpecRecord(N1, "web"), revision: "9" },
		{ ...aNode(N1), hardware: JSON.parse('{"__proto__": {"cpus": 3}}') },
	];
	documents.accept(chainOf(N1, [[...hostile, aClaim(N1, "db.0")] as never]), "verify");
	const view = viewOf(documents.all());
	expect([...view.claims.keys()]).toEqual(["db.0"]);
	expect(view.specs.size + view.nodes.size).toBe(0);
	expect(documents.of(N1)[0]?.refused.size).toBe(4);
});

test("fields of a newer version survive", () => {
	const documents = aDocumentSet();
	documents.accept(chainOf(N1, [[{ ...aClaim(N1, "web.0"), lease: { untilMs: 5 } } as never]]), "verify");
	expect(viewOf(documents.all()).claims.get("web.0" as never)).toMatchObject({ lease: { untilMs: 5 } });
});

test("a generation that does not say it contains an earlier one stands beside it until one does", () => {
	const documents = aDocumentSet();
	const late = chainOf(N1, [[aClaim(N1, "db.0")]], 2000);
	documents.accept(chain, "verify");
	documents.accept(late, "verify");
	expect(documents.of(N1).length).toBe(2);
	expect([...viewOf(documents.all()).claims.keys()]).toEqual(["db.0", "web.0"]);
	const other = aDocumentSet();
	for (const envelopes of documents.missingFor([])) other.accept(envelopes, "verify");
	expect(textOf(other)).toBe(textOf(documents));
});

/** A chain in which the envelopes under these numbers are signed by nobody, though each has the hash of the one before. */
function chainWithout(signatures: readonly number[], payloads: readonly Uint8Array[]): readonly Uint8Array[] {
	let previous = decodeEnvelope(chain[0] as Uint8Array);
	let before = chain[0] as Uint8Array;
	const made = [before];
	for (const [index, payload] of payloads.entries()) {
		const sequence = index + 1;
		const sign = signatures.includes(sequence) ? () => new Uint8Array(64) : signerFor(N1);
		const { writer, generation } = previous;
		const next = { kind: "update", writer, generation, sequence, previous: hashOf(before), payload } as const;
		before = encodeEnvelope(next, sign);
		previous = next;
		made.push(before);
	}
	return made;
}

const payloads = chain.slice(1).map((bytes) => decodeEnvelope(bytes).payload);
const garbage = Uint8Array.from([255, 255, 255]);

test("the signature of the last envelope stands for those that it follows, and no other does", () => {
	const taken = aDocumentSet();
	expect(taken.accept(chainWithout([1], payloads), "verify").kind).toBe("accepted");
	expect(viewOf(taken.all()).claims.get("web.0" as never)?.epoch).toBe(2);
	const refused = aDocumentSet();
	expect(refused.accept(chainWithout([3], payloads), "verify").kind).toBe("refused");
	const shown = chainWithout([], payloads);
	const changed = shown.map((bytes, at) =>
		at === 1 ? Uint8Array.from(bytes, (byte, i) => (i === 90 ? byte ^ 1 : byte)) : bytes,
	);
	expect(refused.accept(changed, "verify").kind).toBe("refused");
	expect(refused.all()).toEqual([]);
});

test("of a chain that ends badly only what its writer signed is kept, so that others take it from here", () => {
	const holder = aDocumentSet();
	const [opening, ...unsigned] = chainWithout([3], [...payloads, garbage]);
	holder.accept([opening as Uint8Array], "verify");
	const before = textOf(holder);
	expect(holder.accept(unsigned, "verify").kind).toBe("refused");
	expect(textOf(holder)).toBe(before);
	const signed = chainWithout([1], [...payloads, garbage]).slice(1);
	expect(holder.accept(signed, "verify").kind).toBe("accepted");
	const other = aDocumentSet();
	for (const missing of holder.missingFor([])) expect(other.accept(missing, "verify").kind).toBe("accepted");
	expect(textOf(other)).toBe(textOf(holder));
});

test("a writer more than may be is refused, and those that are known write on", () => {
	const documents = aDocumentSet();
	for (const envelope of chain.slice(0, 2)) documents.accept([envelope], "verify");
	const opening = (index: number) => chainOf(`W${index}` as NodeId, [])[0] as Uint8Array;
	for (let count = 1; count < WRITERS_MAX; count++)
		expect(documents.accept([opening(count)], "verify").kind).toBe("accepted");
	const one = documents.accept([opening(WRITERS_MAX)], "verify");
	expect(one).toMatchObject({ kind: "refused", error: { code: "refused" } });
	expect(documents.all()).toHaveLength(WRITERS_MAX);
	expect(documents.accept([chain[2] as Uint8Array], "verify").kind).toBe("accepted");
});

test("of a writer that opens one document after the other the latest are kept, however many it makes", () => {
	const documents = aDocumentSet();
	for (let nowMs = 1_001; nowMs <= 1_000 + 3 * FORKS_MAX; nowMs++)
		documents.accept(chainOf(N1, [[aSpecRecord(N1, `web${nowMs}`)]], nowMs), "verify");
	const specs = [...viewOf(documents.all()).specs.keys()];
	expect(documents.all()).toHaveLength(FORKS_MAX);
	expect(specs).toContain(`web${1_000 + 3 * FORKS_MAX}`);
});

test("what a writer tells itself is taken before its signature is checked, and taken back when there is none", () => {
	const [opening, signed, unsigned] = chainWithout([2], payloads) as [Uint8Array, Uint8Array, Uint8Array];
	const found: Unsigned[] = [];
	const holder = aDocumentSet((one) => void found.push(one));
	holder.accept([opening], { toldBy: N1 });
	expect(holder.accept([signed], { toldBy: N1 }).kind).toBe("accepted");
	expect(holder.accept([unsigned], { toldBy: N2 }).kind).toBe("refused");
	holder.settle();
	expect(holder.accept([unsigned], { toldBy: N1 }).kind).toBe("accepted");
	expect(holder.digest()).toMatchObject([{ writer: N1, sequence: 2 }]);
	// Others are given what is signed, and nothing else.
	expect(holder.missingFor([])).toEqual([[opening, signed]]);
	expect(found).toMatchObject([{ writer: N1, sequence: 1 }]);
	expect(found[0]?.changed).toContain("claim/web.0");
	const other = aDocumentSet();
	other.accept([opening, signed], "verify");
	expect(textOf(holder)).toBe(textOf(other));
});

test("a writer signs everything that it told before with what it signs later, and opens a document with a signature", () => {
	const found: Unsigned[] = [];
	const holder = aDocumentSet((one) => void found.push(one));
	const [, ...updates] = chainWithout([1], payloads);
	expect(holder.accept([forgedOpening()], { toldBy: N1 }).kind).toBe("refused");
	holder.accept([chain[0] as Uint8Array], { toldBy: N1 });
	for (const update of updates) expect(holder.accept([update], { toldBy: N1 }).kind).toBe("accepted");
	holder.settle();
	expect(found).toEqual([]);
	expect(holder.digest()).toMatchObject([{ sequence: payloads.length }]);
});

function forgedOpening(): Uint8Array {
	return Uint8Array.from(chain[0] as Uint8Array, (byte, at) => (at === (chain[0]?.length ?? 0) - 1 ? byte ^ 1 : byte));
}
