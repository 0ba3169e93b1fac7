// Names inside a container's directory (table in native/README.md). Pure: builds paths, touches nothing.

import { join } from "node:path";
import { SwarmError } from "../errors.js";
import type { ContainerId } from "../model.js";

export interface ContainerDirectory {
	readonly path: string;
	readonly record: string;
	readonly launch: string;
	/** Overlay: the container's written files, overlay's scratch space, and the mount point. */
	readonly upper: string;
	readonly work: string;
	readonly merged: string;
	/** Empty lower directory for images without layers. */
	readonly lower: string;
	readonly dev: string;
	readonly shm: string;
	/** Directory with `stdout` and `stderr`. */
	readonly log: string;
	readonly monitorSocket: string;
	readonly exit: string;
	/** What the monitor complained about. */
	readonly stderr: string;
}

export function containerDirectoryOf(containersPath: string, container: ContainerId): ContainerDirectory {
	const path = join(containersPath, container);
	return {
		path,
		record: `${path}/record.json`,
		launch: `${path}/launch`,
		upper: `${path}/upper`,
		work: `${path}/work`,
		merged: `${path}/merged`,
		lower: `${path}/lower`,
		dev: `${path}/dev`,
		shm: `${path}/shm`,
		log: `${path}/log`,
		monitorSocket: `${path}/monitor.sock`,
		exit: `${path}/exit`,
		stderr: `${path}/stderr`,
	};
}

const idPattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.(0|[1-9][0-9]{0,3})$/;

/** The id becomes a file, cgroup and namespace name, so only `<workload>.<index>` passes. Throws `usage`. */
export function checkContainerId(container: string): ContainerId {
	if (idPattern.test(container)) return container as ContainerId;
	throw new SwarmError("usage", `Cannot use container id ${JSON.stringify(container)}: wanted <workload>.<index>`);
}
