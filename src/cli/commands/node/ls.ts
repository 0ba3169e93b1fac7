import { NodeCommand } from "../../base-command.js";
import { bytesInWords, table } from "../../print.js";

export default class NodeLs extends NodeCommand {
	static override summary = "List the nodes of the cluster and whether they are alive.";
	static override description =
		"The node that answers is marked with *. A member or witness that joined votes on exclusive containers once a majority of the voters has agreed.";
	static override examples = ["<%= config.bin %> node ls", "<%= config.bin %> node ls --json"];

	async run(): Promise<void> {
		const { flags } = await this.parse(NodeLs);
		const rows = await this.client(flags).nodes();
		this.answer(rows, () =>
			table(
				["NODE", "STATE", "ROLE", "CPUS", "MEMORY", "CONTAINERS", "RTT", "VERSION", "ADDRESSES"],
				rows.map((row) => [
					row.self ? `${row.name}*` : row.name,
					row.liveness,
					row.votes || row.role === "reader" || row.liveness === "left" ? row.role : `${row.role} (no vote yet)`,
					String(row.cpus),
					bytesInWords(row.memoryBytes),
					String(row.containers),
					row.rttMs === null ? null : `${row.rttMs.toFixed(1)} ms`,
					row.version,
					row.addresses.join(" ") || null,
				]),
			),
		);
	}
}
