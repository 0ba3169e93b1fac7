// `swarm volume`: what the cluster holds, from the view; one in detail, making and removing by the node that holds it, asked over the mesh
// where that is another one.

import { SwarmError } from "../../errors.js";
import { type NodeId, type VolumeRecord, volumeNamesOf } from "../../model.js";
import type { Operations } from "../operations.js";
import type { NodePorts } from "../ports.js";
import { validateVolume } from "../spec/volume-wish.js";
import { volumeChanges } from "../volume-records.js";
import type { VolumeDetail, VolumeRow } from "./contract.js";
import { forward } from "./mesh-door.js";
import { type ApiAnswer, type ApiCall, isFirst, jsonAnswer, jsonBody } from "./message.js";

interface Match {
	readonly ports: NodePorts;
	readonly operations: Operations;
	readonly call: ApiCall;
	readonly name: string;
}

export function listVolumes({ operations }: Match): ApiAnswer {
	return jsonAnswer(operations.view().volumes.map((record) => rowOf(operations, record)));
}

/** On the node that `?node=` names, else here. */
export async function createVolume(match: Match): Promise<ApiAnswer> {
	const { ports, operations, call } = match;
	const asked = call.query.get("node");
	const node = asked === null ? ports.state.self : operations.nodeOf(asked);
	if (node !== ports.state.self) return forwardTo(match, node);
	const { name, labels } = validateVolume(await jsonBody(call));
	const holder = operations.view().volumes.find((record) => record.name === name);
	if (holder !== undefined)
		throw new SwarmError(
			"conflict",
			`Cannot create the volume ${name}: ${nodeName(operations, holder.node)} has it already`,
		);
	ports.runtime.volumes.create(name, labels);
	await publish(match);
	return jsonAnswer(rowOf(operations, recordOf(match, ports.state.self, name)));
}

export async function showVolume(match: Match): Promise<ApiAnswer> {
	const { ports, operations, name } = match;
	const node = holderOf(match);
	if (node !== ports.state.self) return forwardTo(match, node);
	const { volumes } = ports.runtime;
	const detail: VolumeDetail = {
		...rowOf(operations, recordOf(match, node, name)),
		containers: volumes.usersOf(name),
		sizeBytes: await volumes.measure(name),
		path: volumes.pathOf(name),
	};
	return jsonAnswer(detail);
}

/** Refused while a container there has it, and while a workload would have to do without. */
export async function removeVolume(match: Match): Promise<ApiAnswer> {
	const { ports, operations, name } = match;
	const node = holderOf(match);
	if (node !== ports.state.self) return forwardTo(match, node);
	const { volumes } = ports.runtime;
	const users = usersOf(operations, name);
	const isLast = operations.view().volumes.every((record) => record.name !== name || record.node === node);
	if (users.length > 0 && isLast && volumes.usersOf(name).length === 0)
		throw new SwarmError(
			"conflict",
			`Cannot remove the volume ${name}: the workload ${users.join(", ")} has it, remove that first with \`swarm rm\``,
		);
	volumes.remove(name);
	await publish(match);
	return jsonAnswer({});
}

function rowOf(operations: Operations, { name, node, labels, createdAtMs }: VolumeRecord): VolumeRow {
	return { name, node: nodeName(operations, node), labels, createdAtMs, workloads: usersOf(operations, name) };
}

function usersOf(operations: Operations, name: string): readonly string[] {
	return [...operations.view().specs.values()]
		.filter((record) => !record.removed && volumeNamesOf(record.spec).includes(name))
		.map((record) => record.name);
}

function nodeName(operations: Operations, node: NodeId): string {
	return operations.view().nodes.get(node)?.name ?? node;
}

function recordOf({ operations }: Match, node: NodeId, name: string): VolumeRecord {
	const record = operations.view().volumes.find((held) => held.node === node && held.name === name);
	if (record !== undefined) return record;
	throw new SwarmError("not-found", `Cannot find the volume ${name}: it is gone from ${nodeName(operations, node)}`);
}

/** The node that `?node=` names, else the only one that holds it. */
function holderOf({ operations, call, name }: Match): NodeId {
	const holders = operations
		.view()
		.volumes.filter((record) => record.name === name)
		.map(({ node }) => node);
	const asked = call.query.get("node");
	const wanted = asked === null ? null : operations.nodeOf(asked);
	const [first, ...others] = wanted === null ? holders : holders.filter((node) => node === wanted);
	if (first === undefined)
		throw new SwarmError(
			"not-found",
			`Cannot find the volume ${name}: ${wanted === null ? "no node has it" : "that node does not have it"}, see \`swarm volume ls\``,
		);
	if (others.length > 0) {
		const names = holders.map((node) => nodeName(operations, node)).join(", ");
		throw new SwarmError(
			"usage",
			`Cannot tell which volume ${name}: ${names} have one each, name the node with --node`,
		);
	}
	return first;
}

function forwardTo({ ports, operations, call, name }: Match, node: NodeId): Promise<ApiAnswer> {
	if (isFirst(call)) return forward(ports.mesh, node, call);
	throw new SwarmError(
		"conflict",
		`Cannot answer for the volume ${name}: it is with ${nodeName(operations, node)}, try again`,
		{
			retryable: true,
		},
	);
}

/** Resolves when this node's view says it. */
async function publish({ ports }: Match): Promise<void> {
	const { state, runtime } = ports;
	const { records, stale } = volumeChanges(state.view(), state.self, runtime.volumes.list());
	await state.commit(records, stale);
}
