import { workloadArgument } from "../arguments.js";
import { NodeCommand } from "../base-command.js";
import { containerTable } from "../container-table.js";

export default class Stop extends NodeCommand {
	static override summary = "Stop a workload: SIGTERM, its grace period (default 10 s), SIGKILL. Its files stay.";
	static override examples = ["<%= config.bin %> stop web", "<%= config.bin %> stop web --json"];
	static override args = { workload: workloadArgument() };

	async run(): Promise<void> {
		const { args, flags } = await this.parse(Stop);
		const rows = await this.client(flags).stop(args.workload);
		this.answer(rows, () => containerTable(rows, Date.now()));
	}
}
