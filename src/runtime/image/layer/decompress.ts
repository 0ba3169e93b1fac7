// The tar bytes of a file that may be compressed. What it is, is told by its first bytes, not by what a manifest claims.

import { open } from "node:fs/promises";
import { createGunzip } from "node:zlib";
import { asSwarmError, SwarmError } from "../../../errors.js";
import { zstdFrames } from "./zstd-frames.js";

export type Compression = "none" | "gzip" | "zstd";

export function compressionOf(head: Uint8Array): Compression {
	if (head[0] === 0x1f && head[1] === 0x8b) return "gzip";
	const magic = head.length < 4 ? 0 : new DataView(head.buffer, head.byteOffset).getUint32(0, true);
	if (magic === 0xfd2fb528 || (magic & 0xfffffff0) >>> 0 === 0x184d2a50) return "zstd";
	return "none";
}

/** Decompressed content of `file`, piece by piece. Code `corrupt` when the compressed data is damaged. */
export async function* decompressed(file: string, signal: AbortSignal): AsyncGenerator<Buffer> {
	const handle = await open(file, "r");
	try {
		const head = Buffer.alloc(4);
		const { bytesRead } = await handle.read(head, 0, 4, 0);
		const compression = compressionOf(head.subarray(0, bytesRead));
		const source = handle.createReadStream({ start: 0, autoClose: false, highWaterMark: 256 * 1024 });
		try {
			const stream = compression === "gzip" ? source.pipe(createGunzip({ chunkSize: 128 * 1024 })) : source;
			source.on("error", (error) => stream.destroy(error));
			for await (const piece of compression === "zstd" ? zstdFrames(source) : stream) {
				signal.throwIfAborted();
				yield piece as Buffer;
			}
		} finally {
			source.destroy();
		}
	} catch (thrown) {
		throw explain(thrown);
	} finally {
		await handle.close();
	}
}

function explain(thrown: unknown): SwarmError {
	const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
	if (code.startsWith("Z_") || code.startsWith("ZSTD_")) {
		return new SwarmError("corrupt", `Cannot decompress the layer: ${(thrown as Error).message}`, { cause: thrown });
	}
	return asSwarmError(thrown, "decompress the layer");
}
