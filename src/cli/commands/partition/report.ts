import * as Flags from "@oclif/core/flags";
import { type SplitAnswer, type SplitStory, storiesOf } from "../../../node/partition/report.js";
import { NodeCommand } from "../../base-command.js";
import { durationInWords, oneLine, timeInWords } from "../../print.js";

export default class PartitionReport extends NodeCommand {
	static override summary =
		"Tell what happened while nodes missed each other: who saw whom, and what became of each container.";
	static override description =
		"Asks every node that answers; each keeps its last 16 splits. A copy that lost is kept, with its memory where CRIU works: `swarm partition save` writes it to a file that `swarm import --name NAME` makes a workload of.";
	static override examples = ["<%= config.bin %> partition report --last", "<%= config.bin %> partition report --json"];
	static override flags = { last: Flags.boolean({ summary: "Only the last one." }) };

	async run(): Promise<void> {
		const { flags } = await this.parse(PartitionReport);
		const answer = await this.client(flags).splits();
		const stories = storiesOf(answer).slice(flags.last ? -1 : 0);
		this.answer({ stories, missing: answer.missing }, () => textOf(stories, answer));
	}
}

function textOf(stories: readonly SplitStory[], { missing }: SplitAnswer): string {
	const told = stories.length === 0 ? "No node has missed another one.\n" : stories.map(storyText).join("\n");
	return told + missing.map(({ node, reason }) => `${oneLine(`${node} was not asked: ${reason}`)}\n`).join("");
}

function storyText({ fromMs, toMs, missed, containers }: SplitStory): string {
	const span = toMs === null ? "goes on" : `until ${timeInWords(toMs)} (${durationInWords(toMs - fromMs)})`;
	const lines = [`split from ${timeInWords(fromMs)} ${span}`];
	for (const one of missed) {
		const until = one.toMs === null ? "still does" : `until ${timeInWords(one.toMs)}`;
		lines.push(`  ${one.by} missed ${one.node} from ${timeInWords(one.fromMs)}, ${until}`);
	}
	for (const { container, acts } of containers) {
		lines.push(`  ${container}`);
		for (const { timeMs, by, message, kept, path } of acts) {
			lines.push(`    ${timeInWords(timeMs)} ${by}: ${message}`);
			if (kept === null) continue;
			lines.push(`      kept on ${by} in ${path}; to get it back:`);
			lines.push(`      swarm partition save ${kept} copy.tar --node ${by} && swarm import copy.tar --name NAME`);
		}
	}
	return lines.map((line) => `${/^ */.exec(line)?.[0] ?? ""}${oneLine(line)}\n`).join("");
}
