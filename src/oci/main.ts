// `swarm oci`: an OCI runtime (runtime-spec 1.x) that podman and containerd can call. A script of its own (dist/oci.cjs): every call
// of theirs starts it, so it loads nothing that it does not need. Failures go to standard error and to --log; the exit code is 1.

import { appendFileSync } from "node:fs";
import { resolve } from "node:path";
import { asSwarmError } from "../errors.js";
import { type Arguments, isGiven, type OptionForms, optionOf, parseArguments, usage } from "./arguments.js";
import type { Command, Context } from "./commands/command.js";
import { create } from "./commands/create.js";
import { deleteCommand } from "./commands/delete.js";
import { exec } from "./commands/exec.js";
import { features } from "./commands/features.js";
import { kill } from "./commands/kill.js";
import { pause, resume } from "./commands/pause.js";
import { ps } from "./commands/ps.js";
import { run } from "./commands/run.js";
import { spec } from "./commands/spec.js";
import { start } from "./commands/start.js";
import { state } from "./commands/state.js";
import { update } from "./commands/update.js";
import { SPEC_VERSION } from "./config/container-plan.js";
import { packageVersion } from "./program.js";
import { DEFAULT_ROOT } from "./store.js";

export const commands: Readonly<Record<string, Command>> = {
	create,
	start,
	state,
	kill,
	delete: deleteCommand,
	run,
	exec,
	ps,
	pause,
	resume,
	update,
	features,
	spec,
};

export const globalOptions: OptionForms = {
	root: { takesValue: true, says: `directory of the containers (${DEFAULT_ROOT})` },
	log: { takesValue: true, says: "file that failures are written to as well" },
	"log-format": { takesValue: true, says: "text (the default) or json" },
	"log-level": { takesValue: true, says: "error (the default), warn, info or debug: whether warnings are logged" },
	debug: { takesValue: false, says: "as --log-level debug" },
	"systemd-cgroup": { takesValue: false, says: "refused: cgroups are made without systemd" },
	"cgroup-manager": { takesValue: true, says: "cgroupfs; anything else is refused" },
	rootless: { takesValue: true, says: "accepted for runc's callers; root is needed" },
	version: { takesValue: false, alias: "v", says: "print the version" },
	help: { takesValue: false, alias: "h", says: "print this" },
};

/** Gives the exit code; never throws. */
export async function main(argv: readonly string[]): Promise<number> {
	let log: Log = { file: null, json: false, warns: false };
	try {
		const given = parseArguments(argv, globalOptions, 1);
		log = logOf(given);
		checkGlobals(given);
		return await dispatch(given, log);
	} catch (thrown) {
		const { message } = asSwarmError(thrown, "run swarm oci");
		tell(log, "error", message);
		process.stderr.write(`${message}\n`);
		return 1;
	}
}

async function dispatch(given: Arguments, log: Log): Promise<number> {
	const [name, ...rest] = given.positional;
	const print = (text: string) => void process.stdout.write(text);
	if (isGiven(given, "version")) {
		print(`swarm-oci version ${packageVersion()}\nspec: ${SPEC_VERSION}\n`);
		return 0;
	}
	if (name === undefined || isGiven(given, "help")) {
		print(help());
		return name === undefined && !isGiven(given, "help") ? 1 : 0;
	}
	const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
	if (command === undefined) throw usage(`there is no sub-command ${name}`);
	const forms = { ...command.options, help: { takesValue: false, alias: "h", says: "" } };
	const own = parseArguments(rest, forms, command.runsProgram === true ? 1 : Number.POSITIVE_INFINITY);
	if (isGiven(own, "help")) {
		print(helpOf(name, command));
		return 0;
	}
	checkWords(name, command, own.positional);
	// Callers show what is on standard error of a call that fails as its reason.
	const warnings: string[] = [];
	const warn = (text: string) => void warnings.push(text);
	const context: Context = { root: resolve(optionOf(given, "root") ?? DEFAULT_ROOT), print, warn };
	const code = await command.run(own, context);
	for (const warning of warnings) tell(log, "warning", warning);
	return code;
}

function checkWords(name: string, { words, runsProgram }: Command, given: readonly string[]): void {
	const most = words === "" ? 0 : words.split(" ").length;
	if (words.startsWith("ID") && given.length === 0) throw usage(`${name} wants a container id`);
	if (given.length > most && runsProgram !== true) throw usage(`${name} takes no ${given[most]}`);
}

function checkGlobals(given: Arguments): void {
	const manager = optionOf(given, "cgroup-manager") ?? "cgroupfs";
	if (isGiven(given, "systemd-cgroup") || manager !== "cgroupfs")
		throw usage(
			`cgroups are made without systemd (${manager === "cgroupfs" ? "--systemd-cgroup" : manager}), wanted cgroupfs`,
		);
	const format = optionOf(given, "log-format") ?? "text";
	if (format !== "text" && format !== "json") throw usage(`--log-format is ${format}, wanted text or json`);
}

interface Log {
	readonly file: string | null;
	readonly json: boolean;
	readonly warns: boolean;
}

function logOf(given: Arguments): Log {
	const warns = isGiven(given, "debug") || !["error", "fatal", "panic", null].includes(optionOf(given, "log-level"));
	return { file: optionOf(given, "log"), json: optionOf(given, "log-format") === "json", warns };
}

/** podman reads the whole file as one record, so warnings stay out unless they are asked for. */
function tell({ file, json, warns }: Log, level: "error" | "warning", msg: string): void {
	if (file === null) {
		if (level === "warning") process.stderr.write(`${msg}\n`);
		return;
	}
	if (level === "warning" && !warns) return;
	const time = new Date().toISOString();
	const line = json
		? JSON.stringify({ level, msg, time })
		: `time=${JSON.stringify(time)} level=${level} msg=${JSON.stringify(msg)}`;
	try {
		appendFileSync(file, `${line}\n`);
	} catch (thrown) {
		process.stderr.write(`Cannot write --log ${file}: ${String(thrown)}\n`);
	}
}

function help(): string {
	const rows = Object.entries(commands).map(([name, { words, summary }]) => [`${name} ${words}`, summary] as const);
	return [
		"An OCI runtime: makes containers from bundles (config.json and a root file system), without the daemon.",
		"",
		"USAGE  swarm oci [GLOBAL OPTION…] SUB-COMMAND [OPTION…] ID",
		"",
		...rows.map(([left, right]) => `  ${left.padEnd(28)}${right}`),
		"",
		"GLOBAL OPTIONS",
		...optionLines(globalOptions),
		"",
		"`swarm oci SUB-COMMAND --help` tells its options.",
		"",
	].join("\n");
}

function helpOf(name: string, { summary, words, options }: Command): string {
	return [`${summary}`, "", `USAGE  swarm oci ${name} [OPTION…] ${words}`, "", ...optionLines(options), ""].join("\n");
}

function optionLines(forms: OptionForms): readonly string[] {
	return Object.entries(forms).map(([name, { alias, takesValue, says }]) => {
		const left = `--${name}${takesValue ? " VALUE" : ""}${alias === undefined ? "" : `, -${alias}`}`;
		return `  ${left.padEnd(28)}${says}`;
	});
}
