// The lines of `swarm token ls`. Pure.

import type { ClusterView } from "../../crdt/state.js";
import type { TokenRow } from "../api/contract.js";

/** Newest first. */
export function tokenRows(view: ClusterView, nowMs: number): readonly TokenRow[] {
	const nameOf = (node: string, otherwise: string) =>
		[...view.nodes.values()].find((record) => record.node === node)?.name ?? otherwise;
	return [...view.tokens.values()]
		.map((token): TokenRow => {
			const uses = [...view.admissions.values()].filter((admission) => admission.token === token.id);
			const { id, role, createdAtMs, expiresAtMs } = token;
			return {
				...{ id, role, createdAtMs, expiresAtMs, uses: token.uses },
				usedBy: uses.map((use) => nameOf(use.node, use.name)).sort(),
				by: nameOf(token.writer, token.writer),
				state: view.revocations.has(id)
					? "revoked"
					: expiresAtMs <= nowMs
						? "expired"
						: uses.length >= token.uses
							? "used up"
							: "open",
			};
		})
		.sort((a, b) => b.createdAtMs - a.createdAtMs || (a.id < b.id ? -1 : 1));
}
