import { createReadStream, statSync } from "node:fs";
import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { SwarmError } from "../../errors.js";
import { NodeCommand } from "../base-command.js";
import { containerTable } from "../container-table.js";

export default class Import extends NodeCommand {
	static override summary = "Make a workload of this node out of what `swarm export` wrote.";
	static override description =
		"With its memory it goes on where it was exported: under its own name and address, which must be free, on a machine that a move would take it to. Without memory it stands there stopped, with its files and logs. Only import files that you trust: they say what runs.";
	static override examples = ["<%= config.bin %> import web.tar", "<%= config.bin %> import - --json < web.tar"];
	static override args = {
		file: Args.string({ description: "File on this machine; - is standard input.", required: true, ignoreStdin: true }),
	};

	static override flags = {
		name: Flags.string({
			summary: "Name of the workload (default: the one it was exported under).",
			helpValue: "NAME",
		}),
	};

	async run(): Promise<void> {
		const { args, flags } = await this.parse(Import);
		if (args.file !== "-" && statSync(args.file, { throwIfNoEntry: false }) === undefined)
			throw new SwarmError("not-found", `Cannot import ${args.file}: there is no such file`);
		const archive = args.file === "-" ? process.stdin : createReadStream(args.file);
		const rows = await this.client(flags).importState(archive, flags.name ?? null, this.signal);
		this.answer(rows, () => containerTable(rows, Date.now()));
	}
}
