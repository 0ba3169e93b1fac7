import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { labPartition } from "../../../node/lab/lab.js";
import { BaseCommand } from "../../base-command.js";
import { cutsInWords, labFlags, namesOf } from "../../lab.js";

export default class LabPartition extends BaseCommand {
	static override summary = "Cut nodes of the lab off from each other: packets between the two sides are lost.";
	static override description = "Adds to what is cut already; `swarm lab heal` undoes it.";
	static override examples = [
		"<%= config.bin %> lab partition n1 n2",
		"<%= config.bin %> lab partition n1,n2 n3 --one-way",
	];
	static override args = {
		side: Args.string({ description: "Node or nodes of one side, n1 or n1,n2.", required: true, ignoreStdin: true }),
		other: Args.string({ description: "Node or nodes of the other side.", required: true, ignoreStdin: true }),
	};
	static override flags = {
		...labFlags,
		"one-way": Flags.boolean({ summary: "Lose only what the first side sends to the other.", default: false }),
	};

	async run(): Promise<void> {
		const { args, flags } = await this.parse(LabPartition);
		const cuts = await labPartition({
			lab: flags.name,
			from: namesOf(args.side),
			to: namesOf(args.other),
			oneWay: flags["one-way"],
		});
		this.answer(cuts, () => cutsInWords(cuts));
	}
}
