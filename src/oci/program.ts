// Runs swarm-oci (src/native/oci) with the standard streams that this process was given. Its answers come on a pipe of their own, so
// that nothing stands between the container and its streams.

import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { SwarmError } from "../errors.js";

export type Action = "create" | "run" | "start" | "kill" | "poststop" | "exec";

export interface ProgramCall {
	readonly action: Action;
	/** Absolute. */
	readonly directory: string;
	/** Behind the directory. */
	readonly args?: readonly string[];
	/** Descriptors from 3 on that are handed on. */
	readonly preserveFds?: number;
	/** For what waits in the foreground: signals are passed on. */
	readonly passesSignals?: boolean;
	/** Called when it has read what it needs, or failed: its answers have ended. */
	readonly onAnswered?: () => void;
}

export interface ProgramEnd {
	readonly code: number;
	readonly warnings: readonly string[];
	/** null when it did what it should. */
	readonly failure: string | null;
}

/** What is never passed on: faults of this process, and what cannot be caught. */
const notPassed = new Set([
	"SIGKILL",
	"SIGSTOP",
	"SIGCHLD",
	"SIGSEGV",
	"SIGBUS",
	"SIGILL",
	"SIGFPE",
	"SIGABRT",
	"SIGTRAP",
	"SIGPROF",
]);
const OUTPUT_BYTES_MAX = 1024 * 1024;

export async function runProgram(call: ProgramCall): Promise<ProgramEnd> {
	const preserved = Array.from({ length: call.preserveFds ?? 0 }, (_, index) => index + 3);
	const answers = 3 + preserved.length;
	const args = [call.action, call.directory, String(answers), ...(call.args ?? [])];
	const child = spawn(programPath(), args, { stdio: ["inherit", "inherit", "inherit", ...preserved, "pipe"], env: {} });
	const release = call.passesSignals ? passSignals((signal) => child.kill(signal)) : () => {};
	let said = "";
	child.stdio[answers]?.on("data", (bytes: Buffer) => {
		if (said.length < OUTPUT_BYTES_MAX) said += bytes.toString();
	});
	child.stdio[answers]?.once("end", () => call.onAnswered?.());
	const code = await new Promise<number>((resolve, reject) => {
		child.once("error", reject);
		child.once("close", (exitCode, signal) => resolve(exitCode ?? 128 + constants.signals[signal as NodeJS.Signals]));
	}).finally(release);
	const lines = said.split("\n");
	const failure = lines.find((line) => line.startsWith("E "))?.slice(2) ?? null;
	return {
		code,
		warnings: lines.filter((line) => line.startsWith("W ")).map((line) => line.slice(2)),
		failure: failure ?? (code === 0 || call.passesSignals ? null : `swarm-oci ${call.action} ended with ${code}`),
	};
}

function passSignals(pass: (signal: NodeJS.Signals) => void): () => void {
	const names = (Object.keys(constants.signals) as NodeJS.Signals[]).filter((name) => !notPassed.has(name));
	const listeners = names.flatMap((name) => {
		const listener = () => pass(name);
		try {
			process.on(name, listener);
			return [[name, listener] as const];
		} catch {
			return [];
		}
	});
	return () => {
		for (const [name, listener] of listeners) process.off(name, listener);
	};
}

export function packageVersion(): string {
	return (JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { version: string }).version;
}

/** Beside the bundle (dist/oci.cjs): not by import.meta, which a CommonJS file does not have. */
function programPath(): string {
	const path = join(packageRoot(), "build", "native", "swarm-oci");
	if (existsSync(path)) return path;
	throw new SwarmError("unsupported", `Cannot use the native parts: ${path} is absent, wanted make -C src/native`);
}

function packageRoot(): string {
	let directory = dirname(process.argv[1] ?? process.cwd());
	while (!existsSync(join(directory, "package.json"))) {
		const parent = dirname(directory);
		if (parent === directory)
			throw new SwarmError("failed", `Cannot find the package directory above ${process.argv[1]}`);
		directory = parent;
	}
	return directory;
}
