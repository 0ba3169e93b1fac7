import { NodeCommand } from "../../base-command.js";
import { endDaemon } from "../../daemon.js";
import { oneLine } from "../../print.js";

export default class NodeStop extends NodeCommand {
	static override summary = "Stop this machine's daemon; its containers go on running.";
	static override description =
		"`swarm node start` finds them again, with logs and exit codes. Returns when the daemon is gone.";
	static override examples = [
		"<%= config.bin %> node stop",
		"<%= config.bin %> node stop --state /srv/swarm/n2 --json",
	];

	async run(): Promise<void> {
		const { flags } = await this.parse(NodeStop);
		const client = this.client(flags);
		const ping = await endDaemon(client, () => client.stopDaemon());
		this.answer({ stopped: ping.name }, () => `${oneLine(ping.name)} stopped; its containers go on\n`);
	}
}
