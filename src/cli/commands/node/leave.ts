import { NodeCommand } from "../../base-command.js";
import { endDaemon } from "../../daemon.js";
import { oneLine } from "../../print.js";

export default class NodeLeave extends NodeCommand {
	static override summary = "Leave the cluster for good: this node's workloads go elsewhere and its daemon ends.";
	static override examples = [
		"<%= config.bin %> node leave",
		"<%= config.bin %> node leave --state /srv/swarm/n2 --json",
	];

	async run(): Promise<void> {
		const { flags } = await this.parse(NodeLeave);
		const client = this.client(flags);
		const ping = await endDaemon(client, () => client.leave());
		this.answer({ left: ping.name }, () => `${oneLine(ping.name)} left the cluster\n`);
	}
}
