import { workloadArgument } from "../arguments.js";
import { NodeCommand } from "../base-command.js";
import { containerTable } from "../container-table.js";

export default class Start extends NodeCommand {
	static override summary = "Start a stopped workload again, with the files that it wrote.";
	static override examples = ["<%= config.bin %> start web", "<%= config.bin %> start web --json"];
	static override args = { workload: workloadArgument() };

	async run(): Promise<void> {
		const { args, flags } = await this.parse(Start);
		const rows = await this.client(flags).start(args.workload);
		this.answer(rows, () => containerTable(rows, Date.now()));
	}
}
