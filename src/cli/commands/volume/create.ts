import { volumeArgument, volumeNodeFlag } from "../../arguments.js";
import { NodeCommand } from "../../base-command.js";
import { many, pairsOf } from "../../flag-values.js";
import { oneLine } from "../../print.js";

export default class VolumeCreate extends NodeCommand {
	static override summary = "Make a named volume before its first use, with labels or on a node of your choice.";
	static override examples = [
		"<%= config.bin %> volume create data --label team=web",
		"<%= config.bin %> volume create data --node n2",
	];
	static override args = { volume: volumeArgument() };
	static override flags = { label: many("Label of the volume.", "KEY=VALUE", "l"), node: volumeNodeFlag("this node") };

	async run(): Promise<void> {
		const { args, flags } = await this.parse(VolumeCreate);
		const labels = flags.label === undefined ? {} : pairsOf("--label", flags.label);
		const row = await this.client(flags).createVolume({ name: args.volume, labels }, flags.node ?? null);
		this.answer(row, () => `${oneLine(row.name)} created on ${oneLine(row.node)}\n`);
	}
}
