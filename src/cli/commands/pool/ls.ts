import { NodeCommand } from "../../base-command.js";
import { table } from "../../print.js";

export default class PoolLs extends NodeCommand {
	static override summary = "List what this node has made ahead for the next starts.";
	static override description =
		"`any` are monitors and inits that wait to be told which container to build; the others are created containers of workloads with `pool`, which a start takes.";
	static override examples = ["<%= config.bin %> pool ls", "<%= config.bin %> pool ls --json"];

	async run(): Promise<void> {
		const { flags } = await this.parse(PoolLs);
		const state = await this.client(flags).pool();
		const any = { workload: "any", passing: false, wanted: state.standing.max, ...state.standing };
		this.answer(state, () =>
			table(
				["FOR", "KIND", "READY", "AT MOST", "MADE", "MS EACH"],
				[any, ...state.warm].map((row) => [
					row.workload,
					row === any ? "standing" : row.passing ? "run" : "workload",
					String(row.ready),
					String(row.wanted),
					String(row.made),
					row.made === 0 ? "-" : (row.madeMs / row.made).toFixed(1),
				]),
			),
		);
	}
}
