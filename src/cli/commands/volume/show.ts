import { volumeArgument, volumeNodeFlag } from "../../arguments.js";
import { NodeCommand } from "../../base-command.js";
import { bytesInWords, fields, pairsInWords, timeInWords } from "../../print.js";

export default class VolumeShow extends NodeCommand {
	static override summary = "Show a named volume: where it is, how large, and who has it.";
	static override examples = [
		"<%= config.bin %> volume show data",
		"<%= config.bin %> volume show data --node n2 --json",
	];
	static override args = { volume: volumeArgument() };
	static override flags = { node: volumeNodeFlag() };

	async run(): Promise<void> {
		const { args, flags } = await this.parse(VolumeShow);
		const detail = await this.client(flags).volume(args.volume, flags.node ?? null);
		this.answer(detail, () =>
			fields([
				["volume", detail.name],
				["node", detail.node],
				["path", detail.path],
				["size", bytesInWords(detail.sizeBytes)],
				["labels", pairsInWords(detail.labels)],
				["created", timeInWords(detail.createdAtMs)],
				["workloads", detail.workloads.join(" ") || null],
				["containers", detail.containers.join(" ") || null],
			]),
		);
	}
}
