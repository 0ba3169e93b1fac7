// The losing copy of a split is never simply killed: it is frozen, checkpointed where this machine can, and its memory, written
// files and logs are kept under `<state>/superseded/`. The newest SUPERSEDED_KEPT_MAX stay.

import { cp, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "../log.js";
import type { ContainerState, Runtime } from "../runtime/runtime.js";
import type { KeepSuperseded } from "./ports.js";

export const SUPERSEDED_KEPT_MAX = 16;
const DUMP_MS_MAX = 60_000;

export function keeperIn(directory: string, logger: Logger): KeepSuperseded {
	return async (state, runtime) => {
		const kept = join(
			directory,
			`${state.finishedAtMs ?? state.startedAtMs ?? state.createdAtMs}-${state.container}-${state.epoch}`,
		);
		await mkdir(kept, { recursive: true, mode: 0o700 });
		await writeFile(join(kept, "state.json"), JSON.stringify(state, null, "\t"));
		if (state.phase === "running" || state.phase === "paused" || state.phase === "checkpointing")
			await keepLive(state, runtime, kept, logger);
		await pruneOldest(directory);
		return kept;
	};
}

async function keepLive(state: ContainerState, runtime: Runtime, kept: string, logger: Logger): Promise<void> {
	const { checkpoints } = runtime;
	if (checkpoints === null) {
		logger.warn("no checkpoint on this machine: the losing copy's memory is not kept", { container: state.container });
		return;
	}
	if (state.phase === "paused") await runtime.resume(state.container, state.epoch);
	if (state.phase !== "checkpointing") {
		const memory = join(kept, "memory");
		await mkdir(memory);
		try {
			await checkpoints.dump(state.container, state.epoch, memory, "superseded", AbortSignal.timeout(DUMP_MS_MAX));
		} catch (error) {
			// It must not run on whatever happens: what it wrote is kept, its memory is not.
			logger.warn("the losing copy cannot be checkpointed: its memory is not kept", {
				container: state.container,
				error,
			});
			return;
		}
	}
	const files = checkpoints.files(state.container);
	await cp(files.upperDirectory, join(kept, "files"), {
		recursive: true,
		preserveTimestamps: true,
		verbatimSymlinks: true,
	});
	await cp(files.logDirectory, join(kept, "log"), { recursive: true });
}

async function pruneOldest(directory: string): Promise<void> {
	const names = (await readdir(directory)).sort();
	for (const name of names.slice(0, Math.max(0, names.length - SUPERSEDED_KEPT_MAX)))
		await rm(join(directory, name), { recursive: true, force: true });
}
