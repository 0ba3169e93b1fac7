// The view as it grows, change by change: what viewOf says of the same documents, at a cost that follows the change and not the
// cluster. Every version shares with the one before what did not change. Must never: disagree with viewOf, change a view that was
// given out.

import type { ContainerId, ContainerRecord, NodeId, NodeRecord, StateRecord } from "../model.js";
import { SortedMap } from "./sorted-map.js";
import type { ClusterView, RecordKey } from "./state.js";
import {
	asSeen,
	betterOf,
	byEpoch,
	type DocumentRecords,
	type Held,
	isKind,
	type NameOf,
	nameIn,
	placeOf,
	type RecordOf,
	type WishKind,
} from "./view.js";

/** The documents as they are now. */
export interface ViewSource {
	all(): readonly DocumentRecords[];
	of(writer: NodeId): readonly DocumentRecords[];
}

export interface LiveView {
	/**
	 * The records of `writer` under these keys changed. When one of its documents came or went: all keys of all documents that
	 * it had or has.
	 */
	changed(writer: NodeId, keys: Iterable<RecordKey>): void;
	/** Equal to `viewOf(source.all())`; the same object until something changes. */
	now(): ClusterView;
}

type Pending = ReadonlyMap<NodeId, ReadonlySet<RecordKey>>;
type Wishes<Kind extends WishKind> = SortedMap<NameOf<Kind>, RecordOf<Kind>>;
type WishChanges<Kind extends WishKind> = ReadonlyMap<NameOf<Kind>, RecordOf<Kind> | null>;
type HeldBy<Kind extends Held["kind"]> = SortedMap<string, RecordOf<Kind>>;

interface Parts {
	readonly nodes: SortedMap<NodeId, NodeRecord>;
	readonly containers: SortedMap<ContainerId, readonly ContainerRecord[]>;
	readonly specs: Wishes<"spec">;
	readonly claims: Wishes<"claim">;
	readonly tokens: Wishes<"token">;
	readonly admissions: Wishes<"admission">;
	readonly electorates: Wishes<"electorate">;
	readonly revocations: Wishes<"revocation">;
	readonly capabilities: Wishes<"capability">;
	readonly images: HeldBy<"image">;
	readonly audits: HeldBy<"audit">;
	readonly volumes: HeldBy<"volume">;
}

export function createLiveView(source: ViewSource): LiveView {
	let pending = new Map<NodeId, Set<RecordKey>>();
	let parts = emptyParts();
	let view = viewFrom(parts, null, null);
	return {
		changed(writer, keys) {
			const known = pending.get(writer) ?? new Set<RecordKey>();
			pending.set(writer, known);
			for (const key of keys) known.add(key);
		},
		now() {
			if (pending.size === 0) return view;
			const next = nextParts(parts, source, pending);
			pending = new Map();
			view = viewFrom(next, parts, view);
			parts = next;
			return view;
		},
	};
}

function emptyParts(): Parts {
	const map = <Key extends string, Value>() => SortedMap.empty<Key, Value>();
	return {
		...{ nodes: map(), containers: map(), specs: map(), claims: map(), tokens: map(), admissions: map() },
		electorates: map(),
		...{ revocations: map(), capabilities: map(), images: map(), audits: map(), volumes: map() },
	};
}

/** Only what changed is looked at. */
function nextParts(parts: Parts, source: ViewSource, pending: Pending): Parts {
	const byKind = keysByKind(pending);
	const next: { -readonly [Part in keyof Parts]: Parts[Part] } = { ...parts };
	const wish = <Kind extends WishKind>(known: Wishes<Kind>, kind: Kind, changed: readonly Changed[]) =>
		known.with(wishChanges(known, kind, source, changed));
	const held = <Kind extends Held["kind"]>(known: HeldBy<Kind>, kind: Kind, changed: readonly Changed[]) =>
		known.with(heldChanges(kind, source, changed));
	for (const [kind, changed] of byKind) {
		switch (kind) {
			case "container":
				next.containers = parts.containers.with(containerChanges(parts.containers, source, changed));
				break;
			case "spec":
				next.specs = wish(parts.specs, kind, changed);
				break;
			case "claim":
				next.claims = wish(parts.claims, kind, changed);
				break;
			case "token":
				next.tokens = wish(parts.tokens, kind, changed);
				break;
			case "admission":
				next.admissions = wish(parts.admissions, kind, changed);
				break;
			case "electorate":
				next.electorates = wish(parts.electorates, kind, changed);
				break;
			case "capability":
				next.capabilities = wish(parts.capabilities, kind, changed);
				break;
			case "revocation":
				next.revocations = wish(parts.revocations, kind, changed);
				break;
			case "image":
				next.images = held(parts.images, kind, changed);
				break;
			case "audit":
				next.audits = held(parts.audits, kind, changed);
				break;
			case "volume":
				next.volumes = held(parts.volumes, kind, changed);
				break;
			case "node":
				// With the revocations, below.
				break;
		}
	}
	const nodes = byKind.get("node");
	if (nodes !== undefined || next.revocations !== parts.revocations)
		next.nodes = parts.nodes.with(nodeChanges(parts, next.revocations, source, nodes ?? []));
	return next;
}

