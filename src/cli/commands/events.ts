import * as Flags from "@oclif/core/flags";
import { NodeCommand } from "../base-command.js";
import { oneLine, timeInWords } from "../print.js";

export default class Events extends NodeCommand {
	static override summary = "Print what happened in the cluster as this node saw it.";
	static override description = "--json prints one line of JSON for each event.";
	static override examples = ["<%= config.bin %> events -f", "<%= config.bin %> events --tail 20 --json"];
	static override flags = {
		follow: Flags.boolean({ char: "f", summary: "Go on with what comes.", default: false }),
		tail: Flags.integer({ summary: "Only the last events (default: all that are kept).", helpValue: "COUNT", min: 0 }),
	};

	async run(): Promise<void> {
		const { flags } = await this.parse(Events);
		const client = this.client(flags);
		const names = new Map((this.json ? [] : await client.nodes()).map((row) => [row.node, row.name]));
		for await (const event of client.events({ follow: flags.follow, tail: flags.tail ?? null }, this.signal)) {
			this.answerLine(event, () => {
				const node = names.get(event.node) ?? event.node;
				return `${timeInWords(event.timeMs)} ${oneLine(`${node} ${event.kind} ${event.subject}: ${event.message}`)}\n`;
			});
		}
	}
}
