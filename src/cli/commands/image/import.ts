import { resolve } from "node:path";
import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { NodeCommand } from "../../base-command.js";
import { bytesInWords, oneLine } from "../../print.js";

export default class ImageImport extends NodeCommand {
	static override summary = "Take an image from a tar file into this node: an OCI layout or a docker-archive.";
	static override description = "Every digest is verified. Other nodes fetch the image from here when they need it.";
	static override examples = [
		"<%= config.bin %> image import redis.tar",
		"<%= config.bin %> image import ./layout.tar --name redis:7",
	];
	static override args = {
		file: Args.string({ description: "Tar file on the machine of the node.", required: true, ignoreStdin: true }),
	};
	static override flags = {
		name: Flags.string({ summary: "Name and tag (default: the archive's own).", helpValue: "NAME[:TAG]" }),
	};

	async run(): Promise<void> {
		const { args, flags } = await this.parse(ImageImport);
		const onProgress = (message: string) => this.progress(message);
		const row = await this.client(flags).importImage(resolve(args.file), flags.name ?? null, onProgress, this.signal);
		this.answer(row, () => `${oneLine(row.name)} imported: ${oneLine(row.digest)}, ${bytesInWords(row.sizeBytes)}\n`);
	}
}
