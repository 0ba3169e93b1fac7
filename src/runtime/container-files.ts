// The calls of the runtime port that are about the files of a container: out of it, into it, and what it wrote as a layer.

import { SwarmError } from "../errors.js";
import { type AssemblyParts, build, moveFilesIn } from "./assembly.js";
import type { Container } from "./container.js";
import { readFilesOf, writeFilesTo } from "./files.js";
import { packWrittenLayer } from "./image/written-layer.js";
import type { Roster } from "./roster.js";
import type { Runtime } from "./runtime.js";

export type ContainerFiles = Pick<Runtime, "createFrom" | "readFiles" | "writeFiles" | "withWrittenLayer">;

/** `copyProgram`: swarm-copy. */
export function createContainerFiles(roster: Roster, parts: AssemblyParts, copyProgram: string): ContainerFiles {
	const { native } = parts;
	return {
		createFrom(request, files, signal) {
			const make = async (container: Container) => {
				moveFilesIn(container.directory, files);
				await build(container, parts, { durable: true, signal });
			};
			return roster.makeNew("create", request, make, false);
		},
		async readFiles(id, path, name, signal) {
			return readFilesOf(roster.find("copy from", id), { path, name }, copyProgram, signal);
		},
		async writeFiles(id, path, how, tar, signal) {
			await writeFilesTo(roster.find("copy into", id), { path, how, tar }, copyProgram, signal);
		},
		async withWrittenLayer(id, take, signal) {
			const { epoch } = roster.find("commit", id).state;
			return roster.alone("commit", id, epoch, async (container) => {
				const { phase } = container.state;
				if (!["created", "running", "paused", "stopped", "failed"].includes(phase))
					throw new SwarmError("conflict", `Cannot commit ${id}: it is ${phase}, wanted running, paused or stopped`);
				// Below the phase: a daemon that is killed meanwhile leaves one that the next takes for paused, and lets go on.
				if (phase === "running") container.perform(["freeze"]);
				try {
					return await take(packWrittenLayer(container.directory.upper, native, signal));
				} finally {
					if (phase === "running") await container.letRunOrPause();
				}
			});
		},
	};
}
