// A channel to the other end of a move, within a time.

import { withinMs } from "../mesh/within.js";
import type { NodeId } from "../model.js";
import { MoveChannel } from "./channel.js";
import type { MigrationPorts } from "./ports.js";
import { MIGRATE_PROTOCOL } from "./wire.js";

/** `bulk`: a container is to be sent over it, not only some words. Codes `unreachable`, `timeout`. */
export async function openChannel(
	{ mesh, clock }: Pick<MigrationPorts, "mesh" | "clock">,
	to: NodeId,
	options: { readonly limitMs: number; readonly signal: AbortSignal; readonly bulk: boolean },
): Promise<MoveChannel> {
	const way = { bulk: options.bulk ? "sending" : null } as const;
	const open = (within: AbortSignal) => mesh.open(to, MIGRATE_PROTOCOL, within, way);
	return new MoveChannel(await withinMs(clock, options.limitMs, options.signal, open));
}
