// What containers use, of one node or of all that answer. Counters only: who asks twice makes rates of them.

import { SwarmError } from "../../errors.js";
import { workloadOf } from "../../model.js";
import { type Asking, askNodes, membersOf } from "./ask-nodes.js";
import type { StatsAnswer, StatsRow } from "./contract.js";
import { type ApiAnswer, isFirst, jsonAnswer, sees } from "./message.js";

/** `?node=NAME`: of that node alone. Asked by another node: of this one. */
export async function stats(match: Asking): Promise<ApiAnswer> {
	const { operations, call } = match;
	if (!isFirst(call)) return jsonAnswer(await statsHere(match));
	const wanted = call.query.get("node");
	const nodes = wanted === null ? membersOf(match) : [operations.nodeOf(wanted)];
	const check = (value: unknown): value is StatsAnswer => Array.isArray((value as Partial<StatsAnswer> | null)?.rows);
	const answers = await askNodes<StatsAnswer>(match, nodes, { here: () => statsHere(match), check });
	const missing = answers.flatMap((answer) =>
		"missing" in answer ? [{ node: answer.node, reason: answer.missing }] : [],
	);
	if (wanted !== null && missing[0] !== undefined)
		throw new SwarmError("unreachable", `Cannot measure ${wanted}: ${missing[0].reason}`, { retryable: true });
	const rows = answers
		.flatMap((answer) => ("value" in answer ? answer.value.rows : []))
		.filter(({ workload }) => sees(call, workload));
	return jsonAnswer({ rows, missing } satisfies StatsAnswer);
}

async function statsHere({ ports }: Asking): Promise<StatsAnswer> {
	const node = ports.own().name;
	const all = await ports.runtime.allStats();
	const rows = [...all].map(
		([container, stats]): StatsRow => ({ container, workload: workloadOf(container), node, stats }),
	);
	return { rows, missing: [] };
}
