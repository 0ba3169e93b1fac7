import { workloadArgument } from "../arguments.js";
import { NodeCommand } from "../base-command.js";
import { containerTable } from "../container-table.js";

export default class Pause extends NodeCommand {
	static override summary = "Freeze a workload where it is: its memory stays, it executes nothing until it is resumed.";
	static override description =
		"It stays paused when a daemon or the machine's node is started again. A paused container does not move: resume it first.";
	static override examples = ["<%= config.bin %> pause web", "<%= config.bin %> pause web --json"];
	static override args = { workload: workloadArgument() };

	async run(): Promise<void> {
		const { args, flags } = await this.parse(Pause);
		const rows = await this.client(flags).pause(args.workload);
		this.answer(rows, () => containerTable(rows, Date.now()));
	}
}
