// The processes of a container, as the host sees them.

import { spawnSync } from "node:child_process";
import { SwarmError } from "../../errors.js";
import { optionOf, usage } from "../arguments.js";
import { processesIn } from "../cgroups.js";
import { find } from "../store.js";
import type { Command } from "./command.js";

export const ps: Command = {
	summary: "list the processes of a container (with `ps -ef`, or the given ps options)",
	words: "ID [PS OPTION…]",
	runsProgram: true,
	options: { format: { takesValue: true, alias: "f", says: "table (the default) or json" } },
	run(given, context) {
		const [id, ...options] = given.positional;
		const pids = processesIn(find(context.root, id ?? "").record.cgroups.unified);
		const format = optionOf(given, "format") ?? "table";
		if (format !== "table" && format !== "json") throw usage(`--format is ${format}, wanted table or json`);
		context.print(format === "json" ? `${JSON.stringify(pids)}\n` : table(pids, options));
		return 0;
	},
};

function table(pids: readonly number[], options: readonly string[]): string {
	const listed = spawnSync("ps", options.length > 0 ? options : ["-ef"], { encoding: "utf8" });
	if (listed.error !== undefined || listed.status !== 0)
		throw new SwarmError("failed", `Cannot list processes: ps: ${listed.error?.message ?? listed.stderr.trim()}`);
	const [head = "", ...lines] = listed.stdout.split("\n");
	const column = head.trim().split(/\s+/).indexOf("PID");
	if (column < 0) throw usage("the ps options show no PID column");
	const own = lines.filter((line) => pids.includes(Number(line.trim().split(/\s+/)[column])));
	return [head, ...own, ""].join("\n");
}
