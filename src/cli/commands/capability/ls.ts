import { NodeCommand } from "../../base-command.js";
import { pairsInWords, table, timeInWords } from "../../print.js";

export default class CapabilityLs extends NodeCommand {
	static override summary = "List the capabilities that the nodes of the cluster made.";
	static override description =
		"What holders handed on is not listed: it is narrower, and ends with the one that it came of.";
	static override examples = ["<%= config.bin %> capability ls", "<%= config.bin %> capability ls --json"];

	async run(): Promise<void> {
		const { flags } = await this.parse(CapabilityLs);
		const rows = await this.client(flags).capabilities();
		this.answer(rows, () =>
			table(
				["CAPABILITY", "STATE", "VERBS", "LABELS", "UNTIL", "NODE", "HOLDER", "NOTE"],
				rows.map((row) => [
					row.id,
					row.state,
					row.verbs.join(","),
					pairsInWords(row.labels),
					timeInWords(row.expiresAtMs),
					row.node,
					row.holder,
					row.note,
				]),
			),
		);
	}
}
