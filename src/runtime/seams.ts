// What the runtime offers to checkpoint/, which builds the two halves of a move on it. Internal to runtime/.

import type { Clock } from "../clock.js";
import type { Logger } from "../log.js";
import type { ContainerId } from "../model.js";
import type { Native } from "../native/native.js";
import type { NativePaths } from "../native/paths.js";
import type { Cgroups } from "./cgroup/cgroups.js";
import type { Container } from "./container.js";
import type { ContainerNetwork } from "./network/network.js";
import type { Checkpoints, ContainerState, RestoreRequest } from "./runtime.js";
import type { Volumes } from "./volumes/volumes.js";

export interface RuntimeSeams {
	readonly native: Native;
	readonly paths: NativePaths;
	readonly clock: Clock;
	readonly logger: Logger;
	readonly cgroups: Cgroups;
	/** `attachmentOf(container)` has link name, MAC and namespace path. */
	readonly network: ContainerNetwork;
	readonly volumes: Pick<Volumes, "pathOf">;
	/** `not-found` without such a container. */
	find(container: ContainerId): Container;
	/**
	 * Runs `work` with no other call for that container at its side, after the epoch was checked (`fenced`) and, when it is higher
	 * than the last seen, written down. `action` is for messages: "checkpoint".
	 */
	exclusive<T>(
		action: string,
		container: ContainerId,
		epoch: number,
		work: (container: Container) => Promise<T>,
	): Promise<T>;
	/**
	 * For one with a user namespace and network bridge: when its monitor says that its namespaces are there, gives it its link, which is down
	 * still, and lets the monitor go on. `timeout` after `msMax`.
	 */
	connect(container: Container, msMax: number, signal: AbortSignal): Promise<void>;
	/**
	 * Makes all of a container but its processes, in phase `restoring`: directory with the given upper layer and logs moved in,
	 * cgroups with limits, network, launch file, durable record. `mapped`: with a range of ids for a user namespace, `unsupported` where this
	 * node has none; its network comes with the processes (`connect`). Then runs `work`, which brings the processes and attaches the
	 * monitor (`container.attachMonitor()`). When `work` throws, everything is removed again. `conflict` when the container
	 * is here already.
	 */
	restoring(
		request: RestoreRequest,
		mapped: boolean,
		signal: AbortSignal,
		work: (container: Container) => Promise<void>,
	): Promise<ContainerState>;
}

export interface CheckpointsPart {
	readonly checkpoints: Checkpoints;
	/**
	 * Called on opening the runtime for each container whose record says `restoring` or `checkpointing`, before anybody else can
	 * reach it. Its monitor is attached when one listens. `keep`: it goes on in the phase it has; `remove`: a
	 * half-made copy, thrown away.
	 */
	adopt(container: Container): Promise<"keep" | "remove">;
}

/** null where this machine cannot checkpoint. */
export type CheckpointsFactory = (seams: RuntimeSeams) => CheckpointsPart | null;
