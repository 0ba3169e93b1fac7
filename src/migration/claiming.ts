// The claims that a source writes in its own document: the hand-over, which is the point of no return, and the taking back.

import { SwarmError } from "../errors.js";
import { backOffMs } from "./back-off.js";
import type { MigrationPorts } from "./ports.js";
import { isHandedOver, type MoveIdentity, nextClaim, standingOf } from "./standing.js";

/**
 * Resolves when the claim that names the target is durable, rejects when it surely is not. A commit that rejected is looked at: what
 * the document holds counts. While nobody knows what the disk holds it is tried again, with the container frozen: thawed it
 * would run although a restart may find it handed over.
 */
export async function handOver(ports: MigrationPorts, identity: MoveIdentity, signal: AbortSignal): Promise<void> {
	const { state, clock, chance } = ports;
	const { container, target } = identity;
	for (let attempt = 1; ; attempt++) {
		if (standingOf(identity, state.view()).kind !== "before")
			throw new SwarmError("fenced", `Cannot hand ${container} over: another node has claimed it meanwhile`);
		try {
			const wish = { owner: target, writer: state.self, reason: "handover", time: state.time() } as const;
			return await state.commit([nextClaim(identity, state.view(), wish)]);
		} catch (thrown) {
			if (isHandedOver(identity, state.own(`claim/${container}`))) return;
			const isUncertain = thrown instanceof SwarmError && thrown.details.uncertain === true;
			if (!isUncertain) throw thrown;
			await clock.sleep(backOffMs(attempt, chance), signal);
		}
	}
}

/** The source owns it again, under the next epoch. */
export async function takeBack({ state }: MigrationPorts, identity: MoveIdentity): Promise<void> {
	const wish = { owner: state.self, writer: state.self, reason: "adopted", time: state.time() } as const;
	await state.commit([nextClaim(identity, state.view(), wish)]);
}
