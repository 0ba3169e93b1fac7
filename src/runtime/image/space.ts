// Guards the disk while bytes of unknown number are written: a limit by count, and the free space of the file system.
// This is what stops a small archive from unpacking into more than the machine has.

import { statfs } from "node:fs/promises";
import { SwarmError } from "../../errors.js";
import { FREE_BYTES_RESERVE, FREE_CHECK_BYTES } from "./limits.js";

export interface SpaceGuard {
	/** To be awaited before `bytes` more are written. Code `too-large` past the limit or with the disk nearly full. */
	take(bytes: number): Promise<void>;
	/** Bytes taken so far. */
	readonly takenBytes: number;
}

/** Free bytes for root on the file system of `directory`. */
export async function freeBytes(directory: string): Promise<number> {
	const stat = await statfs(directory);
	return stat.bavail * stat.bsize;
}

export function guardSpace(directory: string, what: string, bytesMax: number): SpaceGuard {
	let taken = 0;
	let uncheckedBytes = FREE_CHECK_BYTES;
	return {
		get takenBytes() {
			return taken;
		},
		async take(bytes) {
			taken += bytes;
			if (taken > bytesMax) {
				throw new SwarmError("too-large", `Cannot unpack ${what}: it is larger than ${bytesMax} bytes`, {
					details: { limitBytes: bytesMax },
				});
			}
			uncheckedBytes += bytes;
			if (uncheckedBytes < FREE_CHECK_BYTES) return;
			uncheckedBytes = 0;
			const free = await freeBytes(directory);
			if (free - bytes < FREE_BYTES_RESERVE) {
				throw new SwarmError(
					"too-large",
					`Cannot unpack ${what}: ${free} bytes are free in ${directory}, wanted ${bytes + FREE_BYTES_RESERVE}`,
					{ details: { freeBytes: free, reserveBytes: FREE_BYTES_RESERVE } },
				);
			}
		},
	};
}
