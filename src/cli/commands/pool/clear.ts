import { NodeCommand } from "../../base-command.js";

export default class PoolClear extends NodeCommand {
	static override summary = "End what this node has made ahead; it is made again with the next start.";
	static override examples = ["<%= config.bin %> pool clear", "<%= config.bin %> pool clear --json"];

	async run(): Promise<void> {
		const { flags } = await this.parse(PoolClear);
		await this.client(flags).clearPool();
		this.answer({}, () => "cleared\n");
	}
}
