// Bytes of a stream into a new file, with an eye on the disk.

import { open } from "node:fs/promises";
import type { SpaceGuard } from "../../runtime/image/space.js";

export async function keepFile(
	path: string,
	bytes: AsyncIterable<Uint8Array>,
	space: SpaceGuard,
	signal: AbortSignal,
): Promise<void> {
	const handle = await open(path, "wx", 0o600);
	try {
		for await (const part of bytes) {
			signal.throwIfAborted();
			await space.take(part.length);
			await handle.writeFile(part);
		}
	} finally {
		await handle.close();
	}
}

/** The same bytes, as long as the disk has room for them. */
export async function* guarded(bytes: AsyncIterable<Uint8Array>, space: SpaceGuard): AsyncIterable<Uint8Array> {
	for await (const part of bytes) {
		await space.take(part.length);
		yield part;
	}
}
