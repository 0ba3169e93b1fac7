import { volumeArgument, volumeNodeFlag } from "../../arguments.js";
import { NodeCommand } from "../../base-command.js";
import { oneLine } from "../../print.js";

export default class VolumeRm extends NodeCommand {
	static override summary = "Remove a named volume with its contents; refused while it is in use.";
	static override examples = ["<%= config.bin %> volume rm data", "<%= config.bin %> volume rm data --node n2 --json"];
	static override args = { volume: volumeArgument() };
	static override flags = { node: volumeNodeFlag() };

	async run(): Promise<void> {
		const { args, flags } = await this.parse(VolumeRm);
		await this.client(flags).removeVolume(args.volume, flags.node ?? null);
		this.answer({ removed: args.volume }, () => `${oneLine(args.volume)} removed\n`);
	}
}
