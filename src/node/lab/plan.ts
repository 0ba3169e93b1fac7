// What a lab is made of, before anything is made: names, addresses and directories of its nodes. Pure.
// A lab is a cluster on one machine: each node has its own network namespace, address, state directory and daemon.

import { join } from "node:path";
import { SwarmError } from "../../errors.js";

export interface LabNode {
	/** `n1`, `n2`, … */
	readonly name: string;
	/** `10.88.<lab>.<node>` */
	readonly address: string;
	/** Network namespace as `ip netns` names it. */
	readonly namespace: string;
	readonly stateDirectory: string;
}

export interface Lab {
	readonly name: string;
	/** Third octet of its addresses, different for every lab of this machine. */
	readonly index: number;
	/** Holds nothing but the bridge. */
	readonly namespace: string;
	/** Parent of the state directories. */
	readonly directory: string;
	readonly nodes: readonly LabNode[];
}

export const LAB_NODES_MAX = 32;
export const LABS_MAX = 254;
export const LAB_PORT = 7749;
/** All labs' state directories. */
export const LAB_DIRECTORY = "/var/lib/stratoswarm/lab";

/** Short, because sockets below a state directory have 107 characters for their whole path (unix(7)). */
const NAME = /^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/;

export function checkLabName(name: string): string {
	if (NAME.test(name)) return name;
	throw new SwarmError(
		"usage",
		`Cannot use the lab name ${JSON.stringify(name)}: wanted 1 to 12 of a-z, 0-9 and - that begin and end with a letter or digit`,
		{ details: { field: "name" } },
	);
}

export function planLab(name: string, nodeCount: number, index: number, parent: string): Lab {
	checkLabName(name);
	if (!Number.isInteger(nodeCount) || nodeCount < 1 || nodeCount > LAB_NODES_MAX) {
		throw new SwarmError("usage", `Cannot make a lab: nodes is ${nodeCount}, wanted 1 to ${LAB_NODES_MAX}`, {
			details: { field: "nodes" },
		});
	}
	const directory = join(parent, name);
	const nodes = Array.from({ length: nodeCount }, (_, i): LabNode => {
		const node = `n${i + 1}`;
		const address = `10.88.${index}.${i + 1}`;
		return { name: node, address, namespace: `swarm-lab-${name}-${node}`, stateDirectory: join(directory, node) };
	});
	return { name, index, namespace: `swarm-lab-${name}`, directory, nodes };
}

/** Code `not-found`, naming the nodes that there are. */
export function nodeOf(lab: Lab, name: string): LabNode {
	const node = lab.nodes.find((candidate) => candidate.name === name);
	if (node !== undefined) return node;
	const names = lab.nodes.map((candidate) => candidate.name).join(", ");
	throw new SwarmError("not-found", `Cannot use the node ${name}: the lab ${lab.name} has ${names}`);
}

/** Where a namespace made by `ip netns` is kept. */
export function namespacePath(namespace: string): string {
	return join("/run/netns", namespace);
}
