import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalJson } from "../../src/crdt/canonical.js";
import { compareClaims } from "../../src/crdt/claims.js";
import { compareSpecs } from "../../src/crdt/specs.js";
import { type ClusterView, keyOf, type RecordKey } from "../../src/crdt/state.js";
import { type DocumentRecords, viewOf } from "../../src/crdt/view.js";
import type { ClaimRecord, NodeId, StateRecord } from "../../src/model.js";
import { claim, documents, spec, textOf } from "./arbitrary-documents.js";
import { aClaim, aContainer, aNode, aRevocation } from "./records.js";

test("the order of documents does not change the view", () => {
	fc.assert(
		fc.property(documents, fc.func(fc.integer()), (given, weigh) => {
			const shuffled = [...given].sort((a, b) => weigh(a.writer, a.generation) - weigh(b.writer, b.generation));
			expect(textOf(viewOf(shuffled))).toBe(textOf(viewOf(given)));
		}),
	);
});

test("the same document twice does not change the view", () => {
	fc.assert(
		fc.property(documents, (given) => {
			const forOneOfEach = textOf(viewOf(given));
			// Facts of one writer and generation are one: the set never holds a document twice, wishes may be seen twice.
			const wishes = given.map((one) => ({ ...one, generation: one.generation - 1 }));
			const specsAndClaims = (view: ClusterView) => JSON.stringify([[...view.specs], [...view.claims]]);
			expect(specsAndClaims(viewOf([...given, ...wishes]))).toBe(specsAndClaims(viewOf(given)));
			expect(textOf(viewOf([...given]))).toBe(forOneOfEach);
		}),
	);
});

test("claims and specs are totally ordered", () => {
	fc.assert(
		fc.property(claim, claim, claim, (one, two, three) => {
			const [a, b, c] = [one, two, three].map((any) => ({
				...any,
				container: one.container,
				workload: one.workload,
			})) as [ClaimRecord, ClaimRecord, ClaimRecord];
			expect(Math.sign(compareClaims(a, b))).toBe(-Math.sign(compareClaims(b, a)) + 0);
			if (compareClaims(a, b) > 0 && compareClaims(b, c) > 0) expect(compareClaims(a, c)).toBeGreaterThan(0);
			if (compareClaims(a, b) === 0) expect(canonicalJson(a)).toBe(canonicalJson(b));
		}),
	);
	fc.assert(
		fc.property(spec, spec, (a, two) => {
			const b = { ...two, name: a.name, spec: a.spec };
			expect(Math.sign(compareSpecs(a, b))).toBe(-Math.sign(compareSpecs(b, a)) + 0);
			if (compareSpecs(a, b) === 0) expect(a).toEqual(b);
		}),
	);
});

test("the highest epoch wins, whoever writes later", () => {
	const [n1, n2] = ["N1", "N2"] as [NodeId, NodeId];
	const old = aClaim(n1, "web.0", { epoch: 2 });
	const late = aClaim(n2, "web.0", { epoch: 1, time: { ms: 9_999_999, logical: 0 } });
	const view = viewOf([
		{ writer: n1, generation: 1, records: new Map([["claim/web.0", old]]) },
		{ writer: n2, generation: 1, records: new Map([["claim/web.0", late]]) },
	]);
	expect([...view.claims.values()]).toEqual([old]);
});

test("of a writer with a fork, claims count from both documents and facts from the later one", () => {
	const n1 = "N1" as NodeId;
	const view = viewOf([
		{ writer: n1, generation: 2, records: new Map<RecordKey, StateRecord>([["claim/web.0", aClaim(n1, "web.0")]]) },
		{
			writer: n1,
			generation: 1,
			records: new Map<RecordKey, StateRecord>([
				["claim/web.0", aClaim(n1, "web.0", { epoch: 2, owner: "N2" as NodeId })],
				["container/web.0", aContainer(n1, "web.0")],
			]),
		},
	]);
	expect([...view.claims.values()].map(({ owner }) => owner)).toEqual(["N2"]);
	expect(view.containers.size).toBe(0);
});

test("a node that was forgotten stands as left, until it is admitted again", () => {
	const [N1, N2] = ["N1", "N2"] as [NodeId, NodeId];
	const revocation = aRevocation(N1, { of: "node", id: N2, revokedAtMs: 50, expiresAtMs: null });
	const document = (writer: NodeId, ...records: StateRecord[]): DocumentRecords => ({
		writer,
		generation: 1,
		records: new Map(records.map((record) => [keyOf(record), record])),
	});
	const isLeft = (...documents: DocumentRecords[]) => viewOf(documents).nodes.get(N2)?.left;
	const mine = document(N1, revocation);
	expect(isLeft(document(N2, aNode(N2, { admittedAtMs: 50 })))).toBe(false);
	expect(isLeft(mine, document(N2, aNode(N2, { admittedAtMs: 50 })))).toBe(true);
	expect(isLeft(mine, document(N2, aNode(N2)))).toBe(true);
	expect(isLeft(mine, document(N2, aNode(N2, { admittedAtMs: 51 })))).toBe(false);
});
