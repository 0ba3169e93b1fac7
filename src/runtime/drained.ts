// Waits for room in a stream that is written to. Unlike events.once it does not reject when the other end goes away: whoever writes
// looks for that where the stream's user says why.

import type { Writable } from "node:stream";

/** Resolves when there is room again, or nothing more will be read. */
export function drained(stream: Writable): Promise<void> {
	if (stream.destroyed) return Promise.resolve();
	return new Promise((resolve) => {
		const done = () => {
			for (const event of ["drain", "close", "error"]) stream.off(event, done);
			resolve();
		};
		for (const event of ["drain", "close", "error"]) stream.on(event, done);
	});
}
