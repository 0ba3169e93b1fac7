// What this node should do next: a pure function of the view, of what its runtime holds and of who is alive. Effects are
// data; reconcile.ts carries them out and asks again. Must never: read a clock, choose by chance, or act for another node.
//
// Rules. The winner of the claims runs it, everybody else does not. Only the owner touches its container. A container that
// nobody owns, or whose owner is down for long enough, is placed by exactly one node: the one that rendezvous hashing
// names among the alive (after a hand-over whose target died before it ran: the source, which still has the frozen copy).

import { createHash } from "node:crypto";
import { canonicalJson } from "../crdt/canonical.js";
import type { ClusterView } from "../crdt/state.js";
import {
	type ClaimRecord,
	type ContainerHealth,
	type ContainerId,
	containerIdOf,
	type Liveness,
	type NodeId,
	type Spec,
	type SpecRecord,
	workloadOf,
} from "../model.js";
import type { ContainerState } from "../runtime/runtime.js";
import { canUpdateIn } from "../runtime/update-resources.js";
import { isDue, type Restart, restartAfter } from "./restart.js";
import { volumesAwaited } from "./volume-places.js";

/** A node must have been down this long before its containers are placed again: longer than a daemon's restart. */
export const ADOPT_AFTER_MS = 6_000;
/** Between an adopting claim and the start, so that a claim of the other side of a healing split is seen first. */
export const SETTLE_MS = 1_000;
/** After its own boot a node starts and adopts nothing before it heard peers, or this long when none answers. */
export const BOOT_SETTLE_MS = 4_000;

/** Containers of `POST /v1/runs` are not in the cluster's state; the plan leaves them alone. */
export const LOCAL_RUN_PREFIX = "run-";

export type Effect =
	/** Bring the container of this claim to running: create, or reset what is there, then start. */
	| { readonly kind: "run"; readonly container: ContainerId; readonly claim: ClaimRecord; readonly spec: SpecRecord }
	| { readonly kind: "stop"; readonly container: ContainerId; readonly epoch: number; readonly graceMs: number }
	| { readonly kind: "pause"; readonly container: ContainerId; readonly epoch: number }
	| { readonly kind: "resume"; readonly container: ContainerId; readonly epoch: number }
	/** Give it the resources of its spec; nothing of it is started again. */
	| { readonly kind: "update"; readonly container: ContainerId; readonly epoch: number; readonly spec: SpecRecord }
	| { readonly kind: "remove"; readonly container: ContainerId; readonly epoch: number }
	/** Another copy won: freeze, checkpoint, keep the files aside, remove. */
	| { readonly kind: "supersede"; readonly container: ContainerId; readonly winner: ClaimRecord }
	/** Ask the scheduler and write a claim. */
	| {
			readonly kind: "place";
			readonly container: ContainerId;
			readonly epoch: number;
			readonly spec: SpecRecord;
			readonly reason: "placed" | "adopted";
			readonly exclude: readonly NodeId[];
	  }
	/** Claim it for this node: a new run after `start` or by its restart policy, or a frozen copy taken back from a target that is gone. */
	| {
			readonly kind: "claim";
			readonly container: ContainerId;
			readonly epoch: number;
			readonly spec: SpecRecord;
			readonly reason: "restarted" | "adopted";
			readonly restarts: number;
			readonly restartsInRow: number;
	  };

/** Of `exclusive` containers. */
export interface PlanLeases {
	/** Whether this node may run it under that epoch now. */
	holds(container: ContainerId, epoch: number): boolean;
	/** Voters promised that epoch to an owner whose claim nobody knows: claim above it. null: they did not. */
	outbidAbove(container: ContainerId, epoch: number): number | null;
	/** Whether so many voters are alive that another node's lease can be taken over. */
	readonly isMajorityAlive: boolean;
}

