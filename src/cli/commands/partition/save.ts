import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { SwarmError } from "../../../errors.js";
import { writeArchive } from "../../archive-file.js";
import { NodeCommand } from "../../base-command.js";
import { bytesInWords } from "../../print.js";

export default class PartitionSave extends NodeCommand {
	static override summary = "Write a copy that lost a split to a file, for `swarm import`.";
	static override description =
		"`swarm partition report` names the copies that are kept. The winner has the name: import the copy under another one, or remove the winner before.";
	static override examples = [
		"<%= config.bin %> partition save 1700000000000-web.0-3 web.tar --node n2",
		"<%= config.bin %> import web.tar --name web-lost",
	];
	static override args = {
		copy: Args.string({ description: "Id of the copy, from the report.", required: true, ignoreStdin: true }),
		file: Args.string({
			description: "File on this machine; - is standard output.",
			required: true,
			ignoreStdin: true,
		}),
	};
	static override flags = {
		node: Flags.string({ summary: "Node that keeps it (default: this one).", helpValue: "NODE" }),
	};

	async run(): Promise<void> {
		const { args, flags } = await this.parse(PartitionSave);
		if (args.file === "-" && this.json)
			throw new SwarmError("usage", "Cannot save: an archive on standard output leaves no place for --json");
		const copy = await this.client(flags).keptCopy(args.copy, flags.node ?? null, this.signal);
		const bytes = await writeArchive(args.file, copy);
		if (args.file === "-") return;
		this.answer({ copy: args.copy, file: args.file, bytes }, () => `${args.file}: ${bytesInWords(bytes)}\n`);
	}
}
