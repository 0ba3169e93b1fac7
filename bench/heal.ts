// How long a cluster takes to agree again: eight members in this process, whose links go through wires that the bench can cut, are two halves
// for 30 s, in which each half writes 500 records; measured from the moment at which the wires carry again to the last write at the last node.

import { systemClock } from "../src/clock.js";
import { containerIdOf } from "../src/model.js";
import { changeOf } from "./gossip-change.js";
import { type BenchReport, boundedRow } from "./report.js";
import { openStateNode, type StateNode } from "./state-node.js";
import { type Wire, wireTo } from "./wire.js";

const NODES = 8;
const WRITES = 1_000;
const SPLIT_MS = 30_000;
const HEAL_MS_MAX = 3_000;
const WAIT_MS_MAX = 120_000;
const LOOK_MS = 10;

export async function heal(): Promise<BenchReport> {
	const nodes: StateNode[] = [await openStateNode("n0", null)];
	const across: Wire[] = [];
	const wires: Wire[] = [];
	try {
		const token = (await nodes[0]?.token(NODES)) ?? "";
		for (let index = 1; index < NODES; index++) nodes.push(await openStateNode(`n${index}`, token));
		// Joining connected them directly.
		for (const [at, node] of nodes.entries()) nodes[at] = await node.again();
		for (const [from, { mesh }] of nodes.entries()) {
			const others = nodes.filter((node) => node.mesh !== mesh);
			const members = await Promise.all(
				others.map(async (other) => {
					const wire = await wireTo(portOf(other));
					wires.push(wire);
					if (isLeft(from) !== isLeft(nodes.indexOf(other))) across.push(wire);
					return { node: other.mesh.self, addresses: [`/ip4/127.0.0.1/tcp/${wire.port}`] };
				}),
			);
			mesh.keepConnected(members);
		}
		await until("a full mesh", () => nodes.every(({ mesh }) => mesh.peers().length === NODES - 1));
		for (const wire of across) wire.cut();
		await until("the split", () => nodes.every(({ mesh }) => mesh.peers().length === NODES / 2 - 1));
		for (let write = 0; write < WRITES; write += NODES) {
			for (const [at, { mesh, state }] of nodes.entries())
				state.put([{ ...changeOf(mesh.self, 0), container: containerIdOf(`bench${at}`, write / NODES) }]);
			await systemClock.sleep(SPLIT_MS / (WRITES / NODES), never);
		}
		const beganMs = systemClock.monotonicMs();
		for (const wire of across) wire.mend();
		await until("equal views", () => nodes.every(({ state }) => state.view().containers.size === WRITES));
		const tookMs = systemClock.monotonicMs() - beganMs;
		const what = `${NODES} nodes equal after ${SPLIT_MS / 1_000} s apart with ${WRITES} writes`;
		return { bench: "heal", rows: [boundedRow(what, "ms", [tookMs], HEAL_MS_MAX)] };
	} finally {
		await Promise.all(nodes.map(({ close }) => close()));
		for (const wire of wires) wire.close();
	}
}

const never = new AbortController().signal;

function isLeft(at: number): boolean {
	return at < NODES / 2;
}

function portOf({ mesh }: StateNode): number {
	return Number(/\/tcp\/(\d+)/.exec(mesh.addresses()[0] ?? "")?.[1]);
}

async function until(what: string, look: () => boolean): Promise<void> {
	const endMs = systemClock.monotonicMs() + WAIT_MS_MAX;
	while (!look()) {
		if (systemClock.monotonicMs() > endMs) throw new Error(`waited ${WAIT_MS_MAX} ms for ${what}`);
		await systemClock.sleep(LOOK_MS, never);
	}
}
