// A further process inside a running container, through `swarm-init exec`, with its streams as pipes to this process.

import { spawn } from "node:child_process";
import { constants } from "node:os";
import { SwarmError } from "../errors.js";
import type { Container } from "./container.js";
import type { ExecRequest, ExecSession } from "./runtime.js";

/** Throws `conflict` unless the container runs, `usage` without a command. */
export function execIn(container: Container, request: ExecRequest, initPath: string): ExecSession {
	const { pid, phase } = container.state;
	if (phase !== "running" || pid === null)
		throw new SwarmError("conflict", `Cannot exec in ${container.id}: it is ${phase}, wanted running`, {
			details: { container: container.id, phase },
		});
	const child = spawn(initPath, execArguments(container.directory.path, pid, request), { stdio: "pipe" });
	const exit = new Promise<number>((resolve, reject) => {
		child.once("error", (thrown) =>
			reject(new SwarmError("failed", `Cannot exec in ${container.id}: ${thrown.message}`, { cause: thrown })),
		);
		child.once("exit", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
	});
	// Whoever does not ask for the exit code must not crash the daemon by it.
	exit.catch(() => {});
	child.stdin.on("error", () => {});
	return {
		stdin: child.stdin,
		stdout: child.stdout,
		stderr: child.stderr,
		exit,
		kill: () => void child.kill("SIGKILL"),
	};
}

/** Pure: the command line of native/README.md. */
export function execArguments(directory: string, pid: number, request: ExecRequest): readonly string[] {
	if (request.command.length === 0)
		throw new SwarmError("usage", "Cannot exec: the command is empty, wanted a program");
	return [
		"exec",
		directory,
		"--pid",
		String(pid),
		...(request.user === null ? [] : ["--user", request.user]),
		...(request.workdir === null ? [] : ["--workdir", request.workdir]),
		...Object.entries(request.env).flatMap(([name, value]) => ["--env", `${name}=${value}`]),
		"--",
		...request.command,
	];
}
