import { NodeCommand } from "../../base-command.js";
import { bytesInWords, table } from "../../print.js";

export default class ImageLs extends NodeCommand {
	static override summary = "List the images of the cluster and the nodes that hold them.";
	static override examples = ["<%= config.bin %> image ls", "<%= config.bin %> image ls --json"];

	async run(): Promise<void> {
		const { flags } = await this.parse(ImageLs);
		const rows = await this.client(flags).images();
		this.answer(rows, () =>
			table(
				["IMAGE", "DIGEST", "SIZE", "NODES"],
				rows.map((row) => [
					row.name,
					row.digest.slice(0, "sha256:".length + 12),
					bytesInWords(row.sizeBytes),
					row.nodes.join(" "),
				]),
			),
		);
	}
}
