import * as Args from "@oclif/core/args";
import { labStart } from "../../../node/lab/lab.js";
import { BaseCommand } from "../../base-command.js";
import { labFlags } from "../../lab.js";

export default class LabStart extends BaseCommand {
	static override summary = "Start the daemon of a node of the lab again, after it was stopped or killed.";
	static override description = "Containers that ran on are adopted. Returns when the node is usable.";
	static override examples = ["<%= config.bin %> lab start n2", "<%= config.bin %> lab start n2 --name two --json"];
	static override args = {
		node: Args.string({ description: "Node of the lab: n1, n2 and so on.", required: true, ignoreStdin: true }),
	};
	static override flags = labFlags;

	async run(): Promise<void> {
		const { args, flags } = await this.parse(LabStart);
		const pid = await labStart(flags.name, args.node, this.signal);
		this.answer({ node: args.node, pid }, () => `${args.node} runs with pid ${pid}\n`);
	}
}
