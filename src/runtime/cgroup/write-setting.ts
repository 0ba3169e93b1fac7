// One write of a limit into a cgroup, with an error that says what the kernel did not take. Never retries.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { SwarmError } from "../../errors.js";
import type { ContainerId } from "../../model.js";
import type { Write } from "./limits.js";

/** `refused` with the file and the value when the kernel does not take it. */
export function writeSetting(container: ContainerId, directory: string, write: Write): void {
	const prepared = prepare(directory, write);
	if (prepared === null) return;
	try {
		writeFileSync(prepared.path, prepared.value, { flag: "r+" });
	} catch (cause) {
		throw refusal(container, write.file, prepared.value, cause);
	}
}

/** The same on a thread: a memory limit is written for as long as the kernel reclaims. */
export async function changeSetting(container: ContainerId, directory: string, write: Write): Promise<void> {
	const prepared = prepare(directory, write);
	if (prepared === null) return;
	try {
		await writeFile(prepared.path, prepared.value, { flag: "r+" });
	} catch (cause) {
		throw refusal(container, write.file, prepared.value, cause);
	}
}

function prepare(directory: string, write: Write): { readonly path: string; readonly value: string } | null {
	const path = join(directory, write.file);
	if (write.optional && !existsSync(path)) return null;
	return { path, value: write.value ?? readFileSync(join(dirname(directory), write.file), "utf8") };
}

function refusal(container: ContainerId, file: string, value: string, cause: unknown): SwarmError {
	const shown = value.trim() === "" ? "no limit" : value.trim();
	const message = `Cannot limit ${container}: ${file} does not take ${shown}: ${reasonOf(cause)}`;
	return new SwarmError("refused", message, { details: { container, file, value: shown }, cause });
}

function reasonOf(thrown: unknown): string {
	const { code, message } = thrown as NodeJS.ErrnoException;
	switch (code) {
		case "EBUSY":
			return "it uses more than that";
		case "EINVAL":
		case "ERANGE":
			return "it is not valid on this machine";
		case "ENOENT":
			return "this machine has no such limit";
		case "ENODEV":
			return "there is no such device";
		default:
			return message;
	}
}
