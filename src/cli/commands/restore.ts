import { createReadStream, statSync } from "node:fs";
import * as Args from "@oclif/core/args";
import { SwarmError } from "../../errors.js";
import { stateDirectoryOf } from "../../node/api/client.js";
import { restoreBackup } from "../../node/backup.js";
import { NodeCommand } from "../base-command.js";

export default class Restore extends NodeCommand {
	static override summary = "Bring a node back from what `swarm backup` wrote, into an empty state directory.";
	static override description =
		"Then `swarm node start` makes it that node again: it learns from its peers what happened since, and starts its containers anew. The node it was must be gone: while both run, the one that was started first freezes its containers and says so.";
	static override examples = [
		"<%= config.bin %> restore n1.backup",
		"<%= config.bin %> restore - --state /srv/swarm < n1.backup",
	];
	static override args = {
		file: Args.string({ description: "File on this machine; - is standard input.", required: true, ignoreStdin: true }),
	};

	async run(): Promise<void> {
		const { args, flags } = await this.parse(Restore);
		if (args.file !== "-" && statSync(args.file, { throwIfNoEntry: false }) === undefined)
			throw new SwarmError("not-found", `Cannot restore ${args.file}: there is no such file`);
		const [archive, name] =
			args.file === "-" ? [process.stdin, "standard input"] : [createReadStream(args.file), args.file];
		const stateDirectory = stateDirectoryOf(flags.state ?? null);
		const { node, takenAtMs } = await restoreBackup(archive, name, stateDirectory);
		const when = new Date(takenAtMs).toISOString();
		this.answer(
			{ node, takenAtMs, stateDirectory },
			() => `${stateDirectory}: node ${node} of ${when}; start it with \`swarm node start\`\n`,
		);
	}
}
