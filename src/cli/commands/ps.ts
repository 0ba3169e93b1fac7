import * as Args from "@oclif/core/args";
import { NodeCommand } from "../base-command.js";
import { containersInWords } from "../container-table.js";

export default class Ps extends NodeCommand {
	static override summary = "List the containers of the cluster: who holds each, and in which phase.";
	static override examples = ["<%= config.bin %> ps", "<%= config.bin %> ps web --json"];
	static override args = {
		workload: Args.string({ description: "Only the containers of this workload.", ignoreStdin: true }),
	};

	async run(): Promise<void> {
		const { args, flags } = await this.parse(Ps);
		const all = await this.client(flags).containers();
		process.stdout.write(containersInWords(all, { workload: args.workload ?? null, json: this.json }));
	}
}
