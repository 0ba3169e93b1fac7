import { randomBytes } from "node:crypto";
import { constants, zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { zstdFrames } from "../../../src/runtime/image/layer/zstd-frames.js";

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
	for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(bytes: Buffer, size = 1000): Promise<Buffer> {
	const out: Buffer[] = [];
	for await (const piece of zstdFrames(pieces(bytes, size))) out.push(piece);
	return Buffer.concat(out);
}

const skippable = Buffer.concat([Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0]), Buffer.from("abc")]);
const withChecksum = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };

describe("zstd frames", () => {
	it.each([1, 7, 1000, 1_000_000])(
		"reads many frames and skips what is to be skipped, in pieces of %d",
		async (size) => {
			const parts = [randomBytes(3000), Buffer.alloc(300_000), Buffer.alloc(0), Buffer.from("end")];
			const packed = parts.flatMap((part, i) => [zstdCompressSync(part, i % 2 ? withChecksum : {}), skippable]);
			expect((await read(Buffer.concat(packed), size)).equals(Buffer.concat(parts))).toBe(true);
		},
	);

	it("calls torn, foreign and damaged data corrupt", async () => {
		const packed = zstdCompressSync(randomBytes(5000), withChecksum);
		await expect(read(packed.subarray(0, 3000))).rejects.toMatchObject({ code: "corrupt" });
		await expect(read(Buffer.concat([packed, Buffer.from("tail")]))).rejects.toMatchObject({ code: "corrupt" });
		packed.writeUInt8(packed.readUInt8(2000) ^ 1, 2000);
		await expect(read(packed)).rejects.toThrow();
	});

	it("lets go when the reader does", async () => {
		const packed = zstdCompressSync(Buffer.alloc(10_000_000));
		for await (const piece of zstdFrames(pieces(packed, 100))) {
			expect(piece.length).toBeGreaterThan(0);
			break;
		}
	});
});
