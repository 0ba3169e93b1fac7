import * as Args from "@oclif/core/args";
import { SwarmError } from "../../../errors.js";
import { labExec } from "../../../node/lab/lab.js";
import { BaseCommand } from "../../base-command.js";
import { labFlags } from "../../lab.js";

export default class LabExec extends BaseCommand {
	static override summary = "Run a command as if on a node of the lab.";
	static override description =
		"In the node's network namespace, with swarm on the path and talking to the node's daemon. Standard streams and exit code are the command's. --json changes nothing but the form of errors.";
	static override usage = "lab exec NODE [FLAGS] -- COMMAND...";
	static override examples = [
		"<%= config.bin %> lab exec n2 -- swarm ps",
		"<%= config.bin %> lab exec n1 --name two -- ping -c 1 10.88.1.2",
	];
	static override args = {
		node: Args.string({ description: "Node of the lab: n1, n2 and so on.", required: true, ignoreStdin: true }),
	};
	static override flags = labFlags;

	async run(): Promise<void> {
		const { own, command } = this.splitAtDashes();
		const { args, flags } = await this.parse(LabExec, own);
		if (command === null || command.length === 0) {
			throw new SwarmError("usage", `Cannot run on ${args.node}: no command was given, wanted it after --`);
		}
		process.exitCode = await labExec(flags.name, args.node, command);
	}
}
