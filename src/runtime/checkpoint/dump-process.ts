// One run of `swarm-criu dump`: starts it, reads what its hook says, and can end one that an earlier daemon left. CRIU survives
// the daemon: what it freezes stays frozen, and the record says whose it is.

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { Clock } from "../../clock.js";
import { SwarmError } from "../../errors.js";
import type { Native } from "../../native/native.js";
import type { ContainerDirectory } from "../container-directory.js";

export interface DumpReport {
	/** CLOCK_MONOTONIC, before the first task was stopped. */
	readonly freezingAtNs: bigint;
	/** The upper layer holds kept link remaps (link-remaps.ts). */
	readonly hasRemaps: boolean;
	/** CRIU is gone. */
	readonly ended: Promise<void>;
}

const LINES_MAX = 16;
const LOG_BYTES_MAX = 1_024;
const SIGKILL = 9;
/** A dump that an earlier daemon started may still be writing memory to the disk. */
const LEFTOVER_MS_MAX = 20_000;
const LEFTOVER_PAUSE_MS = 20;
/** SW_CRIU_GIVE_UP of criu/hook.h. */
const GIVE_UP = "give-up";
/** For CRIU to come to one of its hooks. */
const GIVE_UP_MS_MAX = 20_000;

export interface DumpProgram {
	readonly path: string;
	readonly commandFile: string;
	readonly container: string;
	/** Where dump.log is. */
	readonly workDirectory: string;
	readonly imageDirectory: string;
	/** Complaints of the launcher and the hook. */
	readonly stderrPath: string;
}

/**
 * Resolves when the container is frozen and the image whole; CRIU then lets go of the tasks and the network lock while the
 * transfer begins. On an abort before that CRIU is told by its next hook to take all back; it is killed when it comes to none: a task that it
 * works in at that moment may not survive that.
 */
export async function runDump(program: DumpProgram, clock: Clock, signal: AbortSignal): Promise<DumpReport> {
	signal.throwIfAborted();
	const complaints = openSync(program.stderrPath, "a", 0o600);
	const stdio: ["ignore", "pipe", number] = ["ignore", "pipe", complaints];
	const options = { stdio, env: {} };
	const child = spawn(program.path, ["dump", program.commandFile], options) as ChildProcessByStdio<
		null,
		Readable,
		null
	>;
	closeSync(complaints);
	let cancelKill = () => {};
	const onAbort = () => {
		cancelKill = clock.after(GIVE_UP_MS_MAX, () => child.kill("SIGKILL"));
		try {
			writeFileSync(join(program.imageDirectory, GIVE_UP), "");
		} catch {
			// The disk is full: the dump fails by itself, or is killed.
		}
	};
	signal.addEventListener("abort", onAbort, { once: true });
	const lines: string[] = [];
	const ended = new Promise<number | string>((resolve, reject) => {
		child.on("error", reject);
		child.on("close", (exit, killed) => resolve(exit ?? killed ?? "nothing"));
	});
	const frozen = new Promise<true>((resolve) => {
		createInterface(child.stdout).on("line", (line) => {
			if (lines.length < LINES_MAX) lines.push(line);
			if (line === "frozen") resolve(true);
		});
	});
	try {
		const outcome = await Promise.race([frozen, ended]);
		signal.throwIfAborted();
		const freezing = lines.find((line) => line.startsWith("freezing "));
		if (outcome !== true || freezing === undefined) throw dumpFailure(program, String(outcome));
		const hasRemaps = lines.includes("remaps");
		return { freezingAtNs: BigInt(freezing.slice("freezing ".length)), hasRemaps, ended: ended.then(() => {}) };
	} finally {
		signal.removeEventListener("abort", onAbort);
		cancelKill();
		ended.catch(() => {});
	}
}

/** CRIU's own words, for the message of a failed dump or restore. */
export function lastErrors(path: string): string {
	try {
		const errors = readFileSync(path, "utf8")
			.split("\n")
			.filter((line) => line.includes("Error") && !line.includes("RLIMIT_NOFILE"));
		return errors.slice(-3).join("; ").slice(0, LOG_BYTES_MAX);
	} catch {
		return "";
	}
}

export function pidFileOf(directory: ContainerDirectory): string {
	return join(directory.path, "dump.pid");
}

/** Waits for a dump that an earlier daemon started, and kills it when it does not end. */
export async function settleLeftover(directory: ContainerDirectory, native: Native, clock: Clock): Promise<void> {
	const path = pidFileOf(directory);
	const endMs = clock.monotonicMs() + LEFTOVER_MS_MAX;
	const forever = new AbortController().signal;
	for (let pid = runningDump(path); pid !== null; pid = runningDump(path)) {
		if (clock.monotonicMs() > endMs) native.signal(pid, SIGKILL);
		await clock.sleep(LEFTOVER_PAUSE_MS, forever);
	}
	rmSync(path, { force: true });
}

function runningDump(pidFile: string): number | null {
	try {
		const [pid = "", startTicks] = readFileSync(pidFile, "utf8").trim().split(" ");
		const stat = readFileSync(`/proc/${Number(pid)}/stat`, "utf8");
		// Fields after the command, which may hold anything: state is field 3, start time field 22 of proc(5).
		const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
		return fields[19] === startTicks && fields[0] !== "Z" ? Number(pid) : null;
	} catch {
		return null;
	}
}

function dumpFailure(program: DumpProgram, code: number | string): SwarmError {
	const said = lastErrors(join(program.workDirectory, "dump.log"));
	return new SwarmError(
		"failed",
		`Cannot checkpoint ${program.container}: CRIU ended with ${code}${said && `: ${said}`}`,
		{
			details: { container: program.container, code, log: said },
		},
	);
}
