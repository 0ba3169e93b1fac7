// The join of all documents. Pure; the order in which documents or changes arrive never matters, and joining the same
// document twice changes nothing. Must never: read a clock, or ask who is alive.
//
// Wishes and claims are taken from every document, also from the forks that a writer left behind when it lost the end
// of its journal. Facts (node, container, image, volume) are what the latest generation of their writer says.

import type {
	AdmissionRecord,
	CapabilityRecord,
	ClaimRecord,
	ContainerId,
	ContainerRecord,
	ImageRecord,
	NodeId,
	NodeRecord,
	RevocationRecord,
	SpecRecord,
	StateRecord,
	TokenRecord,
	VolumeRecord,
} from "../model.js";
import { betterAdmission, betterCapability, betterRevocation, betterToken, isForgotten } from "./admissions.js";
import { compareText } from "./canonical.js";
import { betterClaim } from "./claims.js";
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
	revocations: new Map(),
	capabilities: new Map(),
	audits: [],
	volumes: [],
};

/** All maps are in rising order of their keys; images and volumes by name, then node. */
export function viewOf(documents: readonly DocumentRecords[]): ClusterView {
	const keys = new Set<RecordKey>();
	for (const document of documents) for (const key of document.records.keys()) keys.add(key);
	return nextView(EMPTY_VIEW, documents, keys);
}

/**
 * The view of `documents`, given the view before the records under `changed` changed: equal to `viewOf(documents)`. When
 * a document came or went, `changed` must hold all keys of all documents of its writer.
 */
export function nextView(
	previous: ClusterView,
	documents: readonly DocumentRecords[],
	changed: ReadonlySet<RecordKey>,
): ClusterView {
	if (changed.size === 0) return previous;
	const latest = latestOf(documents);
	const specs = new Map<string, SpecRecord | null>();
	const claims = new Map<ContainerId, ClaimRecord | null>();
	const containers = new Map<ContainerId, readonly ContainerRecord[] | null>();
	const images = new Set<string>();
	const tokens = new Map<string, TokenRecord | null>();
	const admissions = new Map<string, AdmissionRecord | null>();
	const revocations = new Map<string, RevocationRecord | null>();
	const capabilities = new Map<string, CapabilityRecord | null>();
	const slots = new Set<RecordKey>();
	const volumes = new Set<string>();
	for (const key of changed) {
		const name = key.slice(key.indexOf("/") + 1);
		if (key.startsWith("spec/")) specs.set(name, bestUnder("spec", key, documents, betterSpec));
		else if (key.startsWith("claim/")) claims.set(name as ContainerId, bestUnder("claim", key, documents, betterClaim));
		else if (key.startsWith("container/")) containers.set(name as ContainerId, factsUnder(key, latest));
		else if (key.startsWith("image/")) images.add(name);
		else if (key.startsWith("token/")) tokens.set(name, bestUnder("token", key, documents, betterToken));
		else if (key.startsWith("admission/"))
			admissions.set(name, bestUnder("admission", key, documents, betterAdmission));
		else if (key.startsWith("revocation/"))
			revocations.set(name, bestUnder("revocation", key, documents, betterRevocation));
		else if (key.startsWith("capability/"))
			capabilities.set(name, bestUnder("capability", key, documents, betterCapability));
		else if (key.startsWith("audit/")) slots.add(key);
		else if (key.startsWith("volume/")) volumes.add(name);
	}
	const revoked = withChanges(previous.revocations, revocations);
	return {
		nodes: changed.has("node") || revocations.size > 0 ? nodesOf(latest, revoked) : previous.nodes,
		specs: withChanges(previous.specs, specs),
		claims: withChanges(previous.claims, claims),
		containers: withChanges(previous.containers, containers),
		tokens: withChanges(previous.tokens, tokens),
		admissions: withChanges(previous.admissions, admissions),
		revocations: revoked,
		capabilities: withChanges(previous.capabilities, capabilities),
		audits: slots.size > 0 ? auditsWith(previous, latest, slots) : previous.audits,
		images: images.size > 0 ? heldWith("image", previous.images, latest, images) : previous.images,
		volumes: volumes.size > 0 ? heldWith("volume", previous.volumes, latest, volumes) : previous.volumes,
	};
}