export interface PlanFacts {
	readonly self: NodeId;
	readonly view: ClusterView;
	readonly states: ReadonlyMap<ContainerId, ContainerState>;
	/** What the health checks of this node found; null without one. */
	readonly health: (container: ContainerId) => ContainerHealth | null;
	readonly liveness: (node: NodeId) => Liveness;
	/** How long a node has been `down` or `left` as seen here; 0 while it is not. */
	readonly downForMs: (node: NodeId) => number;
	/** Containers that the migration machine holds; the plan does not touch them. */
	readonly moving: ReadonlySet<ContainerId>;
	/** Containers whose last effect failed and whose time to try again has not come. */
	readonly backingOff: ReadonlySet<ContainerId>;
	readonly leases: PlanLeases;
	/** Whether this node heard enough of its peers since its boot (BOOT_SETTLE_MS). */
	readonly settled: boolean;
	readonly nowMs: number;
}

export function plan(facts: PlanFacts): readonly Effect[] {
	const effects: Effect[] = [];
	const wanted = new Set<ContainerId>();
	for (const spec of facts.view.specs.values()) {
		const replicas = spec.removed ? 0 : spec.spec.replicas;
		for (let index = 0; index < replicas; index++) {
			const container = containerIdOf(spec.name, index);
			wanted.add(container);
			if (facts.moving.has(container) || facts.backingOff.has(container)) continue;
			const effect = effectFor(facts, spec, container);
			if (effect !== null) effects.push(effect);
		}
	}
	for (const state of facts.states.values()) {
		if (wanted.has(state.container) || facts.moving.has(state.container) || facts.backingOff.has(state.container))
			continue;
		if (isUnwanted(facts, state.container))
			effects.push({ kind: "remove", container: state.container, epoch: state.epoch });
	}
	return effects;
}

/** Only a tombstone or fewer replicas end a container: one whose spec is unknown here is left alone. */
function isUnwanted(facts: PlanFacts, container: ContainerId): boolean {
	return facts.view.specs.has(workloadOf(container));
}

function effectFor(facts: PlanFacts, spec: SpecRecord, container: ContainerId): Effect | null {
	const claim = facts.view.claims.get(container) ?? null;
	const state = facts.states.get(container) ?? null;
	if (claim === null) return placeUnclaimed(facts, spec, container);
	if (claim.owner === facts.self) return ownEffect(facts, spec, claim, state);
	if (state !== null) return foreignEffect(facts, spec, claim, state);
	return adoptEffect(facts, spec, claim);
}

function placeUnclaimed(facts: PlanFacts, spec: SpecRecord, container: ContainerId): Effect | null {
	if (spec.desired !== "running" || !facts.settled) return null;
	// The writer of the spec writes the first claims with it; others step in only when it cannot.
	const writerPlaces = facts.liveness(spec.writer) === "alive" && facts.view.nodes.has(spec.writer);
	const responsible = writerPlaces ? spec.writer : responsibleNode(facts, container);
	if (responsible !== facts.self) return null;
	return { kind: "place", container, epoch: 1, spec, reason: "placed", exclude: [] };
}

