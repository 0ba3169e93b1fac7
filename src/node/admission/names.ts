// Names of nodes are unique among those that have not left. They are checked where somebody is admitted or renamed; two that were
// given on two sides of a split meet later, and then the node that joined later takes another. Pure.

import type { ClusterView } from "../../crdt/state.js";
import type { NodeId, NodeRecord } from "../../model.js";

/** How long the name of a newcomer is kept free for it until its own record says it. */
const NEWCOMER_MS = 60_000;
const NAME_CHARACTERS_MAX = 63;

/** Why `node` cannot be called so; null when it can. */
export function objectionToName(view: ClusterView, name: string, node: NodeId, nowMs: number): string | null {
	const taken = [...view.nodes.values()].some((record) => record.name === name && record.node !== node && !record.left);
	const coming = [...view.admissions.values()].some(
		(admission) =>
			admission.name === name &&
			admission.node !== node &&
			admission.admittedAtMs > nowMs - NEWCOMER_MS &&
			!view.nodes.has(admission.node),
	);
	return taken || coming ? `the name ${name} is taken` : null;
}

/** What this node has to be called because one that joined earlier has its name; null when nothing is to be done. */
export function nameInstead(view: ClusterView, self: NodeId): string | null {
	const own = view.nodes.get(self);
	if (own === undefined || own.left) return null;
	const others = [...view.nodes.values()].filter((record) => record.node !== self && !record.left);
	if (!others.some((record) => record.name === own.name && isEarlier(record, own))) return null;
	const taken = new Set(others.map((record) => record.name));
	for (let number = 2; ; number++) {
		const name = `${own.name.slice(0, NAME_CHARACTERS_MAX - `-${number}`.length)}-${number}`;
		if (!taken.has(name)) return name;
	}
}

function isEarlier(one: NodeRecord, other: NodeRecord): boolean {
	return one.joinedAtMs === other.joinedAtMs ? one.node < other.node : one.joinedAtMs < other.joinedAtMs;
}
