import { NodeCommand } from "../../base-command.js";
import { pairsInWords, table, timeInWords } from "../../print.js";

export default class VolumeLs extends NodeCommand {
	static override summary =
		"List the named volumes of the cluster, the nodes that hold them and the workloads that use them.";
	static override examples = ["<%= config.bin %> volume ls", "<%= config.bin %> volume ls --json"];

	async run(): Promise<void> {
		const { flags } = await this.parse(VolumeLs);
		const rows = await this.client(flags).volumes();
		this.answer(rows, () =>
			table(
				["VOLUME", "NODE", "USED BY", "LABELS", "CREATED"],
				rows.map((row) => [
					row.name,
					row.node,
					row.workloads.join(" ") || "-",
					pairsInWords(row.labels) ?? "-",
					timeInWords(row.createdAtMs) ?? "-",
				]),
			),
		);
	}
}
