// A node that is not to come back is forgotten: a record in the state, signed by the cluster's authority, revokes its certificate,
// frees its name and lets the others adopt its workloads. Must never: forget this node itself, or one that is alive unless told to.

import type { Clock } from "../../clock.js";
import type { State } from "../../crdt/state.js";
import { SwarmError } from "../../errors.js";
import type { Authority } from "../../mesh/cluster-authority.js";
import { signRevocation } from "../../mesh/revocation.js";
import type { Liveness, NodeId, NodeRecord } from "../../model.js";

export interface ForgettingParts {
	readonly state: State;
	readonly clock: Clock;
	readonly liveness: (node: NodeId) => Liveness;
	/** The cluster key; code `conflict` when it is not here. */
	readonly authority: (action: string) => Authority;
	/** Of this node, for people. */
	readonly name: () => string;
}

/** Resolves when the record is on disk. Codes `usage`, `conflict`, `refused` for one that is alive without `force`. */
export async function forgetNode(parts: ForgettingParts, record: NodeRecord, force: boolean): Promise<void> {
	const { state, clock } = parts;
	const { node, name } = record;
	if (node === state.self)
		throw new SwarmError("usage", `Cannot forget ${name}: it is this node, use \`swarm node leave\``);
	const known = state.view().revocations.get(node);
	if (known?.of === "node" && known.revokedAtMs >= (record.admittedAtMs ?? 0))
		throw new SwarmError("conflict", `Cannot forget ${name}: it is forgotten already`);
	const liveness = parts.liveness(node);
	if ((liveness === "alive" || liveness === "suspect") && !record.left && !force)
		throw new SwarmError(
			"refused",
			`Cannot forget ${name}: it is ${liveness}, run \`swarm node leave\` there, or forget it all the same with --force`,
		);
	const authority = parts.authority(`forget ${name}`);
	// A clock that is ahead of ours may have admitted it.
	const revokedAtMs = Math.floor(Math.max(clock.nowMs(), record.admittedAtMs ?? 0));
	const statement = signRevocation(authority, { node, revokedAtMs, by: parts.name() });
	const about = { of: "node", id: node, writer: state.self, revokedAtMs, name, expiresAtMs: null } as const;
	await state.commit([{ kind: "revocation", ...about, statement: Buffer.from(statement).toString("base64") }]);
}
