// What a person should know of an exclusive workload and its voters, in sentences. Pure.

import { majorityOf } from "../../crdt/leases.js";
import type { ClusterView } from "../../crdt/state.js";
import type { NodeId, Spec } from "../../model.js";
import type { LeaseStanding } from "./leases.js";
import { votersOf, votersWanted } from "./voters.js";

/** For `deploy` and `explain`; none for an `available` workload and for one that nothing keeps from running. */
export function leaseNotes(
	spec: Pick<Spec, "policy" | "name">,
	view: ClusterView,
	isAlive: (node: NodeId) => boolean,
): readonly string[] {
	if (spec.policy !== "exclusive") return [];
	const voters = votersOf(view);
	const alive = voters.filter(isAlive).length;
	const majority = majorityOf(voters.length);
	const notes: string[] = [];
	if (voters.length === 2)
		notes.push(
			`${spec.name} is exclusive and the cluster has two voters: while either is away it stands still. A third one mends that: ` +
				"a node or a witness, which votes and runs nothing (`swarm node start --witness`); or, for one that is gone for good, `swarm node forget NODE`",
		);
	if (alive < majority)
		notes.push(
			`${spec.name} is exclusive and has no majority here: ${alive} of ${voters.length} voters are alive, ${majority} are wanted; it stands still until then${newcomersIn(view, voters)}`,
		);
	return notes;
}

function newcomersIn(view: ClusterView, voters: readonly NodeId[]): string {
	const waiting = votersWanted(view).filter(({ node }) => !voters.includes(node));
	const names = waiting.map(({ name }) => name).sort();
	return names.length > 0 ? ` (${names.join(", ")} vote once these agree)` : "";
}

/** The lease of a container on its owner's node, for `inspect` and `explain`. */
export function leaseInWords(standing: LeaseStanding, nameOf: (node: NodeId) => string): string {
	const { leftMs, saidYes, voters, epochRefused } = standing;
	const agree = `${saidYes.length} of ${voters.length} voters agree`;
	const names = saidYes.length > 0 ? ` (${saidYes.map(nameOf).join(", ")})` : "";
	const why = epochRefused === null ? "" : `; others have promised epoch ${epochRefused}`;
	return leftMs > 0
		? `held for ${(leftMs / 1000).toFixed(1)} s more, ${agree}${names}`
		: `not held: ${agree}${names}${why}`;
}
