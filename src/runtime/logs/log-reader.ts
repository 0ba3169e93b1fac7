// A container's output as one sequence: both streams merged by time, from the start or the last lines, and on to the
// container's end when followed. Woken by inotify and by the container's state; never polls.

import { type FSWatcher, watch } from "node:fs";
import { SwarmError } from "../../errors.js";
import type { LogLine } from "../../model.js";
import type { LogOptions } from "../runtime.js";
import { LogFile } from "./log-file.js";

export interface LogSource {
	/** Directory with `stdout` and `stderr` and what was full before them. */
	readonly directory: string;
	/** Whether no line can follow any more. */
	ended(): boolean;
	/** Calls back whenever `ended` may have changed. Gives the unsubscribe function. */
	onChange(wake: () => void): () => void;
}

/** Last lines are gathered in memory before they are merged. */
export const TAIL_LINES_MAX = 100_000;

export async function* readLogs(source: LogSource, options: LogOptions, signal: AbortSignal): AsyncIterable<LogLine> {
	if (
		options.tail !== null &&
		(!Number.isSafeInteger(options.tail) || options.tail < 0 || options.tail > TAIL_LINES_MAX)
	)
		throw new SwarmError("usage", `Cannot read logs: tail is ${options.tail}, wanted 0 to ${TAIL_LINES_MAX}`);
	const streams = options.stream === null ? (["stdout", "stderr"] as const) : [options.stream];
	const files = streams.map((stream) => new LogFile(source.directory, stream));
	// Before the first read, so that nothing written in between is missed.
	const bell = options.follow ? ringOnChange(source, signal) : null;
	const { sinceMs } = options;
	try {
		if (sinceMs !== null) for (const file of files) await file.skipBefore(sinceMs);
		if (options.tail !== null) yield* since(await tailOf(files, options.tail), sinceMs);
		// What is written while these are taken comes after the last lines that were asked for.
		if (options.tail !== null && bell === null) return;
		for (;;) {
			signal.throwIfAborted();
			const last = bell === null || source.ended();
			for await (const line of linesOf(files, signal)) yield* since([line], sinceMs);
			if (last) return;
			await bell.rung();
		}
	} finally {
		bell?.close();
		for (const file of files) await file.close();
	}
}

function since(lines: readonly LogLine[], sinceMs: number | null): readonly LogLine[] {
	return sinceMs === null ? lines : lines.filter((line) => line.timeMs >= sinceMs);
}

/** What is there now, merged by time; the lines of one file keep their order. */
async function* linesOf(files: readonly LogFile[], signal: AbortSignal): AsyncIterable<LogLine> {
	const unfinished = new Set(files);
	for (;;) {
		for (const file of unfinished) if (file.head === null && !(await file.fill())) unfinished.delete(file);
		signal.throwIfAborted();
		const next = earliest(files);
		const line = next?.take() ?? null;
		if (line === null) return;
		yield line;
	}
}

async function tailOf(files: readonly LogFile[], count: number): Promise<readonly LogLine[]> {
	for (const file of files) await file.seekTail(count);
	const lines: LogLine[] = [];
	for await (const line of linesOf(files, new AbortController().signal)) lines.push(line);
	return count === 0 ? [] : lines.slice(-count);
}

function earliest(files: readonly LogFile[]): LogFile | null {
	let found: LogFile | null = null;
	for (const file of files)
		if (file.head !== null && (found?.head == null || file.head.timeMs < found.head.timeMs)) found = file;
	return found;
}

interface Bell {
	/** Resolves when something happened since the last call; rejects when the signal aborts. */
	rung(): Promise<void>;
	close(): void;
}

function ringOnChange(source: LogSource, signal: AbortSignal): Bell {
	let ringing = false;
	let wake: (() => void) | null = null;
	const ring = () => {
		ringing = true;
		wake?.();
	};
	const watcher = watchDirectory(source.directory, ring);
	const unsubscribe = source.onChange(ring);
	signal.addEventListener("abort", ring, { once: true });
	return {
		async rung() {
			if (!ringing) await new Promise<void>((resolve) => (wake = resolve));
			wake = null;
			ringing = false;
			signal.throwIfAborted();
		},
		close() {
			watcher.close();
			unsubscribe();
			signal.removeEventListener("abort", ring);
		},
	};
}

function watchDirectory(path: string, ring: () => void): FSWatcher {
	try {
		const watcher = watch(path, { persistent: false }, ring);
		watcher.on("error", ring);
		return watcher;
	} catch (thrown) {
		throw new SwarmError("failed", `Cannot follow logs: ${path} cannot be watched (fs.inotify limits?)`, {
			cause: thrown,
		});
	}
}
