import type { Explanation } from "../../node/api/contract.js";
import type { Decision } from "../../scheduler/schedule.js";
import { workloadArgument } from "../arguments.js";
import { NodeCommand } from "../base-command.js";
import { oneLine, table } from "../print.js";

export default class Explain extends NodeCommand {
	static override summary = "Show why a workload runs where it runs: nodes × factors, and the reason for every node.";
	static override description = "The readings are those of now; a reading that nobody takes is `unknown`, never good.";
	static override examples = ["<%= config.bin %> explain web", "<%= config.bin %> explain web --json"];
	static override args = { workload: workloadArgument() };

	async run(): Promise<void> {
		const { args, flags } = await this.parse(Explain);
		const explanation = await this.client(flags).explain(args.workload);
		this.answer(explanation, () => `${containersOf(explanation)}${notesOf(explanation.notes)}`);
	}
}

function notesOf(notes: readonly string[]): string {
	return notes.map((note) => `${oneLine(note)}\n`).join("");
}

function containersOf(explanation: Explanation): string {
	return explanation.containers
		.map(({ container, owner, decision }) => {
			const name = decision.rows.find((row) => row.node === owner)?.name ?? owner;
			const place = name === null ? "is on no node" : `is on ${name}`;
			return `${oneLine(`${container} ${place}`)}\n${matrix(decision)}${reasons(decision)}`;
		})
		.join("\n");
}

/** Factors down, feasible nodes across, best first: `raw → score`. */
function matrix(decision: Decision): string {
	const feasible = decision.rows.filter((row) => row.score !== null);
	const [first] = feasible;
	if (first === undefined) return "";
	const lines = first.factors.map((factor) => [
		factor.name,
		String(factor.weight),
		...feasible.map((row) => {
			const own = row.factors.find((each) => each.name === factor.name);
			return own === undefined ? null : `${own.raw} → ${own.score.toFixed(2)}`;
		}),
	]);
	const total = ["score", "", ...feasible.map((row) => row.score?.toFixed(3) ?? null)];
	return table(["FACTOR", "WEIGHT", ...feasible.map((row) => row.name)], [...lines, total]);
}

function reasons(decision: Decision): string {
	return decision.rows.map((row) => `${oneLine(row.reason)}\n`).join("");
}
