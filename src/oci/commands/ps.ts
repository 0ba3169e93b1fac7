// The processes of a container, as the host sees them.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { SwarmError } from "../../errors.js";
import { optionOf, usage } from "../arguments.js";
import { processesIn } from "../cgroups.js";
import { find } from "../store.js";
import type { Command } from "./command.js";

export const ps: Command = {
	summary: "list the processes of a container (or what the given options of ps(1) show)",
	words: "ID [PS OPTION…]",
	runsProgram: true,
	options: { format: { takesValue: true, alias: "f", says: "table (the default) or json" } },
	run(given, context) {
		const [id, ...options] = given.positional;
		const pids = processesIn(find(context.root, id ?? "").record.cgroups.unified);
		const format = optionOf(given, "format") ?? "table";
		if (format !== "table" && format !== "json") throw usage(`--format is ${format}, wanted table or json`);
		context.print(
			format === "json" ? `${JSON.stringify(pids)}\n` : options.length === 0 ? table(pids) : tableOfPs(pids, options),
		);
		return 0;
	},
};

const widths = [8, 8, 8];

function table(pids: readonly number[]): string {
	const rows = [["UID", "PID", "PPID", "CMD"], ...pids.flatMap(rowOf)];
	return rows
		.map(
			(row) =>
				`${row
					.map((cell, column) => cell.padEnd(widths[column] ?? 0))
					.join("")
					.trimEnd()}\n`,
		)
		.join("");
}

/** proc_pid_status(5) and proc_pid_cmdline(5); nothing for one that has ended meanwhile. */
function rowOf(pid: number): readonly (readonly string[])[] {
	try {
		const status = readFileSync(`/proc/${pid}/status`, "utf8");
		const field = (name: string) => new RegExp(`^${name}:\\s+(\\S+)`, "m").exec(status)?.[1] ?? "?";
		const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
		return [[field("Uid"), String(pid), field("PPid"), words === "" ? `[${field("Name")}]` : words]];
	} catch {
		return [];
	}
}

function tableOfPs(pids: readonly number[], options: readonly string[]): string {
	const listed = spawnSync("ps", options, { encoding: "utf8" });
	if (listed.error !== undefined || listed.status !== 0)
		throw new SwarmError("failed", `Cannot list processes: ps: ${listed.error?.message ?? listed.stderr.trim()}`);
	const [head = "", ...lines] = listed.stdout.split("\n");
	const column = head.trim().split(/\s+/).indexOf("PID");
	if (column < 0) throw usage("the ps options show no PID column");
	const own = lines.filter((line) => pids.includes(Number(line.trim().split(/\s+/)[column])));
	return [head, ...own, ""].join("\n");
}
