// Runs a program that asks the machine something, and tells how it ended. Never throws: a program that is absent has not
// answered.

import { execFile } from "node:child_process";
import type { CommandFacts } from "./facts.js";

const runMsMax = 10_000;
const outputBytesMax = 256 * 1024;
const saidCharactersMax = 200;

export interface CommandAnswer extends CommandFacts {
	readonly output: string;
}

export function run(argv: readonly string[], signal: AbortSignal): Promise<CommandAnswer> {
	const [program = "", ...rest] = argv;
	const options = { signal, timeout: runMsMax, maxBuffer: outputBytesMax, killSignal: "SIGKILL" as const };
	return new Promise((resolve) => {
		execFile(program, rest, options, (error, output, complaints) => {
			const lines = `${output}\n${complaints}`.split("\n").filter((line) => line.trim() !== "");
			const said = lines.at(-1) ?? error?.message ?? "";
			resolve({ ok: error === null, said: said.trim().slice(0, saidCharactersMax), output });
		});
	});
}
