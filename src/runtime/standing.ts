// A container that stands ready: monitor and init in their namespaces and cgroup, in a directory of their own, waiting to be told
// which container they are. It ends by itself when its daemon goes away before that. Knows nothing of how many there are.

import { join } from "node:path";
import type { Clock } from "../clock.js";
import { SwarmError } from "../errors.js";
import type { ContainerId } from "../model.js";
import type { Native } from "../native/native.js";
import type { NativePaths } from "../native/paths.js";
import type { Cgroups } from "./cgroup/cgroups.js";
import { Monitor } from "./monitor.js";
import type { IdRanges } from "./security/id-ranges.js";

export interface StandingParts {
	readonly native: Pick<Native, "spawnConnected">;
	readonly paths: NativePaths;
	readonly cgroups: Pick<Cgroups, "prepare" | "discard">;
	readonly clock: Clock;
	readonly ids: Pick<IdRanges, "take" | "release">;
}

export interface Standing {
	readonly directory: string;
	readonly cgroupName: string;
	/** Its first process, whose network namespace is the container's. */
	readonly pid: number;
	/** Of the user namespace that it stands in; null: none. */
	readonly firstId: number | null;
	readonly monitor: Monitor;
}

/** Clone and exec of two small programs; on a loaded machine. */
const STAND_MS_MAX = 10_000;

/** In a directory that `containerDirectoryMake` made. When it fails only the directory is left. */
export async function standReady(
	directory: string,
	cgroupName: string,
	hasUserNamespace: boolean,
	parts: StandingParts,
): Promise<Standing> {
	const { native, paths, cgroups, clock, ids } = parts;
	const cgroup = cgroups.prepare(cgroupName);
	let monitor: Monitor | null = null;
	try {
		const firstId = hasUserNamespace ? ids.take(cgroupName) : null;
		const argv = [paths.monitor, "stand", directory, cgroup, String(firstId ?? 0)];
		const { connection } = native.spawnConnected(argv, join(directory, "stderr"));
		const { promise, resolve, reject } = Promise.withResolvers<number>();
		const refuse = (why: string) => reject(new SwarmError("failed", `Cannot make a container stand ready: ${why}`));
		const cancel = clock.after(STAND_MS_MAX, () => refuse(`not done after ${STAND_MS_MAX} ms`));
		// Messages name the container only once it has become one.
		monitor = Monitor.over(cgroupName as ContainerId, connection, (event) => {
			if (event.kind === "standing") resolve(event.pid);
			else if (event.kind === "exited") refuse(event.exit.reason ?? "its init ended");
			else if (event.kind === "gone") refuse("its monitor ended");
		});
		const pid = await promise.finally(cancel);
		return { directory, cgroupName, pid, firstId, monitor };
	} catch (thrown) {
		monitor?.close();
		await cgroups.discard(cgroupName);
		ids.release(cgroupName);
		throw thrown;
	}
}

/** Of its end after that of what it looks after. */
const MONITOR_END_MS_MAX = 2_000;

/** Resolves when nothing but its directory is left; a monitor that does not end in time is left to end by itself. */
export async function dismiss(
	standing: Standing,
	{ cgroups, ids, clock }: Pick<StandingParts, "cgroups" | "ids" | "clock">,
): Promise<void> {
	const { monitor, cgroupName } = standing;
	const { promise: gone, resolve } = Promise.withResolvers<void>();
	if (!monitor.isOpen) resolve();
	monitor.handTo(cgroupName as ContainerId, (event) => {
		if (event.kind === "gone") resolve();
	});
	await cgroups.discard(cgroupName);
	const cancel = clock.after(MONITOR_END_MS_MAX, resolve);
	await gone.finally(cancel);
	monitor.close();
	ids.release(cgroupName);
}
