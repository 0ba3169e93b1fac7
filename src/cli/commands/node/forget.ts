import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { NodeCommand } from "../../base-command.js";
import { oneLine } from "../../print.js";

export default class NodeForget extends NodeCommand {
	static override summary =
		"Shut a node out that does not come back: its certificate is revoked, its workloads go elsewhere.";
	static override description =
		"Its name is free afterwards. Should it come back, it is told so, stops its containers, keeps what they were (memory, files, logs) in its state directory, and has to join again. For a node that is alive, `swarm node leave` there is the better way.";
	static override examples = [
		"<%= config.bin %> node forget n3",
		"<%= config.bin %> node forget n3 --force",
		"<%= config.bin %> node forget n3 --json",
	];
	static override args = {
		node: Args.string({ description: "Name or id.", required: true, ignoreStdin: true }),
	};
	static override flags = {
		force: Flags.boolean({ summary: "Also when it is alive.", default: false }),
	};

	async run(): Promise<void> {
		const { args, flags } = await this.parse(NodeForget);
		await this.client(flags).forget(args.node, flags.force);
		this.answer({ forgotten: args.node }, () => `${oneLine(args.node)} is forgotten\n`);
	}
}
