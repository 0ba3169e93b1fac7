import { workloadArgument } from "../arguments.js";
import { NodeCommand } from "../base-command.js";
import { oneLine } from "../print.js";

export default class Rm extends NodeCommand {
	static override summary = "Stop a workload and remove its containers with all that they wrote.";
	static override examples = ["<%= config.bin %> rm web", "<%= config.bin %> rm web --json"];
	static override args = { workload: workloadArgument() };

	async run(): Promise<void> {
		const { args, flags } = await this.parse(Rm);
		await this.client(flags).remove(args.workload);
		this.answer({ removed: args.workload }, () => `${oneLine(args.workload)} removed\n`);
	}
}
