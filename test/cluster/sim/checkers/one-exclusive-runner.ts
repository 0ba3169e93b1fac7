// Never two: an exclusive container executes on one machine at most at any moment, whatever happens to daemons and network.

import type { World } from "../world.js";
import { BrokenPromise, type Checker } from "./checker.js";

export function oneExclusiveRunner(world: World): Checker {
	return {
		look() {
			const runners = new Map<string, string>();
			for (const { node, machine } of world.nodes) {
				for (const { state } of machine.running()) {
					if (state.spec.policy !== "exclusive") continue;
					const other = runners.get(state.container);
					if (other !== undefined)
						throw new BrokenPromise(`the exclusive ${state.container} runs on ${other} and ${node} at once`);
					runners.set(state.container, node);
				}
			}
		},
		conclude() {},
	};
}
