// One daemon a state directory: it holds a lock on a file that says who it is, with its start time and the boot, for all
// numbers come again after a power cut.

import { type FileHandle, mkdir, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { SwarmError } from "../errors.js";
import { tryLockFile } from "../native/file-lock.js";
import { readBootId } from "../runtime/record.js";

/** Gives the release. Code `conflict` when a daemon lives there. */
export async function lockState(stateDirectory: string): Promise<() => Promise<void>> {
	await mkdir(stateDirectory, { recursive: true, mode: 0o700 });
	// Never removed: a start that has it open would lock a file that nobody else finds.
	const file = await open(lockPath(stateDirectory), "a", 0o600);
	try {
		if (!tryLockFile(file.fd)) throw await alreadyRuns(stateDirectory);
		await file.truncate();
		await file.writeFile(`${process.pid} ${await startTimeOf(process.pid)} ${readBootId()}\n`);
	} catch (thrown) {
		await file.close();
		throw thrown;
	}
	return () => release(file);
}

/** pid of the daemon that lives in the state directory; null when none does. */
export async function daemonPidOf(stateDirectory: string): Promise<number | null> {
	const text = await readFile(lockPath(stateDirectory), "utf8").catch(() => "");
	const [pid, startTime, boot] = text.trim().split(" ");
	if (!pid || !startTime || boot !== readBootId()) return null;
	return (await startTimeOf(Number(pid))) === startTime ? Number(pid) : null;
}

async function release(file: FileHandle): Promise<void> {
	await file.truncate();
	await file.close();
}

async function alreadyRuns(stateDirectory: string): Promise<SwarmError> {
	const pid = await daemonPidOf(stateDirectory);
	return new SwarmError(
		"conflict",
		`Cannot start the node: a daemon${pid === null ? "" : ` (pid ${pid})`} already runs in ${stateDirectory}, stop it with \`swarm node stop\``,
	);
}

function lockPath(stateDirectory: string): string {
	return join(stateDirectory, "lock");
}

/** Start time in clock ticks (proc_pid_stat(5), field 22): a pid with another one is another process. A zombie has ended. */
async function startTimeOf(pid: number): Promise<string | null> {
	const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
	const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
	return fields[0] === "Z" ? null : (fields[19] ?? null);
}
