import * as Flags from "@oclif/core/flags";
import type { StatsRow } from "../../node/api/contract.js";
import { NodeCommand } from "../base-command.js";
import { measure } from "../measure.js";
import { oneLine } from "../print.js";
import { type SortKey, sortedBy, sortKeys, useTable } from "../stats-rows.js";

/** Cursor to the upper left, and what is below it erased: the table is drawn over the one before. */
const REDRAW = "\u001b[H\u001b[J";
/** The terminal's other screen, and back: what stood there before comes again at the end. */
const OTHER_SCREEN = "\u001b[?1049h\u001b[?25l";
const OWN_SCREEN = "\u001b[?25h\u001b[?1049l";

export default class Top extends NodeCommand {
	static override summary = "Watch what the containers of all nodes use, refreshed each second.";
	static override description =
		"Ends with Ctrl-C. Without a terminal, with --once and with --json it prints one table and ends.";
	static override examples = ["<%= config.bin %> top --sort memory", "<%= config.bin %> top --once --json"];
	static override flags = {
		sort: Flags.string({
			summary: `What comes first: the largest ${sortKeys.slice(0, -1).join(", ")}; or by name.`,
			helpValue: "KEY",
			options: [...sortKeys],
			default: "cpu",
		}),
		node: Flags.string({ summary: "Only of that node.", helpValue: "NODE" }),
		once: Flags.boolean({ summary: "One table, then the end.", default: false }),
	};

	async run(): Promise<void> {
		const { flags } = await this.parse(Top);
		const sort = flags.sort as SortKey;
		const live = !flags.once && !this.json && process.stdout.isTTY === true;
		const options = { node: flags.node ?? null, name: null, signal: this.signal };
		const client = this.client(flags);
		if (!live) {
			const { rows, missing } = await measure(client, options);
			for (const { node, reason } of missing) this.progress(`${node} is missing: ${reason}`);
			const sorted = sortedBy(rows, sort);
			this.answer(sorted, () => useTable(sorted));
			return;
		}
		process.stdout.write(OTHER_SCREEN);
		process.once("exit", () => process.stdout.write(OWN_SCREEN));
		for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(0));
		for (let reading: readonly StatsRow[] | null = null; ; ) {
			const measured = await measure(client, options, reading);
			reading = measured.reading;
			const missing = measured.missing.map(({ node, reason }) => `${oneLine(`${node} is missing: ${reason}`)}\n`);
			process.stdout.write(REDRAW + cut(missing.join("") + useTable(sortedBy(measured.rows, sort))));
		}
	}
}

/** To the size of the terminal: what does not fit would scroll the top away. One that does not tell its size has 0 of both. */
function cut(text: string): string {
	return text
		.split("\n")
		.slice(0, (process.stdout.rows || 24) - 1)
		.map((line) => line.slice(0, process.stdout.columns || 80))
		.join("\n");
}
