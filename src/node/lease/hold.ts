// The leases of one owner: what it asked for, who said yes, and until when it may run. A plain record and pure steps over it.
// Must never: count a yes to a question from before a release.

import { leasedUntilMs } from "../../crdt/leases.js";
import type { NodeId } from "../../model.js";
import type { Voters } from "./electorate.js";

/** Refused with a higher epoch for this long, with the view not showing that claim: its writer is gone, and it can be outbid. */
export const OUTBID_AFTER_MS = 12_000;

export interface Hold {
	readonly epoch: number;
	/** When the latest question was sent that the voter said yes to, by the owner's clock. */
	readonly yesToSentMs: ReadonlyMap<NodeId, number>;
	/** The owner may run it until then, by its own clock. */
	readonly untilMs: number;
	readonly askedAtMs: number;
	/** The highest epoch that a voter refused it with, and since when it is refused and has no lease; null: it is not. */
	readonly refused: { readonly epoch: number; readonly sinceMs: number } | null;
}

export function newHold(epoch: number): Hold {
	const never = Number.NEGATIVE_INFINITY;
	return { epoch, yesToSentMs: new Map(), untilMs: never, askedAtMs: never, refused: null };
}

export function withYes(hold: Hold, voter: NodeId, sentMs: number, { voters, before }: Omit<Voters, "digest">): Hold {
	const known = hold.yesToSentMs.get(voter) ?? Number.NEGATIVE_INFINITY;
	if (sentMs <= known) return hold;
	const yesToSentMs = new Map(hold.yesToSentMs).set(voter, sentMs);
	// A lease that was had is not shortened when the cluster grows: nobody else can have one before it is over.
	const leasedMs = Math.min(...[voters, before ?? voters].map((all) => leasedUntilMs(yesToSentMs, all)));
	const untilMs = Math.max(hold.untilMs, leasedMs);
	return { ...hold, yesToSentMs, untilMs, refused: untilMs > sentMs ? null : hold.refused };
}

export function withRefusal(hold: Hold, epochPromised: number, nowMs: number): Hold {
	if (epochPromised < hold.epoch || hold.untilMs > nowMs) return hold;
	const { sinceMs, epoch } = hold.refused ?? { sinceMs: nowMs, epoch: 0 };
	return { ...hold, refused: { sinceMs, epoch: Math.max(epoch, epochPromised) } };
}

/** The epoch above which to claim it anew; null while nothing calls for that. */
export function outbidAbove(hold: Hold, nowMs: number): number | null {
	const { refused } = hold;
	return refused !== null && hold.untilMs <= nowMs && nowMs - refused.sinceMs >= OUTBID_AFTER_MS ? refused.epoch : null;
}
