// A world of stores alone: real crdt code over simulated links, disks and time.

import type { State } from "../../../src/crdt/state.js";
import { openState } from "../../../src/crdt/store.js";
import { silentLogger } from "../../../src/log.js";
import type { NodeId, SwarmEvent } from "../../../src/model.js";
import { createSimChance, type SimChance } from "./sim-chance.js";
import { createSimDisk, type SimDisk } from "./sim-disk.js";
import { createSimNetwork, type SimNetwork } from "./sim-mesh.js";
import { createSimProcess, type SimProcess } from "./sim-process.js";
import { signerFor, simVerifier } from "./sim-signature.js";
import { createTimeline, type Timeline } from "./timeline.js";

export interface StoreNode {
	readonly node: NodeId;
	readonly disk: SimDisk;
	process: SimProcess;
	/** null while the daemon is down or starting. */
	state: State | null;
	readonly events: Omit<SwarmEvent, "timeMs" | "node">[];
	/** Wall clock error at the next start. */
	clockOffsetMs: number;
}

export interface StoreWorld {
	readonly timeline: Timeline;
	readonly chance: SimChance;
	readonly network: SimNetwork;
	readonly nodes: readonly StoreNode[];
	/** Starts a daemon; resolves when virtual time has brought it up. */
	start(node: StoreNode): void;
	kill(node: StoreNode): void;
	/** The state of node `index`, which must be up. */
	state(index: number): State;
}

export async function createStoreWorld(seed: string, count: number): Promise<StoreWorld> {
	const timeline = createTimeline();
	const chance = createSimChance(seed);
	const network = createSimNetwork(timeline, chance.split("network"));
	const nodes = Array.from({ length: count }, (_, index): StoreNode => {
		const node = `N${index + 1}` as NodeId;
		const disk = createSimDisk(timeline, chance.split(`disk ${node}`));
		const process = createSimProcess(timeline, { offsetMs: 0, rate: 1 });
		return { node, disk, process, state: null, events: [], clockOffsetMs: 0 };
	});
	let starts = 0;
	const start = (one: StoreNode) => {
		const process = createSimProcess(timeline, { offsetMs: one.clockOffsetMs, rate: 1 });
		one.process = process;
		starts += 1;
		const opening = openState({
			self: one.node,
			disk: one.disk.openFor(process),
			signer: signerFor(one.node),
			verifier: simVerifier,
			certificate: () => new TextEncoder().encode(`member ${one.node}`),
			admit: (writer, certificate) => (new TextDecoder().decode(certificate) === `member ${writer}` ? "member" : null),
			mesh: network.join(one.node, process),
			clock: process.clock,
			chance: chance.split(`start ${starts} of ${one.node}`),
			logger: silentLogger,
			onEvent: (event) => void one.events.push(event),
		});
		opening.then(
			(state) => {
				if (process.isAlive()) one.state = state;
			},
			(thrown) => timeline.fail(thrown),
		);
	};
	for (const one of nodes) start(one);
	network.connectEverybody();
	await timeline.run(3000);
	return {
		timeline,
		chance,
		network,
		nodes,
		start,
		kill(one) {
			one.process.kill();
			one.state = null;
		},
		state(index) {
			const state = nodes[index]?.state ?? null;
			if (state === null) throw new Error(`node ${index} is not up`);
			return state;
		},
	};
}

/** Text that is equal exactly when two views are. */
export function viewText(state: State): string {
	const { nodes, specs, claims, containers, images } = state.view();
	return JSON.stringify([[...nodes], [...specs], [...claims], [...containers], images]);
}
