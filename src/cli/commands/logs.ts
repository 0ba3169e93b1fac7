import * as Flags from "@oclif/core/flags";
import type { LogLine } from "../../model.js";
import { containerArgument } from "../arguments.js";
import { NodeCommand } from "../base-command.js";
import { momentOf } from "../moment.js";
import { timeInWords } from "../print.js";

export default class Logs extends NodeCommand {
	static override summary = "Print what a container wrote, wherever it runs.";
	static override description =
		"Standard output and standard error of the container, in the order written; the oldest lines go when its --log-size is full. --json prints one line of JSON each.";
	static override examples = [
		"<%= config.bin %> logs web -f --tail 20",
		"<%= config.bin %> logs web.0 --since 10m --stderr -t",
	];
	static override args = { container: containerArgument() };
	static override flags = {
		follow: Flags.boolean({ char: "f", summary: "Go on with what comes, until the container ends.", default: false }),
		tail: Flags.integer({ summary: "Only the last lines (default: all).", helpValue: "LINES", min: 0 }),
		since: Flags.string({
			summary:
				"Only what was written since then: a time ago such as 10m or 1.5h, or a time such as 2026-01-31T12:00:00Z.",
			helpValue: "TIME",
		}),
		stdout: Flags.boolean({ summary: "Only what it wrote to standard output.", exclusive: ["stderr"], default: false }),
		stderr: Flags.boolean({ summary: "Only what it wrote to standard error.", default: false }),
		timestamps: Flags.boolean({ char: "t", summary: "The time before each line, in UTC.", default: false }),
	};

	async run(): Promise<void> {
		const { args, flags } = await this.parse(Logs);
		const options = {
			tail: flags.tail ?? null,
			sinceMs: flags.since === undefined ? null : momentOf("--since", flags.since, Date.now()),
			follow: flags.follow,
			stream: flags.stderr ? ("stderr" as const) : flags.stdout ? ("stdout" as const) : null,
		};
		let continued = false;
		for await (const line of this.client(flags).logs(args.container, options, this.signal)) {
			const stamp = flags.timestamps && !continued ? `${timeInWords(line.timeMs)} ` : "";
			this.answerLine(line, () => `${stamp}${textOf(line)}`);
			continued = line.partial;
		}
	}
}

function textOf(line: LogLine): string {
	return line.partial ? line.text : `${line.text}\n`;
}
