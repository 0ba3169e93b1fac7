// A time limit on one call, by the node's own clock.

import type { Clock } from "../clock.js";
import { SwarmError } from "../errors.js";

/** `call` gets a signal that aborts with the given one or after `limitMs` (code `timeout`). */
export async function withinMs<T>(
	clock: Clock,
	limitMs: number,
	signal: AbortSignal,
	call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
	const controller = new AbortController();
	const onAbort = () => controller.abort(signal.reason);
	if (signal.aborted) onAbort();
	signal.addEventListener("abort", onAbort, { once: true });
	const cancel = clock.after(limitMs, () =>
		controller.abort(new SwarmError("timeout", `No answer within ${limitMs} ms`, { retryable: true })),
	);
	try {
		return await call(controller.signal);
	} finally {
		cancel();
		signal.removeEventListener("abort", onAbort);
	}
}
