// The containers of one --root: a directory each, `<root>/<id>/`, with what later calls must know. A container is there from the first
// mkdir to the last rm, so that of two creates of one id one is refused.
//
// record.json  what create was told and made (ContainerRecord); last: a directory without it is still "creating"
// config.json  the configuration at that moment: later changes of the bundle change nothing (runtime.md#create)
// plan         what swarm-oci does
// pid          written by swarm-oci: `<pid> <start time>`
// start        socket that the created container waits on; gone when it has been started

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SwarmError } from "../errors.js";
import type { ContainerCgroups } from "./cgroup-trees.js";
import { isFrozen } from "./cgroups.js";

export const DEFAULT_ROOT = "/run/swarm-oci";

export interface ContainerRecord {
	readonly id: string;
	readonly bundle: string;
	readonly rootfs: string;
	readonly cgroups: ContainerCgroups;
	readonly annotations: Readonly<Record<string, string>>;
	/** ISO 8601. */
	readonly created: string;
	readonly terminal: boolean;
	readonly hasProcess: boolean;
	readonly hasPoststop: boolean;
}

/** runtime.md#state; `paused` is what runc and crun add to it. */
export type ContainerStatus = "creating" | "created" | "running" | "paused" | "stopped";

export interface StoredContainer {
	readonly directory: string;
	readonly record: ContainerRecord;
}

const idForm = /^[A-Za-z0-9][A-Za-z0-9_.+-]{0,1023}$/;

export function checkId(id: string): string {
	if (idForm.test(id)) return id;
	throw new SwarmError(
		"usage",
		`Cannot use the container id ${JSON.stringify(id)}: wanted letters, digits and _ . + -, not first`,
	);
}

/** `conflict` when the id is taken (runtime.md#create: ids are unique). */
export function claim(root: string, id: string): string {
	const directory = join(root, checkId(id));
	mkdirSync(root, { recursive: true, mode: 0o700 });
	try {
		mkdirSync(directory, { mode: 0o700 });
		return directory;
	} catch (thrown) {
		if ((thrown as NodeJS.ErrnoException).code !== "EEXIST") throw thrown;
		throw new SwarmError("conflict", `Cannot create ${id}: a container of that id exists in ${root}`);
	}
}

export function putRecord(directory: string, record: ContainerRecord): void {
	writeFileSync(join(directory, "record.new"), JSON.stringify(record), { mode: 0o600 });
	renameSync(join(directory, "record.new"), join(directory, "record.json"));
}

/** `not-found` without such a container. */
export function find(root: string, id: string): StoredContainer {
	const directory = join(root, checkId(id));
	try {
		return { directory, record: JSON.parse(readFileSync(join(directory, "record.json"), "utf8")) as ContainerRecord };
	} catch (thrown) {
		if ((thrown as NodeJS.ErrnoException).code !== "ENOENT") throw thrown;
		throw new SwarmError("not-found", `Cannot find ${id}: container does not exist in ${root}`);
	}
}

export function forget(directory: string): void {
	rmSync(directory, { recursive: true, force: true });
}

export function idsIn(root: string): readonly string[] {
	try {
		return readdirSync(root);
	} catch {
		return [];
	}
}

/** null before there is one, and when it has ended. */
export function pidOf(directory: string): number | null {
	const text = readOrNull(join(directory, "pid"));
	if (text === null) return null;
	const [pid, startTime] = text.trim().split(" ");
	const stat = readOrNull(`/proc/${pid}/stat`);
	if (stat === null) return null;
	// proc_pid_stat(5): the name in parentheses may hold anything; behind it fields 3 (state) to 22 (start time).
	const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
	return fields[19] === startTime && fields[0] !== "Z" && fields[0] !== "X" ? Number(pid) : null;
}

export function statusOf({ directory, record }: StoredContainer): ContainerStatus {
	if (readOrNull(join(directory, "pid")) === null) return "creating";
	if (pidOf(directory) === null) return "stopped";
	if (isFrozen(record.cgroups.unified)) return "paused";
	return exists(join(directory, "start")) ? "created" : "running";
}

function exists(path: string): boolean {
	return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function readOrNull(path: string): string | null {
	try {
		return readFileSync(path, "utf8");
	} catch {
		return null;
	}
}
