import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalJson } from "../../src/crdt/canonical.js";
import { compareClaims } from "../../src/crdt/claims.js";
import { compareSpecs } from "../../src/crdt/specs.js";
import { type ClusterView, keyOf, type RecordKey } from "../../src/crdt/state.js";
import { type DocumentRecords, EMPTY_VIEW, nextView, viewOf } from "../../src/crdt/view.js";
import type { ClaimRecord, NodeId, SpecRecord, StateRecord } from "../../src/model.js";
import { aClaim, aContainer, aNode, anAdmission, anImage, aRevocation, aSpecRecord, aToken } from "./records.js";

const writers = ["N1", "N2", "N3", "N4"] as NodeId[];
const writer = fc.constantFrom(...writers);
const small = fc.integer({ min: 1, max: 3 });
const time = fc.record({ ms: small, logical: small });

const claim: fc.Arbitrary<ClaimRecord> = fc
	.record({ writer, owner: writer, container: fc.constantFrom("web.0", "web.1", "db.0"), epoch: small, time })
	.map(({ container, ...rest }) => aClaim(rest.writer, container, rest));
const spec: fc.Arbitrary<SpecRecord> = fc
	.record({ writer, name: fc.constantFrom("web", "db"), revision: small, time, removed: fc.boolean() })
	.map(({ name, ...rest }) => aSpecRecord(rest.writer, name, rest));
const fact: fc.Arbitrary<StateRecord> = fc
	.record({ writer, container: fc.constantFrom("web.0", "db.0"), epoch: small })
	.map((given) => aContainer(given.writer, given.container, { epoch: given.epoch }));
const other = fc
	.record({ writer, name: fc.constantFrom("a:1", "b:1"), isNode: fc.boolean() })
	.map((given) => (given.isNode ? aNode(given.writer, { admittedAtMs: 1 }) : anImage(given.writer, given.name)));
const admission: fc.Arbitrary<StateRecord> = fc
	.record({ writer, about: writer, kind: fc.constantFrom("token", "use", "forgotten", "withdrawn"), at: small })
	.map(({ writer, about, kind, at }) => {
		if (kind === "token") return aToken(writer, { uses: at });
		if (kind === "use") return anAdmission(writer, about, { admittedAtMs: at });
		if (kind === "withdrawn") return aRevocation(writer, { revokedAtMs: at });
		return aRevocation(writer, { of: "node", id: about, revokedAtMs: at, expiresAtMs: null });
	});

const shared: fc.Arbitrary<StateRecord> = fc
	.record({ writer, place: fc.constantFrom(0, 1), kind: fc.constantFrom("capability", "audit"), ms: small })
	.map(({ writer, place, kind, ms }): StateRecord => {
		if (kind === "audit") return { kind, slot: place, node: writer, first: ms, entries: [] };
		const granted = { verbs: [], labels: {}, createdAtMs: ms, expiresAtMs: ms };
		return { kind: "capability", id: `${place}`.repeat(32), writer, holder: writer, note: "", ...granted };
	});

function ownerOf(record: StateRecord): NodeId {
	return "writer" in record ? record.writer : record.node;
}

/** One or two generations for every writer, the records spread over them by chance. */
const documents: fc.Arbitrary<DocumentRecords[]> = fc
	.array(fc.tuple(fc.oneof(claim, spec, fact, other, admission, shared), fc.constantFrom(1, 2)), { maxLength: 40 })
	.map((entries) => {
		const made = new Map<string, { writer: NodeId; generation: number; records: Map<RecordKey, StateRecord> }>();
		for (const [record, generation] of entries) {
			const name = `${ownerOf(record)}/${generation}`;
			const document = made.get(name) ?? { writer: ownerOf(record), generation, records: new Map() };
			made.set(name, document);
			document.records.set(keyOf(record), record);
		}
		return [...made.values()];
	});

function keysOf(writer: NodeId, held: readonly DocumentRecords[]): Set<RecordKey> {
	return new Set(held.filter((one) => one.writer === writer).flatMap((one) => [...one.records.keys()]));
}

function textOf(view: ClusterView): string {
	const { nodes, specs, claims, containers, images, tokens, admissions, revocations, capabilities, audits } = view;
	const maps = [nodes, specs, claims, containers, tokens, admissions, revocations, capabilities];
	return JSON.stringify([images, audits, ...maps.map((map) => [...map])]);
}

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

test("a view grown change by change equals the one made at once", () => {
	fc.assert(
		fc.property(documents, fc.array(fc.nat(), { maxLength: 10 }), (given, removals) => {
			let view = EMPTY_VIEW;
			const held: DocumentRecords[] = [];
			for (const document of given) {
				held.push(document);
				view = nextView(view, held, keysOf(document.writer, held));
				expect(textOf(view)).toBe(textOf(viewOf(held)));
			}
			for (const index of removals) {
				if (held.length === 0) break;
				const gone = held[index % held.length] as DocumentRecords;
				const changed = keysOf(gone.writer, held);
				held.splice(held.indexOf(gone), 1);
				view = nextView(view, held, changed);
				expect(textOf(view)).toBe(textOf(viewOf(held)));
			}
		}),
	);
});

test("an older view is not changed by making the next", () => {
	const before = viewOf([
		{ writer: "N1" as NodeId, generation: 1, records: new Map([["spec/web", aSpecRecord("N1" as NodeId, "web")]]) },
	]);
	const text = textOf(before);
	nextView(before, [], new Set(["spec/web"]));
	expect(textOf(before)).toBe(text);
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
	const before = viewOf([document(N2, aNode(N2))]);
	const after = nextView(before, [mine, document(N2, aNode(N2))], new Set([keyOf(revocation)]));
	expect(after.nodes.get(N2)?.left).toBe(true);
});
