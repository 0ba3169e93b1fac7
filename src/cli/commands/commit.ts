import * as Args from "@oclif/core/args";
import { containerArgument } from "../arguments.js";
import { NodeCommand } from "../base-command.js";
import { bytesInWords, oneLine } from "../print.js";

export default class Commit extends NodeCommand {
	static override summary = "Make an image of a container: its own image and what it wrote since, as one more layer.";
	static override description =
		"The image is kept on the node that holds the container; other nodes fetch it from there. A running container stands still while its files are read. Command, environment and user stay those of its image. Containers of the image host cannot be committed.";
	static override examples = ["<%= config.bin %> commit web web:tried", "<%= config.bin %> commit web.0 web:2 --json"];
	static override args = {
		container: containerArgument(),
		image: Args.string({ description: "Name and tag of the new image.", required: true, ignoreStdin: true }),
	};

	async run(): Promise<void> {
		const { args, flags } = await this.parse(Commit);
		const onProgress = (message: string) => this.progress(message);
		const row = await this.client(flags).commit(args.container, args.image, onProgress, this.signal);
		this.answer(row, () => `${oneLine(row.name)}: ${oneLine(row.digest)}, ${bytesInWords(row.sizeBytes)}\n`);
	}
}
