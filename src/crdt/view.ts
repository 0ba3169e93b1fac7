// The join of all documents. Pure; the order in which documents or changes arrive never matters, and joining the same
// document twice changes nothing. This is what a view means; live-view.ts makes the same one change by change.
// Must never: read a clock, or ask who is alive.
//
// Wishes and claims are taken from every document, also from the forks that a writer left behind when it lost the end
// of its journal. Facts (node, container, image, audit, volume) are what the latest generation of their writer says.

import type {
	AuditRecord,
	ContainerId,
	ContainerRecord,
	ImageRecord,
	NodeId,
	NodeRecord,
	RevocationRecord,
	StateRecord,
	VolumeRecord,
} from "../model.js";
import { betterAdmission, betterCapability, betterRevocation, betterToken, isForgotten } from "./admissions.js";
import { compareText } from "./canonical.js";
import { betterClaim } from "./claims.js";
import { betterElectorate } from "./electorates.js";
import { betterSpec } from "./specs.js";
import type { ClusterView, RecordKey } from "./state.js";

/** What a view needs of a document. Records are validated and belong to the writer. */
export interface DocumentRecords {
	readonly writer: NodeId;
	readonly generation: number;
	readonly records: ReadonlyMap<RecordKey, StateRecord>;
}

export const EMPTY_VIEW: ClusterView = {
	nodes: new Map(),
	specs: new Map(),
	claims: new Map(),
	containers: new Map(),
	images: [],
	tokens: new Map(),
	admissions: new Map(),
	electorates: new Map(),
	revocations: new Map(),
	capabilities: new Map(),
	audits: [],
	volumes: [],
};

export type RecordOf<Kind extends StateRecord["kind"]> = Extract<StateRecord, { kind: Kind }>;
export type WishKind = "spec" | "claim" | "token" | "admission" | "electorate" | "revocation" | "capability";
export type NameOf<Kind extends WishKind> = Kind extends "claim" ? ContainerId : string;

/** Said by several, of whom one is right: which of two. A total order, and the first of two that are equal. */
export const betterOf: {
	readonly [Kind in WishKind]: (a: RecordOf<Kind>, b: RecordOf<Kind>) => RecordOf<Kind>;
} = {
	spec: betterSpec,
	claim: betterClaim,
	token: betterToken,
	admission: betterAdmission,
	electorate: betterElectorate,
	revocation: betterRevocation,
	capability: betterCapability,
};

/** Facts of which a view has one for each node that says so. */
export type Held = ImageRecord | VolumeRecord | AuditRecord;

/** All maps are in rising order of their keys; images and volumes by name, then node; audits by node, then slot. */
export function viewOf(documents: readonly DocumentRecords[]): ClusterView {
	const latest = latestOf(documents);
	const revocations = wishes(documents, "revocation");
	const facts = <Kind extends StateRecord["kind"]>(kind: Kind) =>
		latest.flatMap(({ records }) => [...records.values()].filter((record) => isKind(record, kind)));
	const held = <Kind extends Held["kind"]>(kind: Kind) =>
		facts(kind).sort((a, b) => compareText(placeOf(a), placeOf(b)));
	return {
		nodes: sorted(facts("node").map((node) => [node.node, asSeen(node, revocations.get(node.node))])),
		specs: wishes(documents, "spec"),
		claims: wishes(documents, "claim"),
		containers: sorted<ContainerId, readonly ContainerRecord[]>(
			[...Map.groupBy(facts("container"), ({ container }) => container)].map(([id, all]) => [id, all.sort(byEpoch)]),
		),
		images: held("image"),
		tokens: wishes(documents, "token"),
		admissions: wishes(documents, "admission"),
		electorates: wishes(documents, "electorate"),
		revocations,
		capabilities: wishes(documents, "capability"),
		audits: held("audit"),
		volumes: held("volume"),
	};
}

/** What a record is called in the map of its kind. */
export function nameIn(key: RecordKey): string {
	return key.slice(key.indexOf("/") + 1);
}

export function isKind<Kind extends StateRecord["kind"]>(
	record: StateRecord | undefined,
	kind: Kind,
): record is RecordOf<Kind> {
	return record?.kind === kind;
}

/** The higher epoch first. */
export function byEpoch(a: ContainerRecord, b: ContainerRecord): number {
	return b.epoch - a.epoch || compareText(a.node, b.node);
}

/** A node that was forgotten, and not admitted again since, stands as left. */
export function asSeen(node: NodeRecord, revocation: RevocationRecord | undefined): NodeRecord {
	return isForgotten(node, revocation) ? { ...node, left: true } : node;
}

/** Where it stands among its kind; no two have the same place. */
export function placeOf(held: Held): string {
	return held.kind === "audit"
		? `${held.node} ${String(held.slot).padStart(10, "0")}`
		: `${held.name}\u0000${held.node}`;
}

function latestOf(documents: readonly DocumentRecords[]): readonly DocumentRecords[] {
	const latest = new Map<NodeId, DocumentRecords>();
	for (const document of documents) {
		const known = latest.get(document.writer);
		if (known === undefined || document.generation > known.generation) latest.set(document.writer, document);
	}
	return [...latest.values()];
}

/** Of all records of a kind under one key, in whichever document, the one that wins. */
function wishes<Kind extends WishKind>(
	documents: readonly DocumentRecords[],
	kind: Kind,
): ReadonlyMap<NameOf<Kind>, RecordOf<Kind>> {
	const better = betterOf[kind];
	const best = new Map<NameOf<Kind>, RecordOf<Kind>>();
	for (const { records } of documents) {
		for (const [key, record] of records) {
			if (!isKind(record, kind)) continue;
			const name = nameIn(key) as NameOf<Kind>;
			const known = best.get(name);
			best.set(name, known === undefined ? record : better(known, record));
		}
	}
	return sorted([...best]);
}

function sorted<Key extends string, Value>(entries: readonly (readonly [Key, Value])[]): ReadonlyMap<Key, Value> {
	return new Map([...entries].sort(([a], [b]) => compareText(a, b)));
}
