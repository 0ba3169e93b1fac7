// Where the frames of a peer come from: bytes in order, given to whoever takes them as they arrive.

import type { Clock } from "../clock.js";
import type { MeshStream } from "./mesh.js";

export interface FrameSource {
	/**
	 * Gives the bytes until they end; may be called once. `take` says how many milliseconds nothing more may come. Rejects when the
	 * source fails, or with what `take` throws.
	 */
	each(take: (bytes: Uint8Array) => number): Promise<void>;
	/** This side writes nothing more either. */
	end(): Promise<void>;
	abort(reason: Error): void;
}

const never = new AbortController().signal;

export function framesOfStream(stream: MeshStream, clock: Clock): FrameSource {
	return {
		async each(take) {
			for (;;) {
				const bytes = await stream.read();
				if (bytes === null) return;
				const waitMs = take(bytes);
				if (waitMs > 0) await clock.sleep(waitMs, never);
			}
		},
		end: () => stream.end(),
		abort: (reason) => stream.abort(reason),
	};
}