function latestOf(documents: readonly DocumentRecords[]): readonly DocumentRecords[] {
	const latest = new Map<NodeId, DocumentRecords>();
	for (const document of documents) {
		const known = latest.get(document.writer);
		if (known === undefined || document.generation > known.generation) latest.set(document.writer, document);
	}
	return [...latest.values()];
}

/** Of all records under the key, in whichever document, the one that wins. */
function bestUnder<Kind extends StateRecord["kind"]>(
	kind: Kind,
	key: RecordKey,
	documents: readonly DocumentRecords[],
	better: (a: Extract<StateRecord, { kind: Kind }>, b: Extract<StateRecord, { kind: Kind }>) => typeof a,
) {
	let best: Extract<StateRecord, { kind: Kind }> | null = null;
	for (const { records } of documents) {
		const record = records.get(key);
		if (!isKind(record, kind)) continue;
		best = best === null ? record : better(best, record);
	}
	return best;
}

function isKind<Kind extends StateRecord["kind"]>(
	record: StateRecord | undefined,
	kind: Kind,
): record is Extract<StateRecord, { kind: Kind }> {
	return record?.kind === kind;
}

function factsUnder(key: RecordKey, latest: readonly DocumentRecords[]): readonly ContainerRecord[] | null {
	const facts = latest.map(({ records }) => records.get(key)).filter((record) => record?.kind === "container");
	facts.sort((a, b) => b.epoch - a.epoch || compareText(a.node, b.node));
	return facts.length > 0 ? facts : null;
}

function nodesOf(
	latest: readonly DocumentRecords[],
	revocations: ReadonlyMap<string, RevocationRecord>,
): ReadonlyMap<NodeId, NodeRecord> {
	const nodes = latest.map(({ records }) => records.get("node")).filter((record) => record?.kind === "node");
	nodes.sort((a, b) => compareText(a.node, b.node));
	return new Map(
		nodes.map((node) => [node.node, isForgotten(node, revocations.get(node.node)) ? { ...node, left: true } : node]),
	);
}

/** What nodes hold, with the records of these names as they are now. */
function heldWith<Held extends ImageRecord | VolumeRecord>(
	kind: Held["kind"],
	previous: readonly Held[],
	latest: readonly DocumentRecords[],
	names: ReadonlySet<string>,
): readonly Held[] {
	const held = previous.filter(({ name }) => !names.has(name));
	for (const { records } of latest) {
		for (const name of names) {
			const record = records.get(`${kind}/${name}`);
			if (record?.kind === kind) held.push(record as Held);
		}
	}
	return held.sort((a, b) => compareText(a.name, b.name) || compareText(a.node, b.node));
}

function auditsWith(previous: ClusterView, latest: readonly DocumentRecords[], slots: ReadonlySet<RecordKey>) {
	const audits = previous.audits.filter((part) => !slots.has(`audit/${part.slot}`));
	for (const { records } of latest) {
		for (const key of slots) {
			const record = records.get(key);
			if (record?.kind === "audit") audits.push(record);
		}
	}
	return audits.sort((a, b) => compareText(a.node, b.node) || a.slot - b.slot);
}

/** A copy with the changed entries set, or taken out where null; the same map when nothing changes. */
function withChanges<Key extends string, Value>(
	previous: ReadonlyMap<Key, Value>,
	changes: ReadonlyMap<Key, Value | null>,
): ReadonlyMap<Key, Value> {
	if (changes.size === 0) return previous;
	const next = new Map(previous);
	let added = false;
	for (const [key, value] of changes) {
		added ||= value !== null && !previous.has(key);
		if (value === null) next.delete(key);
		else next.set(key, value);
	}
	// Sorting an almost sorted array is linear (TimSort), so new keys cost little.
	return added ? new Map([...next].sort(([a], [b]) => compareText(a, b))) : next;
}
