import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LogLine } from "../../../src/model.js";
import { type LogSource, readLogs } from "../../../src/runtime/logs/log-reader.js";

let directory: string;
let ended: boolean;
let wake: (() => void)[];
const all = { tail: null, follow: false, stream: null };
const never = new AbortController().signal;

beforeEach(() => {
	directory = join(mkdtempSync(join(tmpdir(), "swarm-logs-")), "log");
	mkdirSync(directory);
	ended = false;
	wake = [];
});
afterEach(() => rmSync(join(directory, ".."), { recursive: true, force: true }));

function source(): LogSource {
	return {
		directory,
		ended: () => ended,
		onChange: (callback) => {
			wake.push(callback);
			return () => void wake.splice(wake.indexOf(callback), 1);
		},
	};
}

function write(stream: "stdout" | "stderr", text: string): void {
	appendFileSync(join(directory, stream), text);
}

function end(): void {
	ended = true;
	for (const callback of [...wake]) callback();
}

async function texts(lines: AsyncIterable<LogLine>): Promise<readonly string[]> {
	const found: string[] = [];
	for await (const line of lines) found.push(line.text);
	return found;
}

describe("logs", () => {
	it("are both streams merged by time, each in its own order", async () => {
		write("stdout", "1 F a\n3 F c\n3 F d\n");
		write("stderr", "2 F b\n4 F e\n");
		expect(await texts(readLogs(source(), all, never))).toEqual(["a", "b", "c", "d", "e"]);
	});

	it("keep streams, times, empty lines and parts of long lines", async () => {
		write("stdout", "1 F \n2 P long\n2 F line\n");
		const lines: LogLine[] = [];
		for await (const line of readLogs(source(), { ...all, stream: "stdout" }, never)) lines.push(line);
		expect(lines).toEqual([
			{ timeMs: 1, stream: "stdout", text: "", partial: false },
			{ timeMs: 2, stream: "stdout", text: "long", partial: true },
			{ timeMs: 2, stream: "stdout", text: "line", partial: false },
		]);
	});

	it("are empty before anything was written", async () => {
		expect(await texts(readLogs(source(), all, never))).toEqual([]);
		expect(await texts(readLogs(source(), { ...all, tail: 5 }, never))).toEqual([]);
	});

	it("give the last lines of both streams together", async () => {
		write(
			"stdout",
			Array.from({ length: 5_000 }, (_, index) => `${index * 2} F out ${"x".repeat(40)} ${index}\n`).join(""),
		);
		write("stderr", Array.from({ length: 10 }, (_, index) => `${9_985 + index * 2} F err ${index}\n`).join(""));
		const last = await texts(readLogs(source(), { ...all, tail: 4 }, never));
		expect(last.map((text) => text.replace(/x+ /, ""))).toEqual(["out 4999", "err 7", "err 8", "err 9"]);
		expect(await texts(readLogs(source(), { ...all, tail: 0 }, never))).toEqual([]);
		expect(await texts(readLogs(source(), { ...all, tail: 9_999, stream: "stdout" }, never))).toHaveLength(5_000);
	});

	it("read a file that is larger than any block whole and in order", async () => {
		const lines = Array.from({ length: 20_000 }, (_, index) => `line ${index}`);
		write("stdout", lines.map((line) => `5 F ${line}\n`).join(""));
		expect(await texts(readLogs(source(), all, never))).toEqual(lines);
	});

	it("follow what is written, hold back a torn line until it is whole, and end with the container", async () => {
		write("stdout", "1 F first\n");
		const lines = readLogs(source(), { ...all, follow: true }, never)[Symbol.asyncIterator]();
		expect((await lines.next()).value?.text).toBe("first");
		const second = lines.next();
		write("stderr", "2 F sec");
		write("stderr", "ond\n");
		expect((await second).value?.text).toBe("second");
		const third = lines.next();
		write("stdout", "3 F last\n");
		end();
		expect((await third).value?.text).toBe("last");
		expect((await lines.next()).done).toBe(true);
	});

	it("follow on from the last lines", async () => {
		write("stdout", "1 F a\n2 F b\n");
		const lines = readLogs(source(), { ...all, tail: 1, follow: true }, never)[Symbol.asyncIterator]();
		expect((await lines.next()).value?.text).toBe("b");
		const next = lines.next();
		write("stdout", "3 F c\n");
		expect((await next).value?.text).toBe("c");
		end();
		expect((await lines.next()).done).toBe(true);
	});

	it("stop following when the caller goes away", async () => {
		const controller = new AbortController();
		const reading = texts(readLogs(source(), { ...all, follow: true }, controller.signal));
		controller.abort(new Error("gone"));
		await expect(reading).rejects.toThrow("gone");
		expect(wake).toEqual([]);
	});

	it("leave out what a power cut tore, and refuse a tail that is no count", async () => {
		writeFileSync(join(directory, "stdout"), "1 F whole\n\0\0\0\n2 F next\n");
		expect(await texts(readLogs(source(), all, never))).toEqual(["whole", "next"]);
		await expect(texts(readLogs(source(), { ...all, tail: -1 }, never))).rejects.toMatchObject({ code: "usage" });
	});
});
