// Starts a daemon of its own session and waits for its word: the configuration goes in through its standard input (so that no
// token stands in a process list), one JSON line comes back through descriptor 3 when it is usable or has failed.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { type ErrorData, SwarmError } from "../errors.js";
import type { JoinLine, Ping } from "./api/contract.js";
import type { DaemonConfig } from "./config.js";

export interface StartReport {
	readonly ping: Ping;
	/** How the next node joins: told by the founder of a cluster; null for who joins it or is started again. */
	readonly join: JoinLine | null;
}

export type ReadyLine = { readonly ready: StartReport } | { readonly error: ErrorData };

export const LOG_NAME = "daemon.log";

/**
 * `program`: the daemon's bundle. `within`: a command that becomes the daemon's program, such as nsenter(1). Code of the
 * daemon's own error when it could not start.
 */
export async function launchDaemon(
	config: DaemonConfig,
	program: string,
	signal: AbortSignal,
	within: readonly string[] = [],
): Promise<StartReport> {
	signal.throwIfAborted();
	const made = (await mkdir(config.stateDirectory, { recursive: true, mode: 0o700 })) ?? null;
	const log = await open(join(config.stateDirectory, LOG_NAME), "a", 0o600);
	try {
		const [command = process.execPath, ...args] = [...within, process.execPath, "--enable-source-maps", program];
		const child = spawn(command, args, {
			detached: true,
			cwd: "/",
			stdio: ["pipe", log.fd, log.fd, "pipe"],
		});
		child.stdin?.end(JSON.stringify(config));
		const ended = once(child, "close");
		const line = await firstLine(child.stdio[3] as Readable, signal).catch(async (thrown: unknown) => {
			// Nobody would know of a daemon that becomes usable later.
			child.kill();
			await ended;
			throw thrown;
		});
		if (line === null)
			throw new SwarmError(
				"failed",
				`Cannot start the node: its daemon ended before it was ready, see ${join(config.stateDirectory, LOG_NAME)}`,
			);
		const word = JSON.parse(line) as ReadyLine;
		if ("ready" in word) {
			child.unref();
			return word.ready;
		}
		await ended;
		throw await startFailure(SwarmError.fromJSON(word.error), made);
	} finally {
		await log.close();
	}
}

/**
 * A node that could not start for a reason that the user can mend leaves nothing of a state directory that this start made
 * (`made`: its uppermost new directory, null when all were there). After an unforeseen failure the log stays.
 */
export async function startFailure(error: SwarmError, made: string | null): Promise<SwarmError> {
	if (made !== null && error.code !== "failed") await rm(made, { recursive: true, force: true });
	return error;
}

/** The daemon's program beside this one in the bundle. */
export function daemonProgram(): string {
	return fileURLToPath(new URL("../node/main.js", import.meta.url));
}

async function firstLine(stream: Readable, signal: AbortSignal): Promise<string | null> {
	const onAbort = () => stream.destroy(new SwarmError("aborted", "Cannot wait for the daemon: interrupted"));
	signal.addEventListener("abort", onAbort, { once: true });
	if (signal.aborted) onAbort();
	try {
		let text = "";
		for await (const part of stream.setEncoding("utf8")) {
			text += part as string;
			if (text.includes("\n")) return text.slice(0, text.indexOf("\n"));
		}
		return null;
	} finally {
		signal.removeEventListener("abort", onAbort);
	}
}
