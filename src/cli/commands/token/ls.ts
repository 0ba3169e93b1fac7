import { NodeCommand } from "../../base-command.js";
import { table, timeInWords } from "../../print.js";

export default class TokenLs extends NodeCommand {
	static override summary = "List the join tokens of the cluster, who used them and whether they are still good.";
	static override description = "The tokens themselves are not shown: nobody keeps them.";
	static override examples = ["<%= config.bin %> token ls", "<%= config.bin %> token ls --json"];

	async run(): Promise<void> {
		const { flags } = await this.parse(TokenLs);
		const rows = await this.client(flags).tokens();
		this.answer(rows, () =>
			table(
				["TOKEN", "STATE", "ROLE", "USED", "BY", "VALID UNTIL", "USED BY"],
				rows.map((row) => [
					row.id,
					row.state,
					row.role,
					`${row.usedBy.length} of ${row.uses}`,
					row.by,
					timeInWords(row.expiresAtMs),
					row.usedBy.join(" ") || null,
				]),
			),
		);
	}
}
