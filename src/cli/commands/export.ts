import * as Args from "@oclif/core/args";
import { SwarmError } from "../../errors.js";
import { writeArchive } from "../archive-file.js";
import { containerArgument } from "../arguments.js";
import { NodeCommand } from "../base-command.js";
import { bytesInWords } from "../print.js";

export default class Export extends NodeCommand {
	static override summary =
		"Write a container to a file: its spec, written files and logs, and its memory when it runs.";
	static override description =
		"It stands still while this is put aside, and runs on. `swarm import` makes it a workload again, here or elsewhere: with its memory it goes on where it was. Memory needs CRIU (see `swarm doctor`); a stopped container has none.";
	static override examples = ["<%= config.bin %> export web web.tar", "<%= config.bin %> export web.0 - > web.tar"];
	static override args = {
		container: containerArgument(),
		file: Args.string({
			description: "File on this machine; - is standard output.",
			required: true,
			ignoreStdin: true,
		}),
	};

	async run(): Promise<void> {
		const { args, flags } = await this.parse(Export);
		if (args.file === "-" && this.json)
			throw new SwarmError("usage", "Cannot export: an archive on standard output leaves no place for --json");
		const bytes = await writeArchive(args.file, await this.client(flags).exportState(args.container, this.signal));
		if (args.file === "-") return;
		this.answer({ container: args.container, file: args.file, bytes }, () => `${args.file}: ${bytesInWords(bytes)}\n`);
	}
}
