import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { NodeCommand } from "../../base-command.js";
import { daemonFlags, daemonProgramIn, startDaemon, startInWords } from "../../daemon.js";

export default class NodeJoin extends NodeCommand {
	static override summary = "Start this machine's node as a member of an existing cluster.";
	static override description =
		"The whole line is what `swarm node start` or `swarm token create` printed on a member. Addresses are tried one after the other, then those that stand in the token. Returns when the node is usable.";
	static override examples = [
		"<%= config.bin %> node join /ip4/10.0.0.5/tcp/7749/p2p/12D3KooW... --token TOKEN",
		"SWARM_TOKEN=TOKEN <%= config.bin %> node join 10.0.0.5:7749,10.0.0.6:7749 --name n2",
		"<%= config.bin %> node join --token TOKEN --witness",
	];
	static override args = {
		address: Args.string({
			description:
				"Address of a member, HOST[:PORT] or /ip4/.../tcp/.../p2p/...; several separated by commas (default: those in the token).",
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
			join: { addresses: (args.address ?? "").split(",").filter((each) => each !== ""), token: flags.token },
			program: daemonProgramIn(this.config.root),
			signal: this.signal,
			onReady: (report) => this.answer(report, () => startInWords(report)),
		});
	}
}
