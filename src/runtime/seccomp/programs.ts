// Compiled seccomp programs as files, `<directory>/<digest>.bpf`: an array of struct sock_filter that the init loads as it is. Each
// profile is compiled once; a start only names the file. Files are synced and renamed, so that one that is there is whole; what a power
// cut left of one that was not is made anew.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SwarmError } from "../../errors.js";
import type { SeccompProfile } from "../../model.js";
import { compileSeccomp } from "./compile.js";
import { ownArchitecture } from "./syscall-numbers.js";

/** Rises when the compiler gives another program for the same profile. */
const COMPILER = 1;
/** Of struct sock_filter. */
const INSTRUCTION_BYTES = 8;

export interface SeccompPrograms {
	/** Where the program of a profile is; compiles it when it is new (a few ms). */
	pathOf(profile: SeccompProfile): string;
	/** Removes the programs of all other profiles. */
	keepOnly(profiles: readonly SeccompProfile[]): void;
}

export function openSeccompPrograms(directory: string): SeccompPrograms {
	/** Digests of profiles that were asked for as the same object: our own two, for nearly every container. */
	const known = new WeakMap<SeccompProfile, string>();
	const nameOf = (profile: SeccompProfile) => {
		const name = known.get(profile) ?? `${digestOf(profile)}.bpf`;
		known.set(profile, name);
		return name;
	};
	return {
		pathOf(profile) {
			const path = join(directory, nameOf(profile));
			if (!isWhole(path)) write(directory, path, compiled(profile));
			return path;
		},
		keepOnly(profiles) {
			const kept = new Set(profiles.map(nameOf));
			if (!existsSync(directory)) return;
			for (const name of readdirSync(directory)) if (!kept.has(name)) rmSync(join(directory, name), { force: true });
		},
	};
}

/** Delayed allocation can leave the name of a file whose bytes never came to the disk. */
function isWhole(path: string): boolean {
	const bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
	return bytes > 0 && bytes % INSTRUCTION_BYTES === 0;
}

function compiled(profile: SeccompProfile): Uint8Array {
	const architecture = ownArchitecture();
	if (architecture === null)
		throw new SwarmError(
			"refused",
			`Cannot compile a seccomp profile: this machine is ${process.arch}, wanted x64 or arm64`,
		);
	return compileSeccomp(profile, architecture);
}

function digestOf(profile: SeccompProfile): string {
	return createHash("sha256")
		.update(`${COMPILER} ${JSON.stringify(profile)}`)
		.digest("hex");
}

function write(directory: string, path: string, program: Uint8Array): void {
	mkdirSync(directory, { recursive: true, mode: 0o700 });
	const temporary = `${path}.${process.pid}`;
	writeFileSync(temporary, program, { mode: 0o600, flush: true });
	renameSync(temporary, path);
}
