import { workloadArgument } from "../arguments.js";
import { NodeCommand } from "../base-command.js";
import { containerTable } from "../container-table.js";

export default class Resume extends NodeCommand {
	static override summary = "Let a paused workload go on where it was frozen.";
	static override examples = ["<%= config.bin %> resume web", "<%= config.bin %> resume web --json"];
	static override args = { workload: workloadArgument() };

	async run(): Promise<void> {
		const { args, flags } = await this.parse(Resume);
		const rows = await this.client(flags).resume(args.workload);
		this.answer(rows, () => containerTable(rows, Date.now()));
	}
}
