// One call at a time for each container, in the order of asking; different containers side by side.

import { SwarmError } from "../errors.js";
import type { ContainerId } from "../model.js";

/** Calls that wait for one container. */
export const TURNS_WAITING_MAX = 64;

export interface Turns {
	/** Runs `work` when everything asked before for that container has settled. `refused` when too many wait. */
	take<T>(container: ContainerId, work: () => Promise<T>): Promise<T>;
	/** Resolves when nothing runs or waits. */
	idle(): Promise<void>;
}

export function createTurns(): Turns {
	const queues = new Map<ContainerId, { last: Promise<unknown>; length: number }>();
	return {
		take(container, work) {
			const queue = queues.get(container) ?? { last: Promise.resolve(), length: 0 };
			if (queue.length >= TURNS_WAITING_MAX)
				return Promise.reject(
					new SwarmError("refused", `Cannot queue a call for ${container}: ${queue.length} wait already`, {
						retryable: true,
					}),
				);
			queues.set(container, queue);
			queue.length += 1;
			const turn = queue.last.then(work);
			queue.last = turn
				.catch(() => {})
				.then(() => {
					queue.length -= 1;
					if (queue.length === 0) queues.delete(container);
				});
			return turn;
		},
		async idle() {
			while (queues.size > 0) await Promise.all([...queues.values()].map(({ last }) => last));
		},
	};
}
