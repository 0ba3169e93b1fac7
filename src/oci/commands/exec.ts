// One more process in a running container: from a file (podman, containerd) or from words, with the container's own process as base.

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SwarmError } from "../../errors.js";
import { capabilityOf } from "../../native/capabilities.js";
import { type Arguments, isGiven, optionOf, usage } from "../arguments.js";
import { linuxOf, rootField, seccompEntries } from "../config/container-plan.js";
import { at, type Field, type Json, object } from "../config/fields.js";
import { type Entry, encodePlan } from "../config/plan.js";
import { personalityEntries, planProcess } from "../config/process.js";
import { checkTerminal, pidFileEntry, processPlaceOf, programsIn } from "../creation.js";
import { runProgram } from "../program.js";
import { find, type StoredContainer, statusOf } from "../store.js";
import type { Command, Context } from "./command.js";

export const exec: Command = {
	summary: "run one more program in a running container; wait for its end, with its exit code",
	words: "ID [COMMAND…]",
	runsProgram: true,
	options: {
		process: { takesValue: true, alias: "p", says: "file with the process as JSON, instead of words" },
		detach: { takesValue: false, alias: "d", says: "do not wait" },
		tty: { takesValue: false, alias: "t", says: "with a terminal" },
		"console-socket": { takesValue: true, says: "unix socket that takes the terminal" },
		"pid-file": { takesValue: true, says: "file that takes the pid" },
		"preserve-fds": { takesValue: true, says: "how many descriptors from 3 on the process keeps" },
		cwd: { takesValue: true, says: "working directory" },
		env: { takesValue: true, alias: "e", repeats: true, says: "NAME=VALUE" },
		user: { takesValue: true, alias: "u", says: "UID[:GID]" },
		"additional-gids": { takesValue: true, alias: "g", repeats: true, says: "further group ids" },
		cap: { takesValue: true, alias: "c", repeats: true, says: "a further capability" },
		"no-new-privs": { takesValue: false, says: "no gain of privileges by executing a program" },
		"ignore-paused": { takesValue: false, says: "also in a paused container: it then begins with the resume" },
	},
	run: execIn,
};

async function execIn(given: Arguments, context: Context): Promise<number> {
	const container = find(context.root, given.positional[0] ?? "");
	const { id } = container.record;
	checkRunning(container, isGiven(given, "ignore-paused"));
	const config = rootField(JSON.parse(readFileSync(join(container.directory, "config.json"), "utf8")));
	const detached = isGiven(given, "detach");
	const place = processPlaceOf(given);
	const plan = planProcess(processOf(given, config), place);
	if (detached) checkTerminal(plan.terminal, place);
	const entries = [...plan.entries, ...(await containerEntries(container, config, context)), ...pidFileEntry(given)];
	// Read before the program begins, so that none is left of one that goes on for years.
	const name = `exec.${process.pid}`;
	writeFileSync(join(container.directory, name), encodePlan(entries), { mode: 0o600 });
	const forget = () => rmSync(join(container.directory, name), { force: true });
	try {
		const end = await runProgram({
			action: "exec",
			directory: container.directory,
			args: [name, detached ? "detached" : "attached"],
			preserveFds: place.preserveFds,
			passesSignals: !detached,
			onAnswered: forget,
		});
		// What this machine cannot give was told when the container was made.
		for (const warning of plan.warnings) context.warn(warning);
		if (end.failure !== null) throw new SwarmError("failed", `Cannot exec in ${id}: ${end.failure}`);
		return end.code;
	} finally {
		forget();
	}
}

function checkRunning(container: StoredContainer, alsoPaused: boolean): void {
	const status = statusOf(container);
	if (status === "running" || status === "created" || (status === "paused" && alsoPaused)) return;
	throw new SwarmError("conflict", `Cannot exec in ${container.record.id}: it is ${status}, wanted created or running`);
}

async function containerEntries(
	{ record }: StoredContainer,
	config: Field,
	{ root }: Context,
): Promise<readonly Entry[]> {
	const linux = linuxOf(config);
	return [
		["cgroup2", record.cgroups.unified],
		...record.cgroups.legacy.map(({ path }): Entry => ["cgroup1", path]),
		...personalityEntries(at(linux, "personality")),
		...seccompEntries(linux, await programsIn(root)),
	];
}

function processOf(given: Arguments, config: Field): Field {
	const file = optionOf(given, "process");
	const [, ...command] = given.positional;
	if (file !== null) return object({ path: "process", value: JSON.parse(readFileSync(file, "utf8")) });
	if (command.length === 0) throw usage("exec wants a command, or --process");
	const base = (at(config, "process").value ?? { cwd: "/" }) as Json;
	const value = {
		...base,
		args: command,
		terminal: isGiven(given, "tty"),
		cwd: optionOf(given, "cwd") ?? base.cwd,
		env: [...((base.env as readonly string[] | undefined) ?? []), ...(given.options.get("env") ?? [])],
		user: userOf(given, base.user as Json | undefined),
		capabilities: capabilitiesOf(given, base.capabilities as Json | undefined),
		noNewPrivileges: isGiven(given, "no-new-privs") || base.noNewPrivileges === true,
	};
	return { path: "process", value };
}

function userOf(given: Arguments, base: Json | undefined): Json | undefined {
	const text = optionOf(given, "user");
	const groups = (given.options.get("additional-gids") ?? []).flatMap((list) => list.split(",")).map(Number);
	const known = { ...base, ...(groups.length > 0 ? { additionalGids: groups } : {}) };
	if (text === null) return known;
	if (!/^\d+(:\d+)?$/.test(text)) throw usage(`--user is ${text}, wanted UID[:GID]`);
	const [uid, gid] = text.split(":").map(Number);
	return { ...known, uid, gid: gid ?? 0 };
}

function capabilitiesOf(given: Arguments, base: Json | undefined): Json | undefined {
	const added = given.options.get("cap") ?? [];
	const unknown = added.find((name) => capabilityOf(name) === null);
	if (unknown !== undefined) throw usage(`--cap is ${unknown}, wanted a capability like CAP_CHOWN`);
	if (added.length === 0) return base;
	const names = added.map((name) => capabilityOf(name) as string);
	const widened = ["bounding", "effective", "permitted"].map((set) => [
		set,
		[...((base?.[set] as readonly string[] | undefined) ?? []), ...names],
	]);
	return { ...base, ...Object.fromEntries(widened) };
}
