// `swarm update`: new limits for the running containers of a workload, wherever they are. First every owner changes its containers,
// so that the kernel's refusal is the caller's answer; then the spec is revised. What one refuses is taken back everywhere.
// Must never restart a container.

import { SwarmError, shown } from "../../errors.js";
import type { ContainerId, NodeId, ResourceRequest, Spec } from "../../model.js";
import type { Operations } from "../operations.js";
import type { NodePorts } from "../ports.js";
import { validateSpec } from "../spec/validate-spec.js";
import type { ContainerRow, ResourceChange } from "./contract.js";
import { forward } from "./mesh-door.js";
import { type ApiAnswer, type ApiCall, answerText, jsonAnswer, jsonBody } from "./message.js";
import { errorIn } from "./transport.js";

interface Match {
	readonly ports: NodePorts;
	readonly operations: Operations;
	readonly call: ApiCall;
	readonly name: string;
}

/** Fields with a short name for people and a long one in the model: giving either replaces both. */
const longNames: Readonly<Record<string, string>> = {
	memory: "memoryBytes",
	memoryHigh: "memoryHighBytes",
	swap: "swapBytes",
	egress: "egressBytesPerSecond",
	ingress: "ingressBytesPerSecond",
};

export async function updateWorkload(match: Match): Promise<ApiAnswer> {
	const { operations, call, name } = match;
	const given = (await jsonBody(call)) as Readonly<Record<string, unknown>>;
	const record = operations.workload(name);
	const resources = mergedResources(record.spec, given);
	operations.refuseUnfit(name, resources);
	const before = { revision: record.revision, resources: record.spec.resources };
	await changeEverywhere(match, operations.rowsOf(name), before, { revision: record.revision + 1, resources });
	return jsonAnswer(await operations.reviseResources(name, resources, call.signal));
}

/** Pure: what the spec will have; `usage` for what no spec may have. */
export function mergedResources(
	{ name, network, resources }: Pick<Spec, "name" | "network" | "resources">,
	given: Readonly<Record<string, unknown>>,
): ResourceRequest {
	const replaced = Object.keys(given).flatMap((field) => {
		const short = Object.keys(longNames).find((candidate) => longNames[candidate] === field);
		return [field, longNames[field] ?? field, short ?? field];
	});
	const kept = Object.entries(resources).filter(([field]) => !replaced.includes(field));
	return validateSpec({ name, network, resources: { ...Object.fromEntries(kept), ...given } }).resources;
}

async function changeEverywhere(
	match: Match,
	rows: readonly ContainerRow[],
	before: ResourceChange,
	after: ResourceChange,
): Promise<void> {
	const changed: ContainerRow[] = [];
	try {
		for (const row of rows) {
			if (row.owner === null || row.phase === "pending" || row.phase === "lost") continue;
			await changeAt(match, row.container, row.owner, after);
			changed.push(row);
		}
	} catch (thrown) {
		for (const { container, owner } of changed)
			await changeAt(match, container, owner as NodeId, before).catch((error: unknown) =>
				match.ports.logger.warn("limits cannot be taken back", { container, error: String(error) }),
			);
		throw thrown;
	}
}

async function changeAt(match: Match, container: ContainerId, owner: NodeId, change: ResourceChange): Promise<void> {
	const { ports, call } = match;
	if (owner === ports.state.self) return applyHere(match, container, change);
	const path = `/v1/containers/${encodeURIComponent(container)}/resources`;
	const body = async function* () {
		yield Buffer.from(JSON.stringify(change));
	};
	const answer = await forward(ports.mesh, owner, { ...call, method: "POST", path, body: body() });
	const text = await answerText(answer);
	if (answer.status === 200) return;
	throw errorIn(text);
}

/** The owner's part, asked by another node. */
export async function changeHere(match: Match): Promise<ApiAnswer> {
	if (match.call.local)
		throw new SwarmError("usage", `Cannot change ${match.name} alone: its workload has one spec, see \`swarm update\``);
	const { revision, resources } = (await jsonBody(match.call)) as Partial<ResourceChange>;
	const { container, spec } = match.operations.resolve(match.name);
	if (typeof revision !== "number" || !Number.isSafeInteger(revision) || revision < 1)
		throw new SwarmError("usage", `Cannot change ${container}: the revision is ${shown(revision)}, wanted a number`);
	const checked = validateSpec({ name: spec.name, network: spec.spec.network, resources }).resources;
	await applyHere(match, container, { revision, resources: checked });
	return jsonAnswer({});
}

async function applyHere({ ports }: Match, container: ContainerId, change: ResourceChange): Promise<void> {
	const held = ports.runtime.get(container);
	// Not made yet: it will be made with what the spec says then.
	if (held === null) return;
	await ports.runtime.update(container, held.epoch, change.revision, change.resources);
}
