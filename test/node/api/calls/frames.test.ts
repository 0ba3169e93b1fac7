import { describe, expect, it } from "vitest";
import {
	type AnswerHead,
	answerHeadOf,
	type CallFrame,
	callFrameReader,
	encodeEnd,
	encodeHead,
	encodeParts,
	encodeWhole,
} from "../../../../src/node/api/calls/frames.js";
import { EXEC_FRAME_BYTES_MAX } from "../../../../src/node/api/frames.js";

const head: AnswerHead = { status: 200, contentType: "application/json" };

function decodeAll(bytes: Uint8Array, size: number): CallFrame<AnswerHead>[] {
	const read = callFrameReader("an answer", answerHeadOf);
	const frames: CallFrame<AnswerHead>[] = [];
	for (let at = 0; at < bytes.length; at += size) frames.push(...read(Buffer.from(bytes.subarray(at, at + size))));
	return frames;
}

describe("frames of calls", () => {
	it.each([1, 3, 5, 4096])("come back whole from chunks of %i bytes", (size) => {
		const wire = encodeWhole(head, '{"a":"ä"}');
		expect(decodeAll(wire, size)).toEqual([
			{ kind: "head", head },
			{ kind: "part", bytes: Buffer.from('{"a":"ä"}') },
			{ kind: "end" },
		]);
	});

	it("cut a long body into parts that the reader takes", () => {
		const body = Buffer.alloc(2 * EXEC_FRAME_BYTES_MAX + 1, 7);
		const parts = decodeAll(encodeWhole(head, body), 65_536).flatMap((frame) =>
			frame.kind === "part" ? [frame.bytes] : [],
		);
		expect(parts.map((part) => part.length)).toEqual([EXEC_FRAME_BYTES_MAX, EXEC_FRAME_BYTES_MAX, 1]);
		expect(Buffer.concat(parts).equals(body)).toBe(true);
	});

	it("are the same in pieces and as a whole", () => {
		const pieces = Buffer.concat([encodeHead(head), ...encodeParts("text"), encodeEnd()]);
		expect(pieces.equals(encodeWhole(head, "text"))).toBe(true);
	});

	it.each([
		["a frame of an unknown kind", Buffer.from([9, 0, 0, 0, 0]), "corrupt"],
		["a head that is no JSON", Buffer.from([1, 0, 0, 0, 1, 123]), "corrupt"],
		["a head that is no object", Buffer.from([1, 0, 0, 0, 1, 49]), "corrupt"],
		["a frame over the limit", Buffer.from([2, 0xff, 0, 0, 0]), "too-large"],
	])("refuse %s", (_what, bytes, code) => {
		expect(() => decodeAll(bytes, 64)).toThrow(expect.objectContaining({ code }));
	});
});
