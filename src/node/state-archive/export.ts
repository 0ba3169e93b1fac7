// `swarm export`: a container's spec, written files and logs, and its memory when it runs, as one archive. It stands still while these are
// put aside on this node's disk, not while they are sent. Whatever fails or is given up, it runs on as before.

import { copyFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SwarmError } from "../../errors.js";
import type { MoveDirectory } from "../../migration/move-files.js";
import type { MigrationPorts } from "../../migration/ports.js";
import { startPacking } from "../../migration/tar-process.js";
import { readSourceFacts } from "../../migration/verdict-facts.js";
import type { ContainerId } from "../../model.js";
import { containerDirectoryOf } from "../../runtime/container-directory.js";
import { LAYER_BYTES_MAX } from "../../runtime/image/limits.js";
import { guardSpace } from "../../runtime/image/space.js";
import { hasEnded } from "../../runtime/life-cycle.js";
import type { ContainerState } from "../../runtime/runtime.js";
import { packTar } from "../../runtime/tar-archive.js";
import { outsideFilesOf } from "../../runtime/volumes/binds.js";
import type { ExportedMemory, StateDescription } from "./description.js";
import { keepFile } from "./keep-file.js";

export interface StateArchiveParts {
	/** `files`: a directory of its own, emptied when a daemon starts. */
	readonly migration: MigrationPorts;
	/** Holds the directories of this node's containers. */
	readonly containersPath: string;
}

const ID_BYTES = 12;

/** Codes: `conflict` for a phase that cannot be exported, `unsupported` for memory without CRIU. */
export async function exportState(
	parts: StateArchiveParts,
	container: ContainerId,
	signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
	const { runtime, files, chance } = parts.migration;
	const held = runtime.get(container);
	if (held === null) throw new SwarmError("not-found", `Cannot export ${container}: it is not on this node`);
	if (held.phase !== "running" && !hasEnded(held.phase))
		throw new SwarmError("conflict", `Cannot export ${container}: it is ${held.phase}, wanted running or stopped`);
	const outside = outsideFilesOf(held.spec.volumes);
	if (outside.length > 0)
		throw new SwarmError(
			"refused",
			`Cannot export ${container}: it has ${outside.join(", ")}, and an export holds no volumes; copy out what you need with \`swarm cp\``,
		);
	const id = Buffer.from(chance.bytes(ID_BYTES)).toString("hex");
	const scratch = await files.make(id);
	try {
		const memory = held.phase === "running" ? await freezeAndKeep(parts, held, id, scratch, signal) : null;
		if (memory === null) await keepFiles(containerDirectoryOf(parts.containersPath, container), scratch, signal);
		const description = describe(held, memory, parts.migration.clock.nowMs());
		await writeFile(join(scratch.path, "container.json"), JSON.stringify(description), { mode: 0o600 });
		return sendAndRemove(scratch, () => files.remove(id));
	} catch (thrown) {
		await files.remove(id);
		throw thrown;
	}
}

export function describe(held: ContainerState, memory: ExportedMemory | null, exportedAtMs: number): StateDescription {
	const { container, spec, imageName, imageDigest, address, createdAtMs, startedAtMs } = held;
	return {
		version: 1,
		...{ container, spec, imageName, imageDigest, address, createdAtMs, startedAtMs, exportedAtMs, memory },
	};
}

/** A daemon that is killed in between leaves a frozen container that its node owns: the next one lets it go on (coordinator.ts). */
async function freezeAndKeep(
	parts: StateArchiveParts,
	held: ContainerState,
	id: string,
	scratch: MoveDirectory,
	signal: AbortSignal,
): Promise<ExportedMemory> {
	const { checkpoints } = parts.migration.runtime;
	if (checkpoints === null)
		throw new SwarmError(
			"unsupported",
			`Cannot export ${held.container} with its memory: no CRIU works here, see \`swarm doctor\`; a stopped container needs none`,
		);
	const facts = await readSourceFacts(parts.migration, held);
	const { manifest } = await checkpoints.dump(held.container, held.epoch, scratch.images, id, signal);
	try {
		await keepFiles(containerDirectoryOf(parts.containersPath, held.container), scratch, signal);
	} finally {
		await checkpoints.thaw(held.container, held.epoch);
	}
	return { manifest, facts };
}

/** Written files and logs, as the archive has them. */
export async function keepFiles(
	{ upper, log }: { readonly upper: string; readonly log: string },
	scratch: MoveDirectory,
	signal: AbortSignal,
): Promise<void> {
	const tar = startPacking(upper);
	try {
		tar.begin();
		const space = guardSpace(scratch.path, "the written files", LAYER_BYTES_MAX);
		await keepFile(join(scratch.path, "upper.tar"), tar.output(), space, signal);
		await tar.finish();
	} finally {
		tar.kill();
	}
	for (const name of await readdir(log)) await copyFile(join(log, name), join(scratch.log, name));
	await rm(scratch.upper, { recursive: true });
}

export async function* sendAndRemove(scratch: MoveDirectory, remove: () => Promise<void>): AsyncIterable<Uint8Array> {
	try {
		const { tar, ended } = packTar(scratch.path, ["container.json", "images", "log", "upper.tar"]);
		yield* tar as AsyncIterable<Uint8Array>;
		await ended;
	} finally {
		await remove();
	}
}
