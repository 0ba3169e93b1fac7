// `swarm partition`: what every node that answers saw and did during splits, and the losing copies that one keeps.

import { asSwarmError, SwarmError } from "../../errors.js";
import type { NodeId } from "../../model.js";
import type { Operations } from "../operations.js";
import type { SplitAnswer } from "../partition/report.js";
import type { SplitRecord } from "../partition/split-log.js";
import type { NodePorts } from "../ports.js";
import { forward } from "./mesh-door.js";
import { type ApiAnswer, type ApiCall, answerText, isFirst, jsonAnswer } from "./message.js";
import { jsonIn } from "./transport.js";

interface Match {
	readonly ports: NodePorts;
	readonly operations: Operations;
	readonly call: ApiCall;
	readonly name: string;
	readonly daemon: {
		splits(): readonly SplitRecord[];
		keptArchive(id: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
	};
}

const NODE_MS_MAX = 5_000;

/** Asked by another node: of this one alone. */
export async function listSplits(match: Match): Promise<ApiAnswer> {
	const { operations, call } = match;
	if (!isFirst(call)) return jsonAnswer(ownSplits(match));
	const members = [...operations.view().nodes.values()].filter(({ left }) => !left);
	const answers = await Promise.all(members.map(({ node, name }) => splitsOf(match, node, name)));
	return jsonAnswer({
		nodes: answers.flatMap(({ nodes }) => nodes),
		missing: answers.flatMap(({ missing }) => missing),
	} satisfies SplitAnswer);
}

function ownSplits({ ports, operations, daemon }: Match): SplitAnswer {
	const { self } = ports.state;
	const node = operations.view().nodes.get(self)?.name ?? self;
	return { nodes: [{ node, splits: daemon.splits() }], missing: [] };
}

async function splitsOf(match: Match, node: NodeId, name: string): Promise<SplitAnswer> {
	const { ports, call } = match;
	if (node === ports.state.self) return ownSplits(match);
	if (ports.membership.liveness(node) === "down") return { nodes: [], missing: [{ node: name, reason: "it is down" }] };
	const late = new AbortController();
	const cancel = ports.clock.after(NODE_MS_MAX, () =>
		late.abort(new SwarmError("timeout", `Cannot wait for it: no answer after ${NODE_MS_MAX} ms`)),
	);
	try {
		const signal = AbortSignal.any([call.signal, late.signal]);
		const answer = await forward(ports.mesh, node, { ...call, signal });
		if (answer.status !== 200) throw new SwarmError("failed", `Cannot ask it: status ${answer.status}`);
		return jsonIn(await answerText(answer)) as SplitAnswer;
	} catch (thrown) {
		return { nodes: [], missing: [{ node: name, reason: asSwarmError(thrown, "ask it").message }] };
	} finally {
		cancel();
	}
}

/** From the node that `?node=` names, else from here. */
export async function sendKept(match: Match): Promise<ApiAnswer> {
	const { ports, operations, call, daemon, name } = match;
	const asked = call.query.get("node");
	const node = asked === null || !isFirst(call) ? ports.state.self : operations.nodeOf(asked);
	if (node !== ports.state.self) return forward(ports.mesh, node, call);
	return { status: 200, contentType: "application/x-tar", body: await daemon.keptArchive(name, call.signal) };
}
