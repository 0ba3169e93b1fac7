// Runs a command in this process, as typed, and gives back what it left: standard output, standard error, exit code.

import { Config } from "@oclif/core/config";
import { vi } from "vitest";
import type { BaseCommand } from "../../src/cli/base-command.js";

type CommandClass = (new (argv: string[], config: Config) => BaseCommand) & { id: string };

export interface Ran {
	readonly stdout: string;
	readonly stderr: string;
	readonly exitCode: number;
}

/** Holds no manifest: nothing here depends on what was built. */
const root = new URL(".", import.meta.url).pathname;
const pjson = { name: "stratoswarm", version: "0.0.0", oclif: { bin: "swarm", topicSeparator: " ", commands: null } };
let config: Promise<Config> | null = null;

/** `command`: its words, `node ls`; `argv`: what is typed after them. */
export async function runCommand(
	Class: abstract new (...args: never[]) => BaseCommand,
	command: string,
	argv: readonly string[],
): Promise<Ran> {
	config ??= Config.load({ root, pjson: pjson as never });
	const Command = Class as unknown as CommandClass;
	const [stdout, stderr] = [capture(process.stdout), capture(process.stderr)];
	const before = process.exitCode;
	// Elsewhere oclif warns of a command whose arguments could not be parsed, on standard error.
	vi.stubEnv("NODE_ENV", "production");
	process.exitCode = undefined;
	try {
		Command.id = command.replaceAll(" ", ":");
		await (new Command([...argv], await config) as unknown as { _run(): Promise<unknown> })._run();
		return { stdout: stdout.text(), stderr: stderr.text(), exitCode: Number(process.exitCode ?? 0) };
	} finally {
		process.exitCode = before;
		vi.stubEnv("NODE_ENV", "test");
		stdout.restore();
		stderr.restore();
	}
}

function capture(stream: NodeJS.WriteStream): { text(): string; restore(): void } {
	const parts: Buffer[] = [];
	const spy = vi.spyOn(stream, "write").mockImplementation((part) => {
		parts.push(Buffer.from(part as Uint8Array));
		return true;
	});
	return { text: () => Buffer.concat(parts).toString(), restore: () => spy.mockRestore() };
}
