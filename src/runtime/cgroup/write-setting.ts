// One write of a limit into a cgroup, with an error that says what the kernel did not take. Never retries.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { SwarmError } from "../../errors.js";
import type { ContainerId } from "../../model.js";
import type { Write } from "./limits.js";

/** `refused` with the file and the value when the kernel does not take it. */
export function writeSetting(container: ContainerId, directory: string, write: Write): void {
	const path = join(directory, write.file);
	if (write.optional && !existsSync(path)) return;
	const value = write.value ?? readFileSync(join(dirname(directory), write.file), "utf8");
	try {
		writeFileSync(path, value, { flag: "r+" });
	} catch (cause) {
		const shown = value.trim() === "" ? "no limit" : value.trim();
		throw new SwarmError(
			"refused",
			`Cannot limit ${container}: ${write.file} does not take ${shown}: ${reasonOf(cause)}`,
			{ details: { container, file: write.file, value: shown }, cause },
		);
	}
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