function ownEffect(
	facts: PlanFacts,
	spec: SpecRecord,
	claim: ClaimRecord,
	state: ContainerState | null,
): Effect | null {
	const container = claim.container;
	if (state !== null && state.epoch === claim.epoch && hasOtherResources(state, spec))
		return { kind: "update", container, epoch: claim.epoch, spec };
	if (spec.desired === "stopped") return stopEffect(spec, state);
	// Also one of before: what was to replace it begins when it is resumed.
	if (spec.desired === "paused")
		return state !== null && state.epoch <= claim.epoch ? freezerEffect("pause", "running", state, state) : null;
	if (claim.revision < spec.startRevision) return startAgain(spec, claim, { restarts: 0, restartsInRow: 0 });
	if (spec.spec.policy === "exclusive" && !facts.leases.holds(container, claim.epoch))
		return outbid(facts, spec, claim);
	const restart = state?.epoch === claim.epoch ? restartOf(facts, state, spec, claim) : null;
	if (restart !== null && isDue(restart, facts.nowMs) && facts.settled) return startAgain(spec, claim, restart);
	if (state !== null && state.epoch === claim.epoch && isOtherSpec(state, spec))
		return facts.settled
			? { kind: "place", container, epoch: claim.epoch + 1, spec, reason: "placed", exclude: [] }
			: null;
	if (state !== null && state.epoch === claim.epoch && state.phase !== "created")
		return freezerEffect("resume", "paused", claim, state);
	if (state !== null && state.epoch > claim.epoch) return null;
	if (!facts.settled) return null;
	if (state !== null && goesOn(spec, claim, state)) return { kind: "resume", container, epoch: claim.epoch };
	if (claim.reason === "adopted" && facts.nowMs - claim.time.ms < SETTLE_MS) return null;
	return { kind: "run", container, claim, spec };
}

/** Without a lease nothing starts or goes on; one that cannot be had under this epoch is asked for under a higher one. */
function outbid(facts: PlanFacts, spec: SpecRecord, claim: ClaimRecord): Effect | null {
	const { container, epoch, restarts, restartsInRow } = claim;
	const above = facts.settled ? facts.leases.outbidAbove(container, epoch) : null;
	if (above === null) return null;
	return { kind: "claim", container, epoch: above + 1, spec, reason: "adopted", restarts, restartsInRow };
}

/** A copy that stood still without a lease, and whose own node has claimed it anew (outbid). */
function goesOn(spec: SpecRecord, claim: ClaimRecord, state: ContainerState): boolean {
	const isOwnWord = claim.reason === "adopted" && claim.writer === claim.owner;
	return spec.spec.policy === "exclusive" && isOwnWord && state.phase === "paused" && state.revision === claim.revision;
}

function restartOf(facts: PlanFacts, state: ContainerState, spec: SpecRecord, claim: ClaimRecord): Restart | null {
	return restartAfter({ ...state, health: facts.health(state.container) }, spec.spec.restart, claim);
}

function startAgain(
	spec: SpecRecord,
	claim: ClaimRecord,
	{ restarts, restartsInRow }: Pick<ClaimRecord, "restarts" | "restartsInRow">,
): Effect {
	const { container, epoch } = claim;
	return { kind: "claim", container, epoch: epoch + 1, spec, reason: "restarted", restarts, restartsInRow };
}

/** One that is ahead of the spec has been updated by a call whose revision is on its way. */
function hasOtherResources(state: ContainerState, spec: SpecRecord): boolean {
	if (state.revision > spec.revision || !canUpdateIn(state.phase) || isOtherSpec(state, spec)) return false;
	return textsOf(state.spec).resources !== textsOf(spec.spec).resources;
}

/** Two sides of a split deployed one name: the claim of one won here, and the spec of the other. Resources change while it runs. */
function isOtherSpec(state: ContainerState, spec: SpecRecord): boolean {
	return state.revision >= spec.startRevision && textsOf(state.spec).rest !== textsOf(spec.spec).rest;
}

/** What a spec is compared by; kept as long as the spec, because every round compares all of them. */
const texts = new WeakMap<Spec, { readonly resources: string; readonly rest: string }>();

function textsOf(spec: Spec) {
	const known = texts.get(spec);
	if (known !== undefined) return known;
	const made = { resources: canonicalJson(spec.resources), rest: canonicalJson({ ...spec, resources: null }) };
	texts.set(spec, made);
	return made;
}

function stopEffect(spec: SpecRecord, state: ContainerState | null): Effect | null {
	if (state === null) return null;
	if (state.phase !== "running" && state.phase !== "paused" && state.phase !== "created") return null;
	return { kind: "stop", container: state.container, epoch: state.epoch, graceMs: spec.spec.stopGraceMs };
}