/** Lists are made anew only when they differ, the view itself only when something of it does. */
function viewFrom(parts: Parts, before: Parts | null, view: ClusterView | null): ClusterView {
	if (
		before !== null &&
		view !== null &&
		(Object.keys(parts) as (keyof Parts)[]).every((of) => parts[of] === before[of])
	)
		return view;
	const { images, audits, volumes, ...maps } = parts;
	return {
		...maps,
		images: view !== null && images === before?.images ? view.images : [...images.values()],
		audits: view !== null && audits === before?.audits ? view.audits : [...audits.values()],
		volumes: view !== null && volumes === before?.volumes ? view.volumes : [...volumes.values()],
	};
}

interface Changed {
	readonly writer: NodeId;
	readonly key: RecordKey;
}

/** A key begins with its kind. */
function keysByKind(pending: Pending): ReadonlyMap<StateRecord["kind"], readonly Changed[]> {
	const byKind = new Map<StateRecord["kind"], Changed[]>();
	for (const [writer, keys] of pending) {
		for (const key of keys) {
			const slash = key.indexOf("/");
			const kind = (slash < 0 ? key : key.slice(0, slash)) as StateRecord["kind"];
			const known = byKind.get(kind);
			if (known === undefined) byKind.set(kind, [{ writer, key }]);
			else known.push({ writer, key });
		}
	}
	return byKind;
}

/**
 * The best of what is said. Whoever said the best so far and says something better, or says anything while another says better, is
 * compared with that one alone; only when the best is taken back all documents are asked.
 */
function wishChanges<Kind extends WishKind>(
	known: Wishes<Kind>,
	kind: Kind,
	source: ViewSource,
	changed: readonly Changed[],
): WishChanges<Kind> {
	const changes = new Map<NameOf<Kind>, RecordOf<Kind> | null>();
	const better = betterOf[kind];
	const bestIn = (documents: readonly DocumentRecords[], key: RecordKey) => {
		let best: RecordOf<Kind> | null = null;
		for (const { records } of documents) {
			const record = records.get(key);
			if (isKind(record, kind)) best = best === null ? record : better(best, record);
		}
		return best;
	};
	for (const { writer, key } of changed) {
		const name = nameIn(key) as NameOf<Kind>;
		const before = changes.has(name) ? (changes.get(name) ?? null) : (known.get(name) ?? null);
		const said = bestIn(source.of(writer), key);
		if (before === null) changes.set(name, said);
		else if (said !== null && better(said, before) === said) changes.set(name, said);
		else if (before.writer === writer) changes.set(name, bestIn(source.all(), key));
	}
	return changes;
}

function heldChanges<Kind extends Held["kind"]>(
	kind: Kind,
	source: ViewSource,
	changed: readonly Changed[],
): ReadonlyMap<string, RecordOf<Kind> | null> {
	const changes = new Map<string, RecordOf<Kind> | null>();
	for (const { writer, key } of changed) {
		const record = factOf(source, writer, key);
		changes.set(placeUnder(kind, key, writer), isKind(record, kind) ? record : null);
	}
	return changes;
}

function containerChanges(
	known: Parts["containers"],
	source: ViewSource,
	changed: readonly Changed[],
): ReadonlyMap<ContainerId, readonly ContainerRecord[] | null> {
	const changes = new Map<ContainerId, readonly ContainerRecord[] | null>();
	for (const { writer, key } of changed) {
		const container = nameIn(key) as ContainerId;
		const before = (changes.has(container) ? changes.get(container) : known.get(container)) ?? [];
		const record = factOf(source, writer, key);
		const others = before.filter(({ node }) => node !== writer);
		const facts = isKind(record, "container") ? [...others, record].sort(byEpoch) : others;
		changes.set(container, facts.length > 0 ? facts : null);
	}
	return changes;
}

/** A node is seen otherwise, too, when it was forgotten. */
function nodeChanges(
	before: Parts,
	revocations: Parts["revocations"],
	source: ViewSource,
	changed: readonly Changed[],
): ReadonlyMap<NodeId, NodeRecord | null> {
	const revoked = [...revocations.changedSince(before.revocations)].map(([id]) => id);
	const restored = [...before.revocations.changedSince(revocations)].map(([id]) => id);
	const nodes = new Set([...changed.map(({ writer }) => writer), ...revoked, ...restored] as NodeId[]);
	return new Map(
		[...nodes].map((node) => {
			const record = factOf(source, node, "node");
			return [node, isKind(record, "node") ? asSeen(record, revocations.get(node)) : null];
		}),
	);
}

/** What the latest document of the writer says. */
function factOf(source: ViewSource, writer: NodeId, key: RecordKey): StateRecord | undefined {
	let latest: DocumentRecords | null = null;
	for (const document of source.of(writer))
		if (latest === null || document.generation > latest.generation) latest = document;
	return latest?.records.get(key);
}

/** Also where there is no record any more. */
function placeUnder(kind: Held["kind"], key: RecordKey, node: NodeId): string {
	const name = nameIn(key);
	return placeOf((kind === "audit" ? { kind, node, slot: Number(name) } : { kind, node, name }) as Held);
}
