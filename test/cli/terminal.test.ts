import { describe, expect, it } from "vitest";
import { detachKeys } from "../../src/cli/terminal.js";

async function typed(...chunks: readonly string[]) {
	let detached = 0;
	const keys = detachKeys(() => detached++);
	let passed = "";
	keys.on("data", (part: Buffer) => {
		passed += part.toString();
	});
	for (const chunk of chunks) keys.write(Buffer.from(chunk));
	await new Promise((resolve) => setImmediate(resolve));
	return { passed, detached };
}

describe("the keys that detach", () => {
	it.each([
		[["abc\u0010\u0011"], { passed: "abc", detached: 1 }],
		[["abc\u0010", "\u0011"], { passed: "abc", detached: 1 }],
		[["\u0010\u0010\u0011"], { passed: "\u0010", detached: 1 }],
	])("end the input: %j", async (chunks, seen) => {
		expect(await typed(...chunks)).toEqual(seen);
	});

	it.each([
		[["\u0010a\u0011"], "\u0010a\u0011"],
		[["\u0010", "x"], "\u0010x"],
		[["\u0011\u0010"], "\u0011"],
	])("are passed on alone: %j", async (chunks, passed) => {
		expect(await typed(...chunks)).toEqual({ passed, detached: 0 });
	});
});
