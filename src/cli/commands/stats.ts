import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { SwarmError } from "../../errors.js";
import { NodeCommand } from "../base-command.js";
import { MEASURED_MS, measure } from "../measure.js";
import { sortedBy, useTable } from "../stats-rows.js";

export default class Stats extends NodeCommand {
	static override summary = "Show what containers use: CPU, memory, processes, disk, network, waiting.";
	static override description =
		`Measures for ${MEASURED_MS / 1000} s, on all nodes that answer. CPU is of one CPU: two busy ones are 200 %.`;
	static override examples = [
		"<%= config.bin %> stats",
		"<%= config.bin %> stats web --json",
		"<%= config.bin %> stats --node n2",
	];
	static override args = {
		name: Args.string({ description: "A container such as web.0, or a workload (default: all).", ignoreStdin: true }),
	};
	static override flags = {
		node: Flags.string({ summary: "Only of that node.", helpValue: "NODE" }),
	};

	async run(): Promise<void> {
		const { args, flags } = await this.parse(Stats);
		const { rows, missing } = await measure(this.client(flags), {
			node: flags.node ?? null,
			name: args.name ?? null,
			signal: this.signal,
		});
		for (const { node, reason } of missing) this.progress(`${node} is missing: ${reason}`);
		if (args.name !== undefined && rows.length === 0)
			throw new SwarmError("not-found", `Cannot measure ${args.name}: no such container runs, see \`swarm ps\``);
		const sorted = sortedBy(rows, "name");
		this.answer(sorted, () => useTable(sorted));
	}
}
