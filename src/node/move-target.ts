// Whether the scheduler would let a container be on the node that somebody wants to move it to: alive, and with room beside what is
// promised there. The verdict of migration/ asks what the machines can do; this asks what the cluster has promised. Pure.

import { SwarmError } from "../errors.js";
import type { ContainerId, NodeId, Spec, VerdictCheck } from "../model.js";
import { decide, type PlacementFacts } from "./placement.js";

export interface MoveWish {
	readonly container: ContainerId;
	readonly spec: Spec;
	readonly from: NodeId;
	readonly to: NodeId;
}

/** The first line of a dry run. A move to where it is already passes: the verdict says that better. */
export function placementCheck(facts: PlacementFacts, wish: MoveWish): VerdictCheck {
	const reasons = refusalsOf(facts, wish).map((refusal) => refusal.reason);
	const [source, target] = [nameOf(facts, wish.from), nameOf(facts, wish.to)];
	const reason = reasons.length === 0 ? "the scheduler would place it there" : `${target}: ${reasons.join("; ")}`;
	return { check: "placement", ok: reasons.length === 0, source, target, reason };
}

/** Throws `unreachable` when the target is not alive, `refused` when it has no room or a constraint forbids it. */
export function refuseUnfitTarget(facts: PlacementFacts, wish: MoveWish): void {
	const refusals = refusalsOf(facts, wish);
	const [first] = refusals;
	if (first === undefined) return;
	const what = `Cannot move ${wish.container} to ${nameOf(facts, wish.to)}`;
	if (first.filter === "liveness")
		throw new SwarmError("unreachable", `${what}: ${first.reason}, see \`swarm node ls\``, { retryable: true });
	throw new SwarmError("refused", `${what}: ${refusals.map((refusal) => refusal.reason).join("; ")}`);
}

function refusalsOf(facts: PlacementFacts, { container, spec, from, to }: MoveWish) {
	if (from === to) return [];
	const refusals = decide(facts, spec, container, []).rows.find((row) => row.node === to)?.refusals ?? [];
	// Its volumes move with it, or the verdict says why not.
	return refusals.filter(({ filter }) => filter !== "volumes");
}

function nameOf(facts: PlacementFacts, node: NodeId): string {
	return facts.view.nodes.get(node)?.name ?? node;
}
