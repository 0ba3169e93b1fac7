// What happens to a simulated cluster: each fault is begun at a moment drawn by the seed and mended after a while, drawn too.

import { GOOD_LINKS } from "./sim-mesh.js";
import type { World, WorldNode } from "./world.js";

export type FaultKind =
	| "partition"
	| "one-way"
	| "broken connection"
	| "daemon killed"
	| "daemon restarted"
	| "power cut"
	| "daemon paused"
	| "disk full"
	| "slow network"
	| "failing runtime"
	| "nodes join"
	| "nodes join a minority";

export interface Faults {
	/** Begins one, at that node where it is about one; it mends itself. */
	begin(kind: FaultKind, at: WorldNode): void;
	/** Ends all at once. */
	mendAll(): void;
	readonly counts: Map<FaultKind, number>;
}

const BAD_LINKS = { delayMsMin: 5, delayMsMax: 300, frameLoss: 0.1, frameTwice: 0.1, frameAstray: 0.2 };
/** Wall clocks are off by up to this after a restart. */
const CLOCK_OFFSET_MS_MAX = 2_000;

export function createFaults(world: World): Faults {
	const { timeline, network, nodes } = world;
	const chance = world.chance.split("faults");
	const counts = new Map<FaultKind, number>();
	const mends = new Set<() => void>();

	const mendLater = (leastMs: number, mostMs: number, mend: () => void) => {
		const once = () => {
			if (!mends.delete(once)) return;
			cancel();
			mend();
		};
		mends.add(once);
		const cancel = timeline.after(chance.between(leastMs, mostMs), once);
	};

	const partition = (left: readonly WorldNode[], leastMs: number) => {
		const right = nodes.filter((one) => !left.includes(one));
		if (left.length === 0 || right.length === 0) return;
		world.note(`partition ${left.map((one) => one.node)} | ${right.map((one) => one.node)}`);
		cutFor(
			left.flatMap((a) => right.flatMap((b) => [[a, b] as const, [b, a] as const])),
			leastMs,
		);
	};

	/** So many that the minority would have the majority if they all counted. */
	const joinMinority = () => {
		const [late, there] = [nodes.filter((one) => !one.hasJoined), nodes.filter((one) => one.hasJoined)];
		const minority = there.slice(0, Math.floor((there.length - 1) / 2));
		partition([...minority, ...late], 15_000);
		for (const one of late) world.start(one);
	};

	const cutFor = (pairs: readonly (readonly [WorldNode, WorldNode])[], leastMs = 500) => {
		for (const [a, b] of pairs) network.cut(a.node, b.node);
		mendLater(leastMs, 40_000, () => {
			world.note(`healed ${pairs.map(([a, b]) => `${a.node}>${b.node}`)}`);
			for (const [a, b] of pairs) network.heal(a.node, b.node);
		});
	};

	const restartLater = (one: WorldNode, leastMs: number, mostMs: number) => {
		one.clockOffsetMs = chance.between(-CLOCK_OFFSET_MS_MAX, CLOCK_OFFSET_MS_MAX);
		one.clockRate = chance.between(0.99, 1.01);
		mendLater(leastMs, mostMs, () => world.start(one));
	};

	const otherThan = (one: WorldNode) => chance.pick(nodes.filter((other) => other !== one));

	const begin = (kind: FaultKind, node: WorldNode) => {
		counts.set(kind, (counts.get(kind) ?? 0) + 1);
		switch (kind) {
			case "partition":
				return partition(
					nodes.filter(() => chance.happens(0.5)),
					500,
				);
			case "nodes join a minority":
				return joinMinority();
			case "one-way": {
				const other = otherThan(node);
				const [from, to] = chance.happens(0.5) ? [node, other] : [other, node];
				world.note(`cut ${from.node} > ${to.node}`);
				return cutFor([[from, to]]);
			}
			case "broken connection": {
				const other = otherThan(node);
				world.note(`connection ${node.node} - ${other.node} breaks`);
				return network.breakConnection(node.node, other.node);
			}
			case "daemon killed":
				if (node.process === null) return;
				world.kill(node);
				return restartLater(node, 100, 25_000);
			case "daemon restarted":
				if (node.process === null) return;
				world.kill(node);
				return restartLater(node, 50, 1_500);
			case "power cut":
				if (node.process === null) return;
				world.cutPower(node);
				return restartLater(node, 3_000, 40_000);
			case "daemon paused": {
				const pauseMs = chance.between(200, 12_000);
				world.note(`${node.node} daemon stands still for ${Math.round(pauseMs)} ms`);
				return node.process?.pause(pauseMs);
			}
			case "disk full":
				world.note(`${node.node} disk is full`);
				for (const disk of [node.machine.disk, node.machine.promises]) disk.setFull(true);
				return mendLater(200, 20_000, () => {
					for (const disk of [node.machine.disk, node.machine.promises]) disk.setFull(false);
				});
			case "slow network":
				world.note("the network is slow");
				network.setQuality(BAD_LINKS);
				return mendLater(1_000, 20_000, () => network.setQuality(GOOD_LINKS));
			case "nodes join":
				for (const late of nodes.filter((one) => !one.hasJoined && chance.happens(0.7))) world.start(late);
				return;
			case "failing runtime":
				world.note(`${node.node} runtime fails now and then`);
				node.machine.faultRate = 0.3;
				return mendLater(1_000, 20_000, () => {
					node.machine.faultRate = 0;
				});
		}
	};

	return {
		begin,
		counts,
		mendAll() {
			for (const mend of [...mends]) mend();
			for (const late of nodes.filter((one) => !one.hasJoined)) world.start(late);
		},
	};
}
