import { labStatus } from "../../../node/lab/lab.js";
import { listLabs } from "../../../node/lab/record.js";
import { BaseCommand } from "../../base-command.js";
import { labTable } from "../../lab.js";

export default class LabLs extends BaseCommand {
	static override summary = "List the labs of this machine, their nodes, what those see of each other, and the cuts.";
	static override examples = ["<%= config.bin %> lab ls", "<%= config.bin %> lab ls --json"];

	async run(): Promise<void> {
		await this.parse(LabLs);
		const labs = await Promise.all((await listLabs()).map((lab) => labStatus(lab.name)));
		this.answer(labs, () =>
			labs.length === 0
				? "no lab is up, start one with `swarm lab up`\n"
				: labs.map((lab) => `lab ${lab.name}\n${labTable(lab)}`).join("\n"),
		);
	}
}
