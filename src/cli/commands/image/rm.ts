import * as Args from "@oclif/core/args";
import { NodeCommand } from "../../base-command.js";
import { oneLine } from "../../print.js";

export default class ImageRm extends NodeCommand {
	static override summary = "Remove an image from this node; refused while a container of this node uses it.";
	static override examples = ["<%= config.bin %> image rm redis:7", "<%= config.bin %> image rm redis:7 --json"];
	static override args = {
		image: Args.string({ description: "Image as `swarm image ls` prints it.", required: true, ignoreStdin: true }),
	};

	async run(): Promise<void> {
		const { args, flags } = await this.parse(ImageRm);
		await this.client(flags).removeImage(args.image);
		this.answer({ removed: args.image }, () => `${oneLine(args.image)} removed\n`);
	}
}
