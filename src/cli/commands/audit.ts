import * as Flags from "@oclif/core/flags";
import { NodeCommand } from "../base-command.js";
import { table, timeInWords } from "../print.js";

const ID_DIGITS_SHOWN = 12;

export default class Audit extends NodeCommand {
	static override summary = "Show what holders of capabilities asked of any node, and what was refused.";
	static override description =
		"Each node keeps its last 512 entries; alike uses within a second are one with a count.";
	static override examples = ["<%= config.bin %> audit --tail 20", "<%= config.bin %> audit --capability 5f0c --json"];
	static override flags = {
		tail: Flags.integer({ summary: "Only the last entries (default: all that are kept).", helpValue: "COUNT", min: 0 }),
		capability: Flags.string({ summary: "Only of this one: the beginning of its id.", helpValue: "ID" }),
	};

	async run(): Promise<void> {
		const { flags } = await this.parse(Audit);
		const rows = await this.client(flags).audit({ tail: flags.tail ?? null, capability: flags.capability ?? null });
		this.answer(rows, () =>
			table(
				["TIME", "NODE", "CAPABILITY", "HOLDER", "VERB", "SUBJECT", "COUNT", "REFUSED"],
				rows.map((row) => [
					timeInWords(row.timeMs),
					row.node,
					row.capability.slice(0, ID_DIGITS_SHOWN),
					row.holder.slice(-ID_DIGITS_SHOWN),
					row.verb,
					row.subject,
					String(row.count),
					row.refusal,
				]),
			),
		);
	}
}
