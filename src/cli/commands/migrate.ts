import * as Flags from "@oclif/core/flags";
import { systemClock } from "../../clock.js";
import { exitCodeOf } from "../../errors.js";
import type { MoveProgress, NodeId, Verdict } from "../../model.js";
import type { NodeRow } from "../../node/api/contract.js";
import { containerArgument } from "../arguments.js";
import { NodeCommand } from "../base-command.js";
import { bytesInWords, durationInWords, oneLine, table } from "../print.js";

const SAME_STEP_MS = 1_000;

export default class Migrate extends NodeCommand {
	static override summary = "Move a running container to another node, with its memory, files and logs.";
	static override description =
		"Progress goes to standard error; the last line says bytes, duration and downtime (from the freeze to the first instruction on the other node). A move that fails leaves exactly one runnable copy. --dry-run only gives the verdict and exits 5 when a check fails.";
	static override aliases = ["node:migrate"];
	static override examples = [
		"<%= config.bin %> migrate web --to n2",
		"<%= config.bin %> migrate web.0 --to n2 --dry-run",
	];
	static override args = { container: containerArgument() };
	static override flags = {
		to: Flags.string({ summary: "Node to move to: name or id.", helpValue: "NODE", required: true }),
		"dry-run": Flags.boolean({
			summary: "Check on both nodes whether the move can work; move nothing.",
			default: false,
		}),
	};

	async run(): Promise<void> {
		const { args, flags } = await this.parse(Migrate);
		const client = this.client(flags);
		if (flags["dry-run"]) {
			const verdict = await client.verdict(args.container, flags.to, this.signal);
			this.giveVerdict(verdict, this.json ? [] : await client.nodes());
			return;
		}
		const nodes = this.json ? [] : await client.nodes();
		const isDue = paced();
		const onProgress = (progress: MoveProgress) => {
			if (isDue(progress)) this.progress(named(nodes, progressInWords(progress)));
		};
		const result = await client.migrate(args.container, flags.to, onProgress, this.signal);
		const [from, to] = [nameOf(nodes, result.from), nameOf(nodes, result.to)];
		this.answer(
			result,
			() =>
				`${oneLine(result.container)} moved from ${from} to ${to}: ${bytesInWords(result.bytes)} in ${durationInWords(result.durationMs)}, downtime ${Math.round(result.downtimeMs)} ms\n`,
		);
	}

	private giveVerdict(verdict: Verdict, nodes: readonly NodeRow[]): void {
		this.answer(verdict, () =>
			table(
				["CHECK", "OK", "SOURCE", "TARGET", "REASON"],
				verdict.checks.map((each) => [
					each.check,
					each.ok ? "yes" : "no",
					named(nodes, each.source),
					named(nodes, each.target),
					named(nodes, oneLine(each.reason)),
				]),
			),
		);
		if (verdict.ok) return;
		process.exitCode = exitCodeOf.refused;
		const failed = verdict.checks.filter((each) => !each.ok).map((each) => each.reason);
		this.progress(named(nodes, `Cannot move ${verdict.container}: ${failed.join("; ")}`));
	}
}

function nameOf(nodes: readonly NodeRow[], node: NodeId): string {
	return oneLine(nodes.find((row) => row.node === node)?.name ?? node);
}

/** Names for ids, in what people read. */
function named(nodes: readonly NodeRow[], text: string): string {
	return nodes.reduce((words, row) => words.replaceAll(row.node, oneLine(row.name)), text);
}

/** A new step at once, more of the same step once a second. */
function paced(): (progress: MoveProgress) => boolean {
	let step = "";
	let toldAtMs = 0;
	return (progress) => {
		const nowMs = systemClock.monotonicMs();
		if (progress.step === step && nowMs - toldAtMs < SAME_STEP_MS) return false;
		step = progress.step;
		toldAtMs = nowMs;
		return true;
	};
}

function progressInWords(progress: MoveProgress): string {
	const { step, message, bytesDone, bytesTotal } = progress;
	if (bytesDone === null) return `${step}: ${message}`;
	const total = bytesTotal === null ? "" : ` of ${bytesInWords(bytesTotal)}`;
	return `${step}: ${message} (${bytesInWords(bytesDone)}${total})`;
}