function freezerEffect(
	kind: "pause" | "resume",
	from: "running" | "paused",
	{ container, epoch }: Pick<ClaimRecord, "container" | "epoch">,
	state: ContainerState | null,
): Effect | null {
	return state?.epoch === epoch && state.phase === from ? { kind, container, epoch } : null;
}

/** Another node owns it and something of it is here. */
function foreignEffect(facts: PlanFacts, spec: SpecRecord, claim: ClaimRecord, state: ContainerState): Effect | null {
	const container = claim.container;
	const holdsSource = claim.reason === "handover" && claim.writer === facts.self && state.move === claim.move;
	if (holdsSource && state.phase === "checkpointing") {
		// The frozen source of a hand-over: thrown away by the migration once the target runs; taken back when it is gone.
		if (handoverArrived(facts, claim)) return { kind: "remove", container, epoch: state.epoch };
		if (facts.downForMs(claim.owner) < ADOPT_AFTER_MS || !facts.settled) return null;
		const { restarts, restartsInRow } = claim;
		return { kind: "claim", container, epoch: claim.epoch + 1, spec, reason: "adopted", restarts, restartsInRow };
	}
	if (state.epoch > claim.epoch) return null;
	return { kind: "supersede", container, winner: claim };
}

/** Whether the target of a hand-over said that it got as far as running. */
function handoverArrived(facts: PlanFacts, claim: ClaimRecord): boolean {
	const records = facts.view.containers.get(claim.container) ?? [];
	return records.some(
		(record) =>
			record.node === claim.owner &&
			record.epoch >= claim.epoch &&
			record.startedAtMs !== null &&
			// A copy that still waits has the time of the start from its source; one that never ran is `failed`.
			!["restoring", "starting", "failed"].includes(record.phase),
	);
}

function adoptEffect(facts: PlanFacts, spec: SpecRecord, claim: ClaimRecord): Effect | null {
	if (spec.desired !== "running" || !facts.settled) return null;
	if (hasEndedByItself(facts, spec, claim)) return null;
	if (facts.downForMs(claim.owner) < ADOPT_AFTER_MS) return null;
	if (spec.spec.policy === "exclusive" && !facts.leases.isMajorityAlive) return null;
	if (volumesAwaited(facts.view, spec.spec, claim.owner).length > 0) return null;
	const sourceKeepsIt =
		claim.reason === "handover" && facts.liveness(claim.writer) === "alive" && !handoverArrived(facts, claim);
	if (sourceKeepsIt || responsibleNode(facts, claim.container) !== facts.self) return null;
	return {
		kind: "place",
		container: claim.container,
		epoch: claim.epoch + 1,
		spec,
		reason: "adopted",
		exclude: [claim.owner],
	};
}

/** A command that ran to its end, and whose policy leaves it there, has done its work: its node going down changes nothing. */
function hasEndedByItself(facts: PlanFacts, spec: SpecRecord, claim: ClaimRecord): boolean {
	const records = facts.view.containers.get(claim.container) ?? [];
	return records.some(
		(record) =>
			record.node === claim.owner &&
			record.epoch === claim.epoch &&
			claim.revision >= spec.startRevision &&
			record.phase === "stopped" &&
			restartAfter(record, spec.spec.restart, claim) === null,
	);
}

/** Highest rank of all alive nodes that may write: the same on every node that sees the same members alive. */
export function responsibleNode(facts: PlanFacts, container: ContainerId): NodeId | null {
	let best: NodeId | null = null;
	let bestRank = "";
	for (const node of facts.view.nodes.keys()) {
		if (node !== facts.self && facts.liveness(node) !== "alive") continue;
		const record = facts.view.nodes.get(node);
		if (record?.left === true || record?.role === "reader") continue;
		const rank = createHash("sha256").update(`${container} ${node}`).digest("hex");
		if (best === null || rank > bestRank) {
			best = node;
			bestRank = rank;
		}
	}
	return best;
}
