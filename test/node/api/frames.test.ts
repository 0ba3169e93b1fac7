import { describe, expect, it } from "vitest";
import type { ExecFrame } from "../../../src/node/api/contract.js";
import { EXEC_FRAME_BYTES_MAX, encodeExecFrame, execFrameReader } from "../../../src/node/api/frames.js";

function decodeAll(bytes: Uint8Array, size: number): ExecFrame[] {
	const frames: ExecFrame[] = [];
	const take = execFrameReader();
	for (let at = 0; at < bytes.length; at += size) frames.push(...take(bytes.subarray(at, at + size)));
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

	it.each([1, 3, 5, 4096])("come back whole from chunks of %i bytes", (size) => {
		expect(decodeAll(wire, size)).toEqual(frames);
	});

	it("refuse a frame longer than the limit before holding it", () => {
		const head = Buffer.from([1, 0, 0, 0, 0]);
		head.writeUInt32BE(EXEC_FRAME_BYTES_MAX + 1, 1);
		expect(() => decodeAll(head, 5)).toThrow(expect.objectContaining({ code: "too-large" }));
	});

	it("refuse a kind that does not exist", () => {
		expect(() => decodeAll(Buffer.from([9, 0, 0, 0, 0]), 5)).toThrow(expect.objectContaining({ code: "corrupt" }));
	});
});
