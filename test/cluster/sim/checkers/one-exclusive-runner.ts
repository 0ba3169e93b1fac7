// Never two: an exclusive container executes on one machine at most at any moment, whatever happens to daemons and network.
// Looked at whenever one begins, so that no overlap is too short.

import type { World } from "../world.js";
import { BrokenPromise, type Checker } from "./checker.js";

export function oneExclusiveRunner(world: World): Checker {
	for (const { node, machine } of world.nodes) {
		machine.onRun = ({ state }) => {
			if (state.spec.policy !== "exclusive") return;
			const isRunning = ({ machine: other }: (typeof world.nodes)[number]) =>
				other !== machine && other.running().some((one) => one.state.container === state.container);
			const rival = world.nodes.find(isRunning);
			if (rival === undefined) return;
			const message = `the exclusive ${state.container} begins on ${node} while it runs on ${rival.node}`;
			world.timeline.fail(new BrokenPromise(message));
		};
	}
	return { look() {}, conclude() {} };
}
