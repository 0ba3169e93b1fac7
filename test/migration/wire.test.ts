import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SwarmError } from "../../src/errors.js";
import { ChunkBuffer, MoveChannel } from "../../src/migration/channel.js";
import { decodeMessage } from "../../src/migration/wire.js";
import type { NodeId } from "../../src/model.js";
import { createStreamPair } from "../cluster/sim/sim-stream.js";

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const channels = () => {
	const [near, far] = createStreamPair("a" as NodeId, "b" as NodeId, (_, deliver) => queueMicrotask(deliver));
	return [near.stream, far.stream, new MoveChannel(near.stream), new MoveChannel(far.stream)] as const;
};

describe("the messages of a move", () => {
	it.each(["../etc", "a/b", "..", ".hidden", "", "x".repeat(256), "a\0b"])("refuses the file name %j", (name) => {
		expect(() => decodeMessage(encode({ kind: "file", section: "images", name }))).toThrow(
			/Cannot read a move's message/,
		);
	});

	it.each(["../web.0", "web", "web.0/x", "web.99999"])("refuses the container %j", (container) => {
		expect(() => decodeMessage(encode({ kind: "query", move: "a".repeat(24), container }))).toThrow(/container/);
	});

	it("refuses garbage with an error and never with anything else", () => {
		fc.assert(
			fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.jsonValue().map(encode)), (bytes) => {
				try {
					decodeMessage(bytes);
				} catch (thrown) {
					expect(thrown).toBeInstanceOf(SwarmError);
				}
			}),
		);
	});
});

describe("a channel", () => {
	it("brings messages and chunks in order, however the bytes are cut", async () => {
		const [near, far, , receiver] = channels();
		const parts: Buffer[] = [];
		const writer = new MoveChannel({ ...near, write: async (bytes) => void parts.push(Buffer.from(bytes)) });
		const chunk = new ChunkBuffer();
		chunk.content.fill("x", 0, 70_000);
		await writer.post({ kind: "file", section: "images", name: "pages-1.img" });
		await writer.sendChunk(chunk, 70_000);
		await writer.sendBytes(Buffer.from("end"));
		await writer.send({ kind: "ready" });
		const all = Buffer.concat(parts);
		for (let at = 0; at < all.length; at += 997) await near.write(all.subarray(at, at + 997));
		await near.end();
		expect(await receiver.receive()).toMatchObject({ kind: "file", name: "pages-1.img" });
		expect(((await receiver.receive()) as { bytes: Uint8Array }).bytes.length).toBe(70_000);
		expect(Buffer.from(((await receiver.receive()) as { bytes: Uint8Array }).bytes).toString()).toBe("end");
		expect(await receiver.receive()).toEqual({ kind: "ready" });
		expect(await receiver.receive()).toBeNull();
		far.abort(new Error("over"));
	});

	it("refuses frames that are too large or of another kind, and streams that end inside one", async () => {
		for (const bytes of [
			[2, 0xff, 0xff, 0xff, 0x7f],
			[9, 0, 0, 0, 0],
			[1, 5, 0, 0, 0, 1],
		]) {
			const [near, , , receiver] = channels();
			await near.write(Uint8Array.from(bytes));
			await near.end();
			await expect(receiver.receive()).rejects.toBeInstanceOf(SwarmError);
		}
	});
});
