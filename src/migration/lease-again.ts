// The lease of an exclusive container whose frozen copy is to go on at its source.
// Must never: let it be thawed on what is left of a lease that was released: its next owner did not wait for the end of that.

import { asSwarmError } from "../errors.js";
import type { ContainerId } from "../model.js";
import type { MoveLeases } from "./ports.js";

/** More than LEASE_MS: by then the guard's last lease is over, and what is thawed stands still until there is one. */
const LEASE_OVER_MS = 9_000;

export async function leaseAgain(
	leases: MoveLeases,
	container: ContainerId,
	epoch: number,
	signal: AbortSignal,
): Promise<void> {
	leases.reclaim(container);
	try {
		await leases.acquire(container, epoch, LEASE_OVER_MS, signal);
	} catch (thrown) {
		if (signal.aborted || asSwarmError(thrown, `get the lease of ${container}`).code !== "timeout") throw thrown;
	}
}
