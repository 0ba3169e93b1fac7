// New limits for a container that is here: on the kernel while it has processes, in its record in any case. Must never restart it.

import { appendFileSync } from "node:fs";
import { SwarmError } from "../errors.js";
import type { Phase, ResourceRequest } from "../model.js";
import type { Cgroups } from "./cgroup/cgroups.js";
import type { Container } from "./container.js";
import { hasEnded } from "./life-cycle.js";
import type { ContainerNetwork } from "./network/network.js";

/** Phases in which nothing else is being done to its processes. */
const quiet: readonly Phase[] = ["created", "running", "paused", "stopped", "failed"];

export function canUpdateIn(phase: Phase): boolean {
	return quiet.includes(phase);
}

/** `conflict` in a phase in between, `refused` when the kernel does not take a limit; then nothing has changed. */
export async function updateResources(
	container: Container,
	{ cgroups, network }: { readonly cgroups: Cgroups; readonly network: ContainerNetwork },
	{ revision, resources }: { readonly revision: number; readonly resources: ResourceRequest },
): Promise<void> {
	const { phase } = container.state;
	if (!canUpdateIn(phase))
		throw new SwarmError("conflict", `Cannot update ${container.id}: it is ${phase}, wanted ${quiet.join(" or ")}`, {
			retryable: true,
		});
	if (!hasEnded(phase)) {
		const { resources: before } = container.request.spec;
		const entered = await cgroups.change(container.id, before, resources);
		try {
			network.shape(container.id, resources);
		} catch (thrown) {
			await cgroups.change(container.id, resources, before);
			throw thrown;
		}
		// What is executed in it from now on joins its cgroups by this file; the monitor has read it already.
		for (const path of entered) appendFileSync(container.directory.launch, `cgroup1=${path}\0`);
	}
	container.revise(revision, resources);
}
