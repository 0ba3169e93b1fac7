import { NodeCommand } from "../../base-command.js";
import { daemonFlags, daemonProgramIn, startDaemon, startInWords } from "../../daemon.js";

export default class NodeStart extends NodeCommand {
	static override summary = "Start this machine's node and print the line with which others join.";
	static override description =
		"The first start makes a new cluster of one node. The daemon goes on in the background, with its log in daemon.log of the state directory; the command returns when the node is usable.";
	static override examples = [
		"<%= config.bin %> node start",
		"<%= config.bin %> node start --name n1 --listen 10.0.0.5:7749 --label disk=ssd",
	];
	static override flags = daemonFlags;

	async run(): Promise<void> {
		const { flags } = await this.parse(NodeStart);
		process.exitCode = await startDaemon(flags, {
			join: null,
			program: daemonProgramIn(this.config.root),
			signal: this.signal,
			onReady: (report) => this.answer(report, () => startInWords(report)),
		});
	}
}
