// One call at a time for each container (or other thing with a name), in the order of asking; different ones side by side.

import { SwarmError } from "../errors.js";
import type { ContainerId } from "../model.js";

/** Calls that wait for one of them. */
export const TURNS_WAITING_MAX = 64;

export interface Turns<Name extends string = ContainerId> {
	/** Runs `work` when everything asked before for that name has settled. `refused` when too many wait. */
	take<T>(name: Name, work: () => Promise<T>): Promise<T>;
	/** Resolves when nothing runs or waits. */
	idle(): Promise<void>;
}

export function createTurns<Name extends string = ContainerId>(): Turns<Name> {
	const queues = new Map<Name, { last: Promise<unknown>; length: number }>();
	return {
		take(name, work) {
			const queue = queues.get(name) ?? { last: Promise.resolve(), length: 0 };
			if (queue.length >= TURNS_WAITING_MAX)
				return Promise.reject(
					new SwarmError("refused", `Cannot queue a call for ${name}: ${queue.length} wait already`, {
						retryable: true,
					}),
				);
			queues.set(name, queue);
			queue.length += 1;
			const turn = queue.last.then(work);
			queue.last = turn
				.catch(() => {})
				.then(() => {
					queue.length -= 1;
					if (queue.length === 0) queues.delete(name);
				});
			return turn;
		},
		async idle() {
			while (queues.size > 0) await Promise.all([...queues.values()].map(({ last }) => last));
		},
	};
}
