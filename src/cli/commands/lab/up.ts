import * as Flags from "@oclif/core/flags";
import { labUp } from "../../../node/lab/lab.js";
import { BaseCommand } from "../../base-command.js";
import { labFlags, labTable } from "../../lab.js";

export default class LabUp extends BaseCommand {
	static override summary = "Bring up a cluster of several nodes on this one machine.";
	static override description =
		"Each node has its own network namespace, address, state directory and daemon. Returns when every node sees every other alive. Needs root.";
	static override examples = [
		"<%= config.bin %> lab up --nodes 3",
		"<%= config.bin %> lab up --name two --nodes 2 --json",
	];
	static override flags = {
		...labFlags,
		nodes: Flags.integer({ summary: "How many nodes, 1 to 32.", helpValue: "COUNT", default: 3 }),
	};

	async run(): Promise<void> {
		const { flags } = await this.parse(LabUp);
		const lab = await labUp({
			name: flags.name,
			nodes: flags.nodes,
			onProgress: (message) => this.progress(message),
			signal: this.signal,
		});
		this.answer(lab, () => labTable(lab));
	}
}
