// What a daemon remembers of itself between two starts, apart from secrets (mesh/) and records (crdt/).

import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { SwarmError } from "../errors.js";
import { readBootId } from "../runtime/record.js";
import { configFile, type DaemonConfig } from "./config.js";

/** Everything but the join, which is for once. */
export async function keepConfig(config: DaemonConfig): Promise<void> {
	const { join: _once, ...kept } = config;
	await writeDurably(configFile(config.stateDirectory), JSON.stringify(kept, null, "\t"));
}

/** One daemon a state directory: a lock file with our pid, its start time and the boot, for both come again after a power cut. Gives the release; code `conflict` when another lives. */
export async function lockState(path: string): Promise<() => Promise<void>> {
	await mkdir(dirname(path), { recursive: true, mode: 0o700 });
	for (let attempt = 0; attempt < 2; attempt++) {
		try {
			const file = await open(path, "wx", 0o600);
			await file.writeFile(`${process.pid} ${await startTimeOf(process.pid)} ${readBootId()}\n`);
			await file.close();
			return () => rm(path, { force: true });
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
		}
		const [pid, startTime, boot] = (await readFile(path, "utf8").catch(() => "")).trim().split(" ");
		const isOfThisBoot = boot === undefined || boot === readBootId();
		if (isOfThisBoot && startTime !== undefined && (await startTimeOf(Number(pid))) === startTime)
			throw new SwarmError(
				"conflict",
				`Cannot start the node: a daemon (pid ${pid}) already runs in ${dirname(path)}, stop it with \`swarm node stop\``,
			);
		await rm(path, { force: true });
	}
	throw new SwarmError("conflict", `Cannot start the node: ${path} is being taken by another start, try again`);
}

/** Start time in clock ticks (proc_pid_stat(5), field 22): a pid with another one is another process. A zombie has ended. */
async function startTimeOf(pid: number): Promise<string | null> {
	const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
	const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
	return fields[0] === "Z" ? null : (fields[19] ?? null);
}

export async function writeDurably(path: string, text: string): Promise<void> {
	const temporary = `${path}.new`;
	const file = await open(temporary, "w", 0o600);
	try {
		await file.writeFile(text);
		await file.sync();
	} finally {
		await file.close();
	}
	await rename(temporary, path);
}
