import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LogLine } from "../../../src/model.js";
import { type LogSource, readLogs } from "../../../src/runtime/logs/log-reader.js";

let directory: string;
let ended: boolean;
let wake: (() => void)[];
const all = { tail: null, sinceMs: null, follow: false, stream: null };
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

	it("are no more than the last ones asked for, whatever is written meanwhile", async () => {
		write("stdout", "1 F a\n2 F b\n");
		const found: string[] = [];
		for await (const { text } of readLogs(source(), { ...all, tail: 1 }, never)) {
			found.push(text);
			write("stdout", "3 F c\n");
		}
		expect(found).toEqual(["b"]);
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

	/** As the monitor does when a file is full (native/monitor/log-file.c). */
	function rotate(stream: "stdout" | "stderr", number: number): void {
		renameSync(join(directory, stream), join(directory, `${stream}.${number}`));
		rmSync(join(directory, `${stream}.${number - 3}`), { force: true });
		write(stream, "");
	}

	it("are read across full files, in their order, also their last lines", async () => {
		for (let number = 1; number <= 12; number++) {
			write("stdout", `${number} F a${number}\n${number} F b${number}\n`);
			rotate("stdout", number);
		}
		write("stdout", "13 F last\n");
		write("stderr", "11 F error\n");
		const stdout = ["a10", "b10", "a11", "b11", "a12", "b12", "last"];
		expect(await texts(readLogs(source(), { ...all, stream: "stdout" }, never))).toEqual(stdout);
		expect(await texts(readLogs(source(), { ...all, tail: 5 }, never))).toEqual(["b11", "error", "a12", "b12", "last"]);
		for (let tail = 0; tail <= 9; tail++)
			expect(await texts(readLogs(source(), { ...all, stream: "stdout", tail }, never))).toEqual(
				tail === 0 ? [] : stdout.slice(-tail),
			);
	});

	it("are followed over full files, however many became full meanwhile", async () => {
		write("stdout", "1 F first\n");
		const lines = readLogs(source(), { ...all, follow: true }, never)[Symbol.asyncIterator]();
		expect((await lines.next()).value?.text).toBe("first");
		const next = lines.next();
		write("stdout", "2 F second\n");
		rotate("stdout", 1);
		write("stdout", "3 F third\n");
		expect((await next).value?.text).toBe("second");
		expect((await lines.next()).value?.text).toBe("third");
		for (let number = 2; number <= 9; number++) {
			rotate("stdout", number);
			write("stdout", `${number} F n${number}\n`);
		}
		end();
		const rest: string[] = [];
		for (let line = await lines.next(); !line.done; line = await lines.next()) rest.push(line.value.text);
		// Three full files are kept: those that were full when it looked again.
		expect(rest).toEqual(["n6", "n7", "n8", "n9"]);
	});

	it("are read where the next file was never begun", async () => {
		write("stdout", "1 F whole\n");
		renameSync(join(directory, "stdout"), join(directory, "stdout.4"));
		expect(await texts(readLogs(source(), all, never))).toEqual(["whole"]);
		expect(await texts(readLogs(source(), { ...all, tail: 3 }, never))).toEqual(["whole"]);
	});

	it("begin at a given time, and its last lines are of those", async () => {
		write("stdout", "10 F a\n");
		rotate("stdout", 1);
		utimesSync(join(directory, "stdout.1"), 0.01, 0.01);
		write("stdout", "20 F b\n30 F c\n40 F d\n");
		write("stderr", "15 F e\n35 F f\n");
		expect(await texts(readLogs(source(), { ...all, sinceMs: 30 }, never))).toEqual(["c", "f", "d"]);
		expect(await texts(readLogs(source(), { ...all, sinceMs: 12, tail: 4 }, never))).toEqual(["b", "c", "f", "d"]);
		expect(await texts(readLogs(source(), { ...all, sinceMs: 35, tail: 9 }, never))).toEqual(["f", "d"]);
		expect(await texts(readLogs(source(), { ...all, sinceMs: 41 }, never))).toEqual([]);
	});

	it("leave out what a power cut tore, and refuse a tail that is no count", async () => {
		writeFileSync(join(directory, "stdout"), "1 F whole\n\0\0\0\n2 F next\n");
		expect(await texts(readLogs(source(), all, never))).toEqual(["whole", "next"]);
		await expect(texts(readLogs(source(), { ...all, tail: -1 }, never))).rejects.toMatchObject({ code: "usage" });
	});
});
