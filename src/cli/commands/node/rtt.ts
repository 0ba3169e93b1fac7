import type { RttAnswer } from "../../../node/api/contract.js";
import { NodeCommand } from "../../base-command.js";
import { table } from "../../print.js";

export default class NodeRtt extends NodeCommand {
	static override summary = "Show the round trip between all pairs of nodes, as each node measures it.";
	static override description =
		"Of heartbeats, smoothed, with what waits in queues. A row is who measures, a column to whom; - where nothing was measured.";
	static override examples = ["<%= config.bin %> node rtt", "<%= config.bin %> node rtt --json"];

	async run(): Promise<void> {
		const { flags } = await this.parse(NodeRtt);
		const answer = await this.client(flags).rtt();
		for (const { node, reason } of answer.missing) this.progress(`${node} is missing: ${reason}`);
		this.answer(answer, () => matrixOf(answer));
	}
}

function matrixOf({ rows }: RttAnswer): string {
	const names = [...new Set(rows.flatMap((row) => [row.from, row.to]))].sort();
	const cell = (from: string, to: string) => {
		const rttMs = rows.find((row) => row.from === from && row.to === to)?.rttMs ?? null;
		return rttMs === null ? null : `${rttMs.toFixed(1)} ms`;
	};
	return table(
		["FROM", ...names],
		names.map((from) => [from, ...names.map((to) => cell(from, to))]),
	);
}
