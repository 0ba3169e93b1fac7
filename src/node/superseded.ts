// The losing copy of a split is never simply killed: it is frozen, checkpointed where this machine can, and its memory, written
// files and logs are kept under `<state>/superseded/`. The newest SUPERSEDED_KEPT_MAX stay.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { SwarmError } from "../errors.js";
import type { Logger } from "../log.js";
import type { MigrationPorts } from "../migration/ports.js";
import type { SourceFacts } from "../migration/verdict.js";
import type { ContainerId } from "../model.js";
import { containerDirectoryOf } from "../runtime/container-directory.js";
import type { ContainerState, Runtime } from "../runtime/runtime.js";
import type { KeepSuperseded } from "./ports.js";
import type { ExportedMemory } from "./state-archive/description.js";
import { describe, keepFiles as keepArchivedFiles, sendAndRemove } from "./state-archive/export.js";

export const SUPERSEDED_KEPT_MAX = 16;
const SUPERSEDED = "superseded";
const ID_PATTERN = /^\d{1,16}-[a-z0-9][a-z0-9-]*\.\d{1,4}-\d{1,16}$/;

/** What a machine that takes the memory over must have (migration/verdict-facts.ts). */
export type ReadFacts = (state: ContainerState) => Promise<SourceFacts>;
const DUMP_MS_MAX = 60_000;
const run = promisify(execFile);

/** Called again for the same copy after a failure or a crash, it goes on with what is kept already. */
export function keeperIn(stateDirectory: string, readFacts: ReadFacts, logger: Logger): KeepSuperseded {
	const directory = join(stateDirectory, SUPERSEDED);
	return async (state, runtime) => {
		const sinceMs = state.finishedAtMs ?? state.startedAtMs ?? state.createdAtMs;
		const kept = join(directory, `${sinceMs}-${state.container}-${state.epoch}`);
		await mkdir(kept, { recursive: true, mode: 0o700 });
		await writeFile(join(kept, "state.json"), JSON.stringify(state, null, "\t"));
		const about = { memory: join(kept, "memory"), description: join(kept, "container.json") };
		const described = (memory: ExportedMemory | null) =>
			writeFile(about.description, JSON.stringify(describe(state, memory, sinceMs)), { mode: 0o600 });
		// A copy that was kept half before has its memory already, if it has any.
		if (!existsSync(about.description)) await described(null);
		const memory = await holdStill(state, runtime, about.memory, readFacts, logger);
		if (memory !== null) await described(memory);
		await keepFiles(join(stateDirectory, "containers"), state.container, kept);
		await pruneOldest(directory);
		return kept;
	};
}

/** From here on it does not run, with its memory in `directory` where this machine can. */
async function holdStill(
	state: ContainerState,
	runtime: Runtime,
	directory: string,
	readFacts: ReadFacts,
	logger: Logger,
): Promise<ExportedMemory | null> {
	const { container, epoch, phase } = state;
	if (phase !== "running" && phase !== "paused") return null;
	try {
		// An exclusive one whose lease is over may not: it stays as it is, without its memory.
		if (phase === "paused") await runtime.resume(container, epoch);
		if (runtime.checkpoints === null) throw new Error("no CRIU works here, see swarm doctor");
		await rm(directory, { recursive: true, force: true });
		await mkdir(directory);
		const facts = await readFacts(state);
		const until = AbortSignal.timeout(DUMP_MS_MAX);
		const { manifest } = await runtime.checkpoints.dump(container, epoch, directory, "superseded", until);
		return { manifest, facts };
	} catch (error) {
		// It must not run on whatever happens: what it wrote is kept, its memory is not.
		logger.warn("the losing copy cannot be checkpointed: its memory is not kept", { container, error: String(error) });
		await rm(directory, { recursive: true, force: true });
		if (runtime.get(container)?.phase === "running") await runtime.pause(container, epoch);
		return null;
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

/** A kept copy as an archive of `swarm export`, which `swarm import` takes; `not-found` when there is none of that id. */
export async function keptArchive(
	stateDirectory: string,
	id: string,
	{ files, chance }: Pick<MigrationPorts, "files" | "chance">,
	signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
	const kept = join(stateDirectory, SUPERSEDED, id);
	if (!ID_PATTERN.test(id) || !existsSync(join(kept, "container.json")))
		throw new SwarmError("not-found", `Cannot find the kept copy ${id}: see \`swarm partition report\``);
	const name = Buffer.from(chance.bytes(12)).toString("hex");
	const scratch = await files.make(name);
	try {
		await copyFile(join(kept, "container.json"), join(scratch.path, "container.json"));
		if (existsSync(join(kept, "memory"))) await run("cp", ["-a", `${join(kept, "memory")}/.`, scratch.images]);
		await keepArchivedFiles({ upper: join(kept, "files"), log: join(kept, "log") }, scratch, signal);
		return sendAndRemove(scratch, () => files.remove(name));
	} catch (thrown) {
		await files.remove(name);
		throw thrown;
	}
}
