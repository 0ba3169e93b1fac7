// What one change costs in a large cluster: 1,000 nodes with 100 containers each, one of which changes. Measured from the signed envelope
// of the change, as a peer sends it, to the new view, and the joining alone against the full computation, which defines what a view is.

import { isDeepStrictEqual } from "node:util";
import { systemChance, systemClock } from "../src/clock.js";
import { createDocumentSet, type DocumentSet } from "../src/crdt/documents.js";
import { createLiveView, type LiveView } from "../src/crdt/live-view.js";
import { openGeneration, writeUpdate } from "../src/crdt/own-document.js";
import { type ClusterView, keyOf } from "../src/crdt/state.js";
import { viewOf } from "../src/crdt/view.js";
import { createIdentity, createVerifier, type Identity, signerOf } from "../src/mesh/identity.js";
import { containerIdOf, type Liveness, type NodeId, type StateRecord } from "../src/model.js";
import { eventsBetween } from "../src/node/events.js";
import { changeOf } from "./gossip-change.js";
import { type BenchReport, boundedRow, comparedRow, informingRow } from "./report.js";
import { claimOf } from "./state-records.js";

const NODES = 1_000;
const CONTAINERS_EACH = 100;
const CHANGES = 200;
const FULL_RUNS = 5;
const VIEW_MS_MAX = 5;

/** A change of one container, as its writer signed it. */
type Change = Uint8Array;

export async function view(): Promise<BenchReport> {
	const documents = createDocumentSet({ verify: createVerifier(), admit: () => "member" });
	const changes = Array.from({ length: NODES }, (_, at) => fillWith(documents, at)).slice(0, CHANGES);
	const live = createLiveView(documents);
	for (const { writer, records } of documents.all()) live.changed(writer, records.keys());
	const firstMs = timed(() => live.now()).tookMs;
	const [whole, joined, noted] = [[], [], []] as [number[], number[], number[]];
	for (const change of changes) {
		const before = live.now();
		const taken = timed(() => take(documents, live, change));
		const next = timed(() => live.now());
		whole.push(taken.tookMs + next.tookMs);
		joined.push(next.tookMs);
		noted.push(timed(() => eventsBetween(seenIn(before), seenIn(next.result))).tookMs);
	}
	const full = Array.from({ length: FULL_RUNS }, () => timed(() => viewOf(documents.all())));
	if (!isSame(live.now(), full[0]?.result ?? null)) throw new Error("the two views differ");
	const peer = { name: "full computation", values: full.map(({ tookMs }) => tookMs) };
	const what = `${NODES} nodes × ${CONTAINERS_EACH} containers`;
	return {
		bench: "view",
		rows: [
			boundedRow(`${what}: a peer's envelope to the new view`, "ms", whole, VIEW_MS_MAX),
			{ ...comparedRow("of which joining", "ms", joined, peer, null), ...bounded(joined) },
			informingRow(`the slowest of ${CHANGES}`, "ms", [Math.max(...whole)]),
			informingRow("what swarm events says of it", "ms", noted),
			informingRow("the first view of all", "ms", [firstMs]),
		],
	};
}

/** The document of node number `at`; a change of it that nobody has seen yet. */
function fillWith(documents: DocumentSet, at: number): Change {
	const identity = createIdentity();
	const self = identity.node;
	const records = Array.from({ length: CONTAINERS_EACH }, (_, index): readonly StateRecord[] => {
		const container = containerIdOf(`bench${at}`, index);
		return [claimOf(self, container), { ...changeOf(self, index), container }];
	}).flat();
	const { document, bytes } = openGeneration(openingOf(identity), [], changesTo(records));
	const acceptance = documents.accept([bytes], "verify");
	if (acceptance.kind !== "accepted") throw new Error(`a document of the bench is ${acceptance.kind}`);
	const container = containerIdOf(`bench${at}`, at % CONTAINERS_EACH);
	const paused: StateRecord = { ...changeOf(self, 0), container, phase: "paused" };
	return writeUpdate(document, changesTo([paused]), signerOf(identity));
}

function openingOf(identity: Identity) {
	const own = { self: identity.node, sign: signerOf(identity), certificate: new Uint8Array() };
	return { ...own, role: "member", chance: systemChance, nowMs: systemClock.nowMs() } as const;
}

function changesTo(records: readonly StateRecord[]) {
	return new Map(records.map((record) => [keyOf(record), record]));
}

/** As the store does with what comes from a peer. */
function take(documents: DocumentSet, live: LiveView, change: Change): void {
	const acceptance = documents.accept([change], "verify");
	if (acceptance.kind !== "accepted") throw new Error(`a change of the bench is ${acceptance.kind}`);
	live.changed(acceptance.writer, acceptance.changed);
}

function seenIn(view: ClusterView) {
	return { view, liveness: new Map<NodeId, Liveness>() };
}

function bounded(values: readonly number[]) {
	const { goal, holds } = boundedRow("", "ms", values, VIEW_MS_MAX);
	return { goal, holds };
}

function timed<T>(work: () => T): { readonly result: T; readonly tookMs: number } {
	const beganMs = systemClock.monotonicMs();
	const result = work();
	return { result, tookMs: systemClock.monotonicMs() - beganMs };
}

/** Also in the order of entries. */
function isSame(one: ClusterView, other: ClusterView | null): boolean {
	const plain = (view: ClusterView) =>
		new Map(Object.entries(view).map(([name, part]) => [name, Array.isArray(part) ? part : [...part]]));
	return other !== null && isDeepStrictEqual(plain(one), plain(other));
}
