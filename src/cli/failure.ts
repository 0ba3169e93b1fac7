// How a failure leaves the command line: one line on standard error (with --json the error as JSON on standard output)
// and an exit code by errors.ts. Must never print a stack: the daemon's log has it.

import { asSwarmError, exitCodeOf, SwarmError } from "../errors.js";
import { oneLine } from "./print.js";

export interface FailureContext {
	/** `node start`; null when no command was found. */
	readonly command: string | null;
	readonly argv: readonly string[];
	readonly json: boolean;
}

/** Prints the failure and returns the exit code. */
export function report(thrown: unknown, context: FailureContext): number {
	const exit = plainExitOf(thrown);
	if (exit !== null) return exit;
	const error = failureOf(thrown, context);
	if (context.json) process.stdout.write(`${JSON.stringify({ error: error.toJSON() }, null, 2)}\n`);
	else process.stderr.write(`${oneLine(error.message)}\n`);
	return exitCodeOf[error.code];
}

/** Whether `--json` stands before a `--`: also known when the rest cannot be parsed. */
export function jsonWanted(argv: readonly string[]): boolean {
	const end = argv.indexOf("--");
	return (end < 0 ? argv : argv.slice(0, end)).includes("--json");
}

interface OclifError {
	readonly code?: string;
	readonly oclif?: { readonly exit?: number };
	/** Of an error about missing arguments: which. */
	readonly args?: readonly { readonly name: string }[];
}

/** oclif ends help pages and the like by throwing an exit. */
function plainExitOf(thrown: unknown): number | null {
	const { code, oclif } = (thrown ?? {}) as OclifError;
	return code === "EEXIT" ? (oclif?.exit ?? 0) : null;
}

function failureOf(thrown: unknown, context: FailureContext): SwarmError {
	if (thrown instanceof SwarmError) return thrown;
	const typed = context.command === null ? "swarm" : `swarm ${context.command}`;
	if (!(thrown instanceof Error) || (thrown as OclifError).oclif === undefined) {
		return asSwarmError(thrown, `run \`${typed}\``);
	}
	const missing = /^command (.*) not found$/.exec(thrown.message)?.[1];
	if (missing !== undefined) {
		return new SwarmError(
			"usage",
			`Cannot run \`swarm ${missing.replaceAll(":", " ")}\`: no such command, see \`swarm --help\``,
		);
	}
	return new SwarmError("usage", `Cannot run \`${typed}\`: ${usageReason(thrown)}, see \`${typed} --help\``);
}

/** oclif's several lines about what was typed, as part of a sentence. */
function usageReason(thrown: Error): string {
	const { args } = thrown as OclifError;
	if (/^Missing \d+ required arg/.test(thrown.message) && args !== undefined) {
		return `${args.map((arg) => arg.name.toUpperCase()).join(" and ")} ${args.length === 1 ? "is" : "are"} missing`;
	}
	const message = thrown.message
		.replace(/\s*See more help with --help\s*$/, "")
		.replace(/^The following errors? occurred:\s*/, "")
		.replaceAll(/Missing required flag (\S+)/g, "--$1 is missing");
	return lowerFirst(message);
}

function lowerFirst(text: string): string {
	return text.charAt(0).toLowerCase() + text.slice(1);
}
