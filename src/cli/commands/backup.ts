import * as Args from "@oclif/core/args";
import { SwarmError } from "../../errors.js";
import { stateDirectoryOf } from "../../node/api/client.js";
import { backupOf } from "../../node/backup.js";
import { writeArchive } from "../archive-file.js";
import { NodeCommand } from "../base-command.js";
import { bytesInWords } from "../print.js";

export default class Backup extends NodeCommand {
	static override summary =
		"Write what makes this node that node to a file: its keys and what it knows of the cluster.";
	static override description =
		"Not in it: files of containers, images and volumes. The daemon may run meanwhile. The file holds the node's and the cluster's private keys: whoever has it can join as this node, so keep it as you keep a key. `swarm restore` brings the node back when its machine is lost.";
	static override examples = ["<%= config.bin %> backup n1.backup", "<%= config.bin %> backup - | age -r KEY > n1.age"];
	static override args = {
		file: Args.string({
			description: "File on this machine; - is standard output.",
			required: true,
			ignoreStdin: true,
		}),
	};

	async run(): Promise<void> {
		const { args, flags } = await this.parse(Backup);
		if (args.file === "-" && this.json)
			throw new SwarmError("usage", "Cannot back up: an archive on standard output leaves no place for --json");
		const { description, archive } = await backupOf(stateDirectoryOf(flags.state ?? null), Date.now());
		const bytes = await writeArchive(args.file, archive);
		if (args.file === "-") return;
		const { node, takenAtMs } = description;
		this.answer({ node, takenAtMs, file: args.file, bytes }, () => `${args.file}: ${bytesInWords(bytes)}\n`);
	}
}
