import * as Args from "@oclif/core/args";
import { SwarmError } from "../../../errors.js";
import { writeArchive } from "../../archive-file.js";
import { NodeCommand } from "../../base-command.js";
import { bytesInWords } from "../../print.js";

export default class ImageExport extends NodeCommand {
	static override summary =
		"Write an image to a tar file: an OCI layout, as docker, podman and `swarm image import` take it.";
	static override examples = [
		"<%= config.bin %> image export redis:7 redis.tar",
		"<%= config.bin %> image export web:tried - | tar -t",
	];
	static override args = {
		image: Args.string({
			description: "Name and tag as `swarm image ls` prints it.",
			required: true,
			ignoreStdin: true,
		}),
		file: Args.string({
			description: "File on this machine; - is standard output.",
			required: true,
			ignoreStdin: true,
		}),
	};

	async run(): Promise<void> {
		const { args, flags } = await this.parse(ImageExport);
		if (args.file === "-" && this.json)
			throw new SwarmError("usage", "Cannot export: an archive on standard output leaves no place for --json");
		const bytes = await writeArchive(args.file, await this.client(flags).exportImage(args.image, this.signal));
		if (args.file === "-") return;
		this.answer({ image: args.image, file: args.file, bytes }, () => `${args.file}: ${bytesInWords(bytes)}\n`);
	}
}
