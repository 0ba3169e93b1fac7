import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { NodeCommand } from "../../base-command.js";
import { daemonFlags, daemonProgramIn, startDaemon, startInWords } from "../../daemon.js";

export default class NodeJoin extends NodeCommand {
	static override summary = "Start this machine's node as a member of an existing cluster.";
	static override description =
		"Address and token are in the line that `swarm node start` or `swarm node token` printed on a member. Returns when the node is usable.";
	static override examples = [
		"<%= config.bin %> node join /ip4/10.0.0.5/tcp/7749/p2p/12D3KooW... --token TOKEN",
		"SWARM_TOKEN=TOKEN <%= config.bin %> node join /ip4/10.0.0.5/tcp/7749/p2p/12D3KooW... --name n2",
	];
	static override args = {
		address: Args.string({
			description: "Address of a member, /ip4/.../tcp/.../p2p/...; several separated by commas.",
			required: true,
			ignoreStdin: true,
		}),
	};
	static override flags = {
		token: Flags.string({
			summary: "Token of the cluster (or SWARM_TOKEN, which no process list shows).",
			helpValue: "TOKEN",
			env: "SWARM_TOKEN",
			required: true,
			noCacheDefault: true,
		}),
		...daemonFlags,
	};

	async run(): Promise<void> {
		const { args, flags } = await this.parse(NodeJoin);
		process.exitCode = await startDaemon(flags, {
			join: { addresses: args.address.split(",").filter((each) => each !== ""), token: flags.token },
			program: daemonProgramIn(this.config.root),
			signal: this.signal,
			onReady: (report) => this.answer(report, () => startInWords(report)),
		});
	}
}
