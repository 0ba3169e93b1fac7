// What containers use, of one node or of all that answer. Counters only: who asks twice makes rates of them.

import { asSwarmError, SwarmError } from "../../errors.js";
import type { NodeId } from "../../model.js";
import type { Operations } from "../operations.js";
import { workloadOf } from "../plan.js";
import type { NodePorts } from "../ports.js";
import type { StatsAnswer, StatsRow } from "./contract.js";
import { forward } from "./mesh-door.js";
import { type ApiAnswer, type ApiCall, isFirst, jsonAnswer, sees } from "./message.js";

interface Match {
	readonly ports: NodePorts;
	readonly operations: Operations;
	readonly call: ApiCall;
}

/** A node that does not answer within this holds nobody up: it is named as missing. */
const NODE_MS_MAX = 2_000;

/** `?node=NAME`: of that node alone. Asked by another node: of this one. */
export async function stats(match: Match): Promise<ApiAnswer> {
	const { operations, call } = match;
	if (!isFirst(call)) return jsonAnswer({ rows: await rowsHere(match), missing: [] } satisfies StatsAnswer);
	const wanted = call.query.get("node");
	const nodes = wanted === null ? membersOf(match) : [operations.nodeOf(wanted)];
	const answers = await Promise.all(nodes.map((node) => rowsAt(match, node)));
	if (wanted !== null && answers[0]?.missing[0] !== undefined)
		throw new SwarmError("unreachable", `Cannot measure ${wanted}: ${answers[0].missing[0].reason}`, {
			retryable: true,
		});
	const answer: StatsAnswer = {
		rows: answers.flatMap(({ rows }) => rows).filter(({ workload }) => sees(call, workload)),
		missing: answers.flatMap(({ missing }) => missing),
	};
	return jsonAnswer(answer);
}

function membersOf({ operations }: Match): readonly NodeId[] {
	return [...operations.view().nodes.values()].filter((record) => !record.left).map((record) => record.node);
}

async function rowsAt(match: Match, node: NodeId): Promise<StatsAnswer> {
	const { ports, operations } = match;
	const name = operations.view().nodes.get(node)?.name ?? node;
	if (node === ports.state.self) return { rows: await rowsHere(match), missing: [] };
	const liveness = ports.membership.liveness(node);
	if (liveness === "down") return { rows: [], missing: [{ node: name, reason: "it is down" }] };
	try {
		return await askNode(match, node);
	} catch (thrown) {
		return { rows: [], missing: [{ node: name, reason: asSwarmError(thrown, "ask it").message }] };
	}
}

async function askNode({ ports, call }: Match, node: NodeId): Promise<StatsAnswer> {
	const late = new AbortController();
	const cancel = ports.clock.after(NODE_MS_MAX, () =>
		late.abort(new SwarmError("timeout", `Cannot wait for it: no answer after ${NODE_MS_MAX} ms`)),
	);
	try {
		const signal = AbortSignal.any([call.signal, late.signal]);
		const answer = await forward(ports.mesh, node, { ...call, query: new URLSearchParams(), signal });
		const parts: Uint8Array[] = [];
		if (answer.body instanceof Uint8Array) parts.push(answer.body);
		else for await (const part of answer.body) parts.push(part);
		const value = JSON.parse(Buffer.concat(parts).toString()) as StatsAnswer;
		if (answer.status === 200 && Array.isArray(value.rows)) return value;
		throw new SwarmError("unsupported", "Cannot read its answer: it is of another version");
	} finally {
		cancel();
	}
}

async function rowsHere({ ports, operations }: Match): Promise<readonly StatsRow[]> {
	const node = operations.view().nodes.get(ports.state.self)?.name ?? ports.name;
	const all = await ports.runtime.allStats();
	return [...all].map(([container, stats]) => ({ container, workload: workloadOf(container), node, stats }));
}
