// What is left of containers that have ended and that nobody asks for any more: cgroups without processes, a directory. Taken apart one
// after the other when none was added for a moment, so that it is not in the way of the next start. What a killed daemon left of
// it is taken apart when the next one opens.

import type { Clock } from "../clock.js";
import type { Logger } from "../log.js";
import type { ContainerId } from "../model.js";
import type { Trash } from "./trash.js";

export interface Leftovers {
	/** `dismantle` is called once, later. */
	add(container: ContainerId, dismantle: () => Promise<void>): void;
	/** Resolves when nothing of that container is left; at once for one that left nothing. */
	gone(container: ContainerId): Promise<void>;
	/** Takes all apart at once; resolves when nothing is left, nor in the trash. */
	emptied(): Promise<void>;
}

const QUIET_MS = 20;
/** More than these are taken apart without waiting for quiet. */
export const LEFTOVERS_WAITING_MAX = 64;

export interface LeftoversOptions {
	/** Where their directories go. */
	readonly trash: Pick<Trash, "emptied">;
	readonly clock: Clock;
	readonly logger: Logger;
}

export function openLeftovers({ trash, clock, logger }: LeftoversOptions): Leftovers {
	const waiting = new Map<ContainerId, () => Promise<void>>();
	let working: Promise<void> | null = null;
	let cancel = () => {};
	const takeApart = async () => {
		for (const [container, dismantle] of waiting) {
			try {
				await dismantle();
			} catch (thrown) {
				const why = { container, error: String(thrown) };
				logger.warn("what is left of a container cannot be removed; tried again at the next start", why);
			}
			waiting.delete(container);
		}
	};
	const begin = () => {
		cancel();
		working ??= takeApart().finally(() => {
			working = null;
		});
		return working;
	};
	return {
		add(container, dismantle) {
			waiting.set(container, dismantle);
			cancel();
			if (waiting.size > LEFTOVERS_WAITING_MAX) void begin();
			else cancel = clock.after(QUIET_MS, () => void begin());
		},
		async gone(container) {
			while (waiting.has(container)) await begin();
		},
		async emptied() {
			while (waiting.size > 0) await begin();
			await trash.emptied();
		},
	};
}
