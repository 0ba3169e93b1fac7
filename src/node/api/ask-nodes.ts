// One question to several nodes at once, for answers that only each node itself can give. A node that does not answer holds nobody
// up: it is named as missing.

import { asSwarmError, SwarmError } from "../../errors.js";
import type { NodeId } from "../../model.js";
import type { Operations } from "../operations.js";
import type { NodePorts } from "../ports.js";
import { forward } from "./mesh-door.js";
import { type ApiCall, answerText } from "./message.js";
import { jsonIn } from "./transport.js";

/** A node that does not answer within this is missing. */
const NODE_MS_MAX = 2_000;

export interface Asking {
	readonly ports: NodePorts;
	readonly operations: Operations;
	readonly call: ApiCall;
}

export type NodeAnswer<T> =
	| { readonly node: string; readonly value: T }
	| { readonly node: string; readonly missing: string };

/** Every node that has not left. */
export function membersOf({ operations }: Asking): readonly NodeId[] {
	return [...operations.view().nodes.values()].filter((record) => !record.left).map((record) => record.node);
}

/** The same call at each of the nodes, without its query; `here` answers for this one, `check` whether an answer has the form. */
export function askNodes<T>(
	asking: Asking,
	nodes: readonly NodeId[],
	options: { readonly here: () => Promise<T> | T; readonly check: (value: unknown) => value is T },
): Promise<readonly NodeAnswer<T>[]> {
	return Promise.all(nodes.map((node) => askOne(asking, node, options)));
}

async function askOne<T>(
	asking: Asking,
	node: NodeId,
	{ here, check }: Parameters<typeof askNodes<T>>[2],
): Promise<NodeAnswer<T>> {
	const { ports, operations } = asking;
	const name = operations.view().nodes.get(node)?.name ?? node;
	if (node === ports.state.self) return { node: name, value: await here() };
	if (ports.membership.liveness(node) === "down") return { node: name, missing: "it is down" };
	try {
		const value = await answerOf(asking, node);
		if (check(value)) return { node: name, value };
		throw new SwarmError("unsupported", "Cannot read its answer: it is of another version");
	} catch (thrown) {
		return { node: name, missing: asSwarmError(thrown, "ask it").message };
	}
}

async function answerOf({ ports, call }: Asking, node: NodeId): Promise<unknown> {
	const late = new AbortController();
	const cancel = ports.clock.after(NODE_MS_MAX, () =>
		late.abort(new SwarmError("timeout", `Cannot wait for it: no answer after ${NODE_MS_MAX} ms`)),
	);
	try {
		const signal = AbortSignal.any([call.signal, late.signal]);
		const answer = await forward(ports.mesh, node, { ...call, query: new URLSearchParams(), signal });
		const value: unknown = jsonIn(await answerText(answer));
		if (answer.status === 200) return value;
		throw new SwarmError("unsupported", "Cannot read its answer: it refuses the question");
	} finally {
		cancel();
	}
}
