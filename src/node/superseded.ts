// The losing copy of a split is never simply killed: it is frozen, checkpointed where this machine can, and its memory, written
// files and logs are kept under `<state>/superseded/`. The newest SUPERSEDED_KEPT_MAX stay.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Logger } from "../log.js";
import type { ContainerId } from "../model.js";
import { containerDirectoryOf } from "../runtime/container-directory.js";
import type { ContainerState, Runtime } from "../runtime/runtime.js";
import type { KeepSuperseded } from "./ports.js";

export const SUPERSEDED_KEPT_MAX = 16;
const DUMP_MS_MAX = 60_000;
const run = promisify(execFile);

/** Called again for the same copy after a failure or a crash, it goes on with what is kept already. */
export function keeperIn(stateDirectory: string, logger: Logger): KeepSuperseded {
	const directory = join(stateDirectory, "superseded");
	return async (state, runtime) => {
		const sinceMs = state.finishedAtMs ?? state.startedAtMs ?? state.createdAtMs;
		const kept = join(directory, `${sinceMs}-${state.container}-${state.epoch}`);
		await mkdir(kept, { recursive: true, mode: 0o700 });
		await writeFile(join(kept, "state.json"), JSON.stringify(state, null, "\t"));
		await holdStill(state, runtime, join(kept, "memory"), logger);
		await keepFiles(join(stateDirectory, "containers"), state.container, kept);
		await pruneOldest(directory);
		return kept;
	};
}

/** From here on it does not run, with its memory in `memory` where this machine can. */
async function holdStill(state: ContainerState, runtime: Runtime, memory: string, logger: Logger): Promise<void> {
	const { container, epoch, phase } = state;
	if (phase !== "running" && phase !== "paused") return;
	try {
		// An exclusive one whose lease is over may not: it stays as it is, without its memory.
		if (phase === "paused") await runtime.resume(container, epoch);
		if (runtime.checkpoints === null) throw new Error("no CRIU works here, see swarm doctor");
		await rm(memory, { recursive: true, force: true });
		await mkdir(memory);
		await runtime.checkpoints.dump(container, epoch, memory, "superseded", AbortSignal.timeout(DUMP_MS_MAX));
	} catch (error) {
		// It must not run on whatever happens: what it wrote is kept, its memory is not.
		logger.warn("the losing copy cannot be checkpointed: its memory is not kept", { container, error: String(error) });
		await rm(memory, { recursive: true, force: true });
		if (runtime.get(container)?.phase === "running") await runtime.pause(container, epoch);
	}
}

/** By cp(1): what the container deleted of its image are device nodes and extended attributes, which Node's cp refuses. */
async function keepFiles(containersPath: string, container: ContainerId, kept: string): Promise<void> {
	const { path, upper, log } = containerDirectoryOf(containersPath, container);
	const wanted = [
		// When it ran and stood still, by its monitor.
		[join(path, "guard"), join(kept, "guard")],
		[upper, join(kept, "files")],
		[log, join(kept, "log")],
	] as const;
	for (const [from, to] of wanted) {
		await rm(to, { recursive: true, force: true });
		if (existsSync(from)) await run("cp", ["-a", from, to]);
	}
}

async function pruneOldest(directory: string): Promise<void> {
	const names = (await readdir(directory)).sort();
	for (const name of names.slice(0, Math.max(0, names.length - SUPERSEDED_KEPT_MAX)))
		await rm(join(directory, name), { recursive: true, force: true });
}
