// Stop signal, grace, SIGKILL. Must never let a container run on for its end whose lease is over.

import { SwarmError } from "../errors.js";
import type { Cgroups } from "./cgroup/cgroups.js";
import type { Container } from "./container.js";
import { hasEnded } from "./life-cycle.js";
import type { ContainerState } from "./runtime.js";

export async function terminate(
	container: Container,
	cgroups: Cgroups,
	graceMs: number,
	signal: AbortSignal,
): Promise<void> {
	const number = container.request.image.config.stopSignal;
	// A container that ends at this very moment needs no signal any more.
	await container.monitor?.request("signal", String(number)).catch(() => {});
	try {
		if (cgroups.isFrozen(container.id)) await container.letRun();
	} catch (thrown) {
		if (!container.isGuarded) throw thrown;
		// It may not run any more, not even to end.
		cgroups.kill(container.id);
	}
	try {
		await container.until("stop", ended, graceMs, signal);
	} catch (thrown) {
		if (!(thrown instanceof SwarmError) || thrown.code !== "timeout") throw thrown;
		cgroups.kill(container.id);
	}
}

function ended(state: ContainerState): boolean {
	return hasEnded(state.phase);
}
