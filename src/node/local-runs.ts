// `POST /v1/runs`: one container on this node, outside the cluster's state: create, start, wait, remove. For commands that
// are to run here and now, and for the start benchmark. Never seen by plan.ts (LOCAL_RUN_PREFIX).

import type { Clock } from "../clock.js";
import { containerIdOf } from "../model.js";
import type { Runtime } from "../runtime/runtime.js";
import type { RunRequest, RunResult } from "./api/contract.js";
import type { LocalPool } from "./local-pool.js";
import { LOCAL_RUN_PREFIX } from "./plan.js";
import type { ImagesPort } from "./ports.js";

export interface LocalRunPorts {
	readonly runtime: Runtime;
	readonly images: ImagesPort;
	readonly pool: LocalPool;
	readonly clock: Clock;
	/** A free address for `network: bridge`. */
	readonly freeAddress: () => string | null;
}

let runsSoFar = 0;

/** When the caller goes away or anything fails, the container is removed. */
export async function runLocally(ports: LocalRunPorts, request: RunRequest, signal: AbortSignal): Promise<RunResult> {
	const { runtime, images, clock } = ports;
	const { spec } = request;
	const startedMs = clock.monotonicMs();
	const container = containerIdOf(`${LOCAL_RUN_PREFIX}${process.pid}-${runsSoFar++}`, 0);
	const image = await images.ensure(spec.image, [], signal);
	ports.pool.note(spec, image);
	const address = spec.network === "bridge" ? ports.freeAddress() : null;
	const { exitCode } = await runtime.run({ container, epoch: 1, revision: 1, spec, image, address }, signal);
	return { exitCode: exitCode ?? 255, durationMs: clock.monotonicMs() - startedMs };
}
