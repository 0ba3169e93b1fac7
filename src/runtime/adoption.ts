// Finds on opening what earlier daemons left: containers that run, that ended meanwhile, that were half made. The machine's
// word (monitor, exit record, cgroup) counts for more than the record's. Must never end a container that is whole.

import { readdirSync } from "node:fs";
import { asSwarmError } from "../errors.js";
import type { Logger } from "../log.js";
import type { ContainerId, Phase } from "../model.js";
import { type Cgroups, SPARE_PREFIX } from "./cgroup/cgroups.js";
import { Container, type ContainerSurroundings } from "./container.js";
import { checkContainerId, containerDirectoryOf } from "./container-directory.js";
import { hasEnded } from "./life-cycle.js";
import { readExit } from "./monitor.js";
import type { ExitRecord } from "./monitor-protocol.js";
import { oomReportOf } from "./oom.js";
import { type ContainerFile, readRecord } from "./record.js";

export interface Found {
	readonly containers: readonly Container[];
	/** Directories, cgroups or namespaces without a readable record: to be dismantled. */
	readonly halfMade: readonly ContainerId[];
}

/** A monitor says the state as the first thing, unless it still builds. */
const FIRST_WORD_MS_MAX = 10_000;

/** Reads every container directory; `traces` are ids for which something else than a directory was found. */
export async function findContainers(
	containersPath: string,
	traces: readonly ContainerId[],
	around: ContainerSurroundings,
): Promise<Found> {
	const containers: Container[] = [];
	const halfMade = new Set<ContainerId>();
	for (const name of new Set([...readdirSync(containersPath), ...traces])) {
		const id = idOf(name, around.logger);
		if (id === null) continue;
		const record = readWhole(containersPath, id, around.logger);
		if (record === null) halfMade.add(id);
		else containers.push(containerOf(containersPath, record, around));
	}
	await Promise.all(containers.map((container) => follow(container, around)));
	return { containers, halfMade: [...halfMade] };
}

function idOf(name: string, logger: Logger): ContainerId | null {
	try {
		return checkContainerId(name);
	} catch {
		logger.warn("an entry that is no container is left alone", { name });
		return null;
	}
}

function readWhole(containersPath: string, id: ContainerId, logger: Logger): ContainerFile | null {
	try {
		return readRecord(containerDirectoryOf(containersPath, id).record, id);
	} catch (thrown) {
		logger.error("a container is removed because its record is broken", {
			container: id,
			error: asSwarmError(thrown, "read it").message,
		});
		return null;
	}
}

function containerOf(containersPath: string, record: ContainerFile, around: ContainerSurroundings): Container {
	const directory = containerDirectoryOf(containersPath, record.request.container);
	if (record.cgroupName?.startsWith(SPARE_PREFIX)) around.cgroups.adopt(record.request.container, record.cgroupName);
	const container = new Container(record.request, directory, record.phase, around);
	const { epoch, revision, createdAtMs, startedAtMs, finishedAtMs, exitCode, oomKilled, oom, error, move } = record;
	container.adopt(adoptedPhase(record, readExit(directory), around.cgroups), {
		...{ epoch, revision, createdAtMs, startedAtMs, finishedAtMs, exitCode, oomKilled, oom: oom ?? null, error, move },
		firstId: record.firstId ?? null,
		...endOf(record, readExit(directory), around),
	});
	return container;
}

/** Pure but for the freezer: the phase that record, exit record and freezer tell together. */
function adoptedPhase(record: ContainerFile, exit: ExitRecord | null, cgroups: Cgroups): Phase {
	if (hasEnded(record.phase)) return record.phase;
	if (exit !== null) return exit.reason === null ? "stopped" : "failed";
	const frozen = cgroups.isFrozen(record.request.container);
	switch (record.phase) {
		case "starting":
			return "created"; // if it ran already, the monitor says so
		case "running":
		case "pausing":
		case "paused":
		case "resuming":
		case "stopping":
			return frozen ? "paused" : "running";
		case "checkpointing": // a dump may still be at work: its own part settles it
		case "created":
		case "restoring":
		case "stopped":
		case "failed":
			return record.phase;
	}
}

function endOf(record: ContainerFile, exit: ExitRecord | null, around: ContainerSurroundings) {
	if (exit !== null) {
		const { exitCode, oomKilled, finishedAtMs, reason } = exit;
		const oom = oomKilled ? oomReportOf(around.cgroups, record.request.container, finishedAtMs) : null;
		return { exitCode, oomKilled, finishedAtMs, error: reason, ...(oom === null ? {} : { oom }) };
	}
	if (hasEnded(record.phase) || record.bootId === around.bootId) return {};
	return { error: "the machine restarted while it ran" };
}

/** Connects to the monitor of a container that has not ended, and waits for its first word. */
async function follow(container: Container, around: ContainerSurroundings): Promise<void> {
	if (hasEnded(container.state.phase)) return;
	try {
		await container.attachMonitor();
	} catch {
		loseUnlessExited(container);
		return;
	}
	try {
		const known = () => container.state.pid !== null || hasEnded(container.state.phase);
		await container.until("adopt", known, FIRST_WORD_MS_MAX, new AbortController().signal);
	} catch (thrown) {
		around.logger.warn("a monitor says nothing yet", { container: container.id, error: String(thrown) });
	}
}

/** `restoring` and `checkpointing` are for the move to judge: its copy may be frozen without a monitor. */
function loseUnlessExited(container: Container): void {
	const exit = readExit(container.directory);
	if (exit !== null) container.recordExit(exit);
	else if (container.state.phase !== "restoring" && container.state.phase !== "checkpointing")
		container.recordLoss(container.state.error ?? "its monitor ended without an exit record");
}
