// Members that send what cannot be taken: too large, or not what the protocol says. One such message may be a fault of either side; a
// peer that goes on with it loses its connection, and the redialler's back-off bounds what it can do then. Pure but for the given clock.

import type { Clock } from "../clock.js";
import type { SwarmError } from "../errors.js";
import type { NodeId } from "../model.js";
import { type Rate, type RateUse, takeFrom, unused } from "./pace.js";

/** More than these at once, or on average more than one in ten seconds, cost the connection. */
export const BREACH_RATE: Rate = { perSecond: 0.1, burst: 8 };
/** Peers that are remembered. */
const PEERS_MAX = 1024;

export interface Breaches {
	/** Counts it when the error says that the peer broke the rules; true when that was one too many. */
	count(peer: NodeId, error: SwarmError): boolean;
}

export function createBreaches(clock: Clock): Breaches {
	const uses = new Map<NodeId, RateUse>();
	return {
		count(peer, error) {
			if (error.code !== "corrupt" && error.code !== "too-large") return false;
			const { use, waitMs } = takeFrom(BREACH_RATE, uses.get(peer) ?? unused, 1, clock.monotonicMs());
			uses.delete(peer);
			const oldest = uses.size >= PEERS_MAX ? uses.keys().next() : null;
			if (oldest?.value !== undefined) uses.delete(oldest.value);
			// Begins anew with the next connection.
			if (waitMs === 0) uses.set(peer, use);
			return waitMs > 0;
		},
	};
}
