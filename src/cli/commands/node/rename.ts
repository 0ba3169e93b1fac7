import * as Args from "@oclif/core/args";
import { NodeCommand } from "../../base-command.js";
import { oneLine } from "../../print.js";

export default class NodeRename extends NodeCommand {
	static override summary = "Give a node another name; everything on it goes on.";
	static override examples = [
		"<%= config.bin %> node rename attic",
		"<%= config.bin %> node rename attic n2",
		"<%= config.bin %> node rename attic --json",
	];
	static override args = {
		name: Args.string({ description: "The new name, unique in the cluster.", required: true, ignoreStdin: true }),
		node: Args.string({ description: "Name or id (default: the node that answers).", ignoreStdin: true }),
	};

	async run(): Promise<void> {
		const { args, flags } = await this.parse(NodeRename);
		const client = this.client(flags);
		const change = await client.rename(args.node ?? (await client.ping()).node, args.name);
		this.answer(change, () => `${oneLine(change.before)} is ${oneLine(change.after)} now\n`);
	}
}
