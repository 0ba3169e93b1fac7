// Never two: a container executes on one machine at most. Only while nodes were cut off for so long that others may have taken them
// for dead (a split, announced by the world) an `available` workload may run on several; within a bound after it one is left.

import type { User } from "../user.js";
import type { World } from "../world.js";
import { BrokenPromise, type Checker, HEAL_MS_MAX } from "./checker.js";

export function oneLiveCopy(world: World, user: () => User): Checker {
	return {
		look() {
			if (world.timeline.nowMs() - world.lastSplitMs < HEAL_MS_MAX) return;
			for (const [container, nodes] of copiesOf(world)) {
				const isExcused = user().isDisputed(container.slice(0, container.lastIndexOf(".")));
				if (nodes.length > 1 && !isExcused)
					throw new BrokenPromise(`${container} runs on ${nodes.join(" and ")} at once`);
			}
		},
		conclude() {},
	};
}

function copiesOf(world: World): ReadonlyMap<string, readonly string[]> {
	const copies = new Map<string, string[]>();
	for (const { node, machine } of world.nodes) {
		for (const { state } of machine.running())
			copies.set(state.container, [...(copies.get(state.container) ?? []), node]);
	}
	return copies;
}
