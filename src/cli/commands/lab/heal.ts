import * as Args from "@oclif/core/args";
import { labHeal } from "../../../node/lab/lab.js";
import { BaseCommand } from "../../base-command.js";
import { cutsInWords, labFlags } from "../../lab.js";

export default class LabHeal extends BaseCommand {
	static override summary = "Undo all cuts of the lab, or those of one node.";
	static override examples = ["<%= config.bin %> lab heal", "<%= config.bin %> lab heal n2"];
	static override args = {
		node: Args.string({ description: "Only the cuts that this node is part of.", ignoreStdin: true }),
	};
	static override flags = labFlags;

	async run(): Promise<void> {
		const { args, flags } = await this.parse(LabHeal);
		const cuts = await labHeal({ lab: flags.name, node: args.node ?? null });
		this.answer(cuts, () => (cuts.length === 0 ? "nothing is cut\n" : cutsInWords(cuts)));
	}
}
