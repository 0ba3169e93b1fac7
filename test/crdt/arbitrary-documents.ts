// Documents by chance, for properties of views: few names, so that writers speak of the same things.

import fc from "fast-check";
import { type ClusterView, keyOf, type RecordKey } from "../../src/crdt/state.js";
import type { DocumentRecords } from "../../src/crdt/view.js";
import type { ClaimRecord, NodeId, SpecRecord, StateRecord } from "../../src/model.js";
import { aClaim, aContainer, aNode, anAdmission, anImage, aRevocation, aSpecRecord, aToken } from "./records.js";

const writers = ["N1", "N2", "N3", "N4"] as NodeId[];
const writer = fc.constantFrom(...writers);
const small = fc.integer({ min: 1, max: 3 });
const time = fc.record({ ms: small, logical: small });

export const claim: fc.Arbitrary<ClaimRecord> = fc
	.record({ writer, owner: writer, container: fc.constantFrom("web.0", "web.1", "db.0"), epoch: small, time })
	.map(({ container, ...rest }) => aClaim(rest.writer, container, rest));
export const spec: fc.Arbitrary<SpecRecord> = fc
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
	.record({ writer, place: fc.constantFrom(0, 1), kind: fc.constantFrom("capability", "audit", "volume"), ms: small })
	.map(({ writer, place, kind, ms }): StateRecord => {
		if (kind === "volume") return { kind, name: `v${place}`, node: writer, labels: {}, createdAtMs: ms };
		if (kind === "audit") return { kind, slot: place, node: writer, first: ms, entries: [] };
		const granted = { verbs: [], labels: {}, createdAtMs: ms, expiresAtMs: ms };
		return { kind: "capability", id: `${place}`.repeat(32), writer, holder: writer, note: "", ...granted };
	});

export function ownerOf(record: StateRecord): NodeId {
	return "writer" in record ? record.writer : record.node;
}

export const record: fc.Arbitrary<StateRecord> = fc.oneof(claim, spec, fact, other, admission, shared);

/** One or two generations for every writer, the records spread over them by chance. */
export const documents: fc.Arbitrary<DocumentRecords[]> = fc
	.array(fc.tuple(record, fc.constantFrom(1, 2)), { maxLength: 40 })
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

/** Equal exactly when two views are, in the order of their entries too. */
export function textOf(view: ClusterView): string {
	const { nodes, specs, claims, containers, images, tokens, admissions, revocations, capabilities, audits } = view;
	const maps = [nodes, specs, claims, containers, tokens, admissions, revocations, capabilities];
	return JSON.stringify([images, audits, view.volumes, ...maps.map((map) => [...map])]);
}
