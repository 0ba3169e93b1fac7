import { describe, expect, it } from "vitest";
import type { ExecFrame } from "../../../src/node/api/contract.js";
import { decodeExecFrames, EXEC_FRAME_BYTES_MAX, encodeExecFrame } from "../../../src/node/api/frames.js";

async function* chunks(bytes: Uint8Array, size: number): AsyncIterable<Uint8Array> {
	for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function decodeAll(source: AsyncIterable<Uint8Array>): Promise<ExecFrame[]> {
	const frames: ExecFrame[] = [];
	for await (const frame of decodeExecFrames(source)) frames.push(frame);
	return frames;
}

describe("exec frames", () => {
	const frames: ExecFrame[] = [
		{ kind: "stdout", bytes: Buffer.from("hello\n") },
		{ kind: "stderr", bytes: Buffer.alloc(0) },
		{ kind: "error", error: { code: "failed", message: "no", retryable: false, details: {} } },
		{ kind: "exit", exitCode: 137 },
	];
	const wire = Buffer.concat(frames.map(encodeExecFrame));

	it.each([1, 3, 5, 4096])("come back whole from chunks of %i bytes", async (size) => {
		expect(await decodeAll(chunks(wire, size))).toEqual(frames);
	});

	it("refuse a frame longer than the limit before holding it", async () => {
		const head = Buffer.from([1, 0, 0, 0, 0]);
		head.writeUInt32BE(EXEC_FRAME_BYTES_MAX + 1, 1);
		await expect(decodeAll(chunks(head, 5))).rejects.toMatchObject({ code: "too-large" });
	});

	it("refuse a kind that does not exist", async () => {
		await expect(decodeAll(chunks(Buffer.from([9, 0, 0, 0, 0]), 5))).rejects.toMatchObject({ code: "corrupt" });
	});
});
