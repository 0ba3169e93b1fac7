// What a node does that learns that its cluster has forgotten it: it ends its containers without losing them (memory, files and logs
// are kept as those of the losing copy of a split), leaves a mark for the next start, and gives up its membership.
// Must never: run on beside the copies that the others may have started; delete what a container wrote.

import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { SwarmError } from "../../errors.js";
import type { Logger } from "../../log.js";
import type { Revocation } from "../../mesh/revocation.js";
import type { ContainerId } from "../../model.js";
import type { Runtime } from "../../runtime/runtime.js";
import type { KeepSuperseded } from "../ports.js";
import { writeDurably } from "../settings.js";

const MARK = "forgotten.json";
const STOP_GRACE_MS = 10_000;

export interface Mark {
	readonly by: string;
	readonly revokedAtMs: number;
}

export interface ForgottenParts {
	readonly runtime: Runtime;
	readonly keepSuperseded: KeepSuperseded;
	readonly logger: Logger;
}

/** Ends and keeps every container; one that cannot be kept is stopped where it is. The ones that were kept. */
export async function endContainers(parts: ForgottenParts): Promise<readonly ContainerId[]> {
	const { runtime, keepSuperseded, logger } = parts;
	const kept: ContainerId[] = [];
	for (const held of runtime.list()) {
		const { container, epoch } = held;
		try {
			const directory = await keepSuperseded(held, runtime);
			await runtime.remove(container, epoch);
			kept.push(container);
			logger.warn("a container is stopped and kept: the cluster has forgotten this node", { container, directory });
		} catch (error) {
			logger.error("a container cannot be kept and is only stopped", { container, error: String(error) });
			await runtime.stop(container, epoch, STOP_GRACE_MS, new AbortController().signal).catch(() => {});
		}
	}
	return kept;
}

/** The next start without a token must not silently make a cluster of its own. */
export async function leaveMark(stateDirectory: string, { by, revokedAtMs }: Revocation): Promise<void> {
	await writeDurably(join(stateDirectory, MARK), JSON.stringify({ by, revokedAtMs } satisfies Mark));
}

export async function removeMark(stateDirectory: string): Promise<void> {
	await rm(join(stateDirectory, MARK), { force: true });
}

/** Code `refused` when this node was forgotten and has not joined again. */
export async function refuseMarked(stateDirectory: string): Promise<void> {
	const path = join(stateDirectory, MARK);
	const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
		if (error.code === "ENOENT") return null;
		throw error;
	});
	if (text !== null) throw forgottenError(JSON.parse(text) as Mark, stateDirectory);
}

export function forgottenError({ by, revokedAtMs }: Mark, stateDirectory: string): SwarmError {
	const kept = join(stateDirectory, "superseded");
	const way = "join again with `swarm node join --token TOKEN`";
	return new SwarmError(
		"refused",
		`Cannot start the node: its cluster has forgotten it (${by}, ${new Date(revokedAtMs).toISOString()}); what ran here is kept in ${kept}, ${way}`,
	);
}
