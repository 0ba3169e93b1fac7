// record.json: what the daemon must know of a container after a restart. Decoding checks version and shape, because the file
// may be torn by a power cut; a record that does not verify is reported, never guessed at.

import { readFileSync } from "node:fs";
import { SwarmError, shown } from "../errors.js";
import { type ContainerId, type OomReport, type Phase, wholeSpec } from "../model.js";
import { replaceFile } from "./replace-file.js";
import type { CreateRequest } from "./runtime.js";

export interface ContainerFile {
	readonly version: 1;
	/** /proc/sys/kernel/random/boot_id at the time of writing: another one means that nothing of it can still run. */
	readonly bootId: string;
	readonly request: CreateRequest;
	/** Highest epoch that was seen for the container. */
	readonly epoch: number;
	readonly revision: number;
	readonly phase: Phase;
	readonly createdAtMs: number;
	readonly startedAtMs: number | null;
	readonly finishedAtMs: number | null;
	readonly exitCode: number | null;
	readonly oomKilled: boolean;
	/** Absent from records of older versions. */
	readonly oom?: OomReport | null;
	readonly error: string | null;
	readonly move: string | null;
	/** Of its user namespace. Absent in records from before. */
	readonly firstId?: number | null;
	/** Name of its cgroups where that is not its own (cgroup/cgroups.ts). Absent in records from before. */
	readonly cgroupName?: string | null;
}

/** Replaces the file in one step. `durable` also survives a power cut. */
export function writeRecord(path: string, record: ContainerFile, durable: boolean): void {
	replaceFile(path, JSON.stringify(record), durable);
}

/** null when there is none; `corrupt` when it does not verify. */
export function readRecord(path: string, container: ContainerId): ContainerFile | null {
	let text: string;
	try {
		text = readFileSync(path, "utf8");
	} catch (thrown) {
		if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return null;
		throw thrown;
	}
	return decodeRecord(text, container);
}

export function decodeRecord(text: string, container: ContainerId): ContainerFile {
	let record: ContainerFile;
	try {
		record = JSON.parse(text) as ContainerFile;
	} catch (thrown) {
		throw corrupt(container, "it is not JSON", thrown);
	}
	if (record?.version !== 1) throw corrupt(container, `its version is ${shown(record?.version)}, wanted 1`);
	if (record.request?.container !== container) throw corrupt(container, "it is another container's");
	if (!Number.isSafeInteger(record.epoch) || typeof record.phase !== "string" || record.request.spec === undefined)
		throw corrupt(container, "fields are missing");
	return { ...record, request: { ...record.request, spec: wholeSpec(record.request.spec) } };
}

export function readBootId(): string {
	return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

function corrupt(container: ContainerId, why: string, cause?: unknown): SwarmError {
	return new SwarmError("corrupt", `Cannot read the record of ${container}: ${why}`, { details: { container }, cause });
}
