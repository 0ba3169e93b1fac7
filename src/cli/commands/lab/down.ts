import { SwarmError } from "../../../errors.js";
import { labDown } from "../../../node/lab/lab.js";
import { BaseCommand } from "../../base-command.js";
import { labFlags } from "../../lab.js";

export default class LabDown extends BaseCommand {
	static override summary = "Take a lab down: daemons, containers, networks and state, without a trace.";
	static override examples = ["<%= config.bin %> lab down", "<%= config.bin %> lab down --name two"];
	static override flags = labFlags;

	async run(): Promise<void> {
		const { flags } = await this.parse(LabDown);
		if (!(await labDown({ name: flags.name }))) {
			throw new SwarmError("not-found", `Cannot take down the lab ${flags.name}: it is not up`);
		}
		this.answer({ down: flags.name }, () => `lab ${flags.name} is down\n`);
	}
}
