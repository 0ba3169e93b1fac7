// One output stream of a container, `<unix-ms> <F or P> <text>\n` a line, read in blocks from a place on and over the ends of its
// files. The monitor appends while this reads; a line that is not whole yet stays for the next read.

import type { FileHandle } from "node:fs/promises";
import type { LogLine } from "../../model.js";
import { openFollowing, openSegments } from "./log-segments.js";

const BLOCK_BYTES = 64 * 1024;
/** 16 KiB of text, the time and the mark; anything longer is not the monitor's. */
const LINE_BYTES_MAX = 64 * 1024;
const LINE_FEED = 0x0a;

export class LogFile {
	readonly #directory: string;
	readonly #stream: LogLine["stream"];
	/** null: not looked yet. The first is the one that is read. */
	#segments: FileHandle[] | null = null;
	#offset = 0;
	#rest: Buffer = Buffer.alloc(0);
	readonly #lines: LogLine[] = [];

	constructor(directory: string, stream: LogLine["stream"]) {
		this.#directory = directory;
		this.#stream = stream;
	}

	/** The next line without taking it; null when none is left in memory. */
	get head(): LogLine | null {
		return this.#lines[0] ?? null;
	}

	take(): LogLine | null {
		return this.#lines.shift() ?? null;
	}

	/** Reads the next block when no line is left in memory. False at the end of what is written by now. */
	async fill(): Promise<boolean> {
		while (this.#lines.length === 0) {
			const segments = await this.#open();
			const handle = segments[0];
			if (handle === undefined) return false;
			const isLast = segments.length === 1;
			// Before the read: what a file got until it was full is then seen.
			const following = isLast ? await openFollowing(this.#directory, this.#stream, handle) : null;
			if (following !== null) segments.push(...following);
			if (await this.#readBlock(handle)) continue;
			if (segments.length === 1) return false;
			await this.#leave(segments);
		}
		return true;
	}

	/** Moves to the start of the last `count` lines. Before the first `fill` only. */
	async seekTail(count: number): Promise<void> {
		const segments = await this.#open();
		let left = count;
		for (let index = segments.length - 1; index >= 0; index--) {
			const handle = segments[index];
			if (handle === undefined) return;
			const { found, offset } = await lastLines(handle, left);
			left -= found;
			if (left > 0 && index > 0) continue;
			for (const earlier of segments.splice(0, index)) await earlier.close();
			this.#offset = offset;
			return;
		}
	}

	/** Leaves out files whose last line is older. Before the first `fill` only. */
	async skipBefore(timeMs: number): Promise<void> {
		const segments = await this.#open();
		while (segments.length > 1 && ((await segments[0]?.stat())?.mtimeMs ?? timeMs) < timeMs)
			await segments.shift()?.close();
	}

	async close(): Promise<void> {
		for (const handle of this.#segments ?? []) await handle.close();
		this.#segments = [];
	}

	/** Nothing there yet is looked for again. */
	async #open(): Promise<FileHandle[]> {
		if (this.#segments === null || this.#segments.length === 0)
			this.#segments = [...(await openSegments(this.#directory, this.#stream))];
		return this.#segments;
	}

	async #readBlock(handle: FileHandle): Promise<boolean> {
		const block = Buffer.allocUnsafe(BLOCK_BYTES);
		const { bytesRead } = await handle.read(block, 0, BLOCK_BYTES, this.#offset);
		this.#offset += bytesRead;
		if (bytesRead > 0) this.#split(block.subarray(0, bytesRead));
		return bytesRead > 0;
	}

	/** On to the next file. A full one ends with a whole line: what is left was torn. */
	async #leave(segments: FileHandle[]): Promise<void> {
		await segments.shift()?.close();
		this.#offset = 0;
		this.#rest = Buffer.alloc(0);
	}

	#split(block: Buffer): void {
		const bytes = this.#rest.length === 0 ? block : Buffer.concat([this.#rest, block]);
		let start = 0;
		for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, start)) {
			const line = decodeLogLine(bytes.toString("utf8", start, end), this.#stream);
			if (line !== null) this.#lines.push(line);
			start = end + 1;
		}
		this.#rest = bytes.length - start > LINE_BYTES_MAX ? Buffer.alloc(0) : Buffer.from(bytes.subarray(start));
	}
}

/** Where the last `count` lines of a file begin, or all of them, and how many these are. */
async function lastLines(
	handle: FileHandle,
	count: number,
): Promise<{ readonly found: number; readonly offset: number }> {
	const { size } = await handle.stat();
	if (count === 0) return { found: 0, offset: size };
	let found = 0;
	for (let end = size; end > 0; ) {
		const start = Math.max(0, end - BLOCK_BYTES);
		const block = Buffer.allocUnsafe(end - start);
		const { bytesRead } = await handle.read(block, 0, end - start, start);
		for (let index = bytesRead - 1; index >= 0; index--) {
			if (block[index] !== LINE_FEED || start + index === size - 1) continue;
			found += 1;
			if (found === count) return { found, offset: start + index + 1 };
		}
		end = start;
	}
	return { found: size === 0 ? found : found + 1, offset: 0 };
}

/** null for what the monitor did not write: a torn line after a power cut. */
export function decodeLogLine(line: string, stream: LogLine["stream"]): LogLine | null {
	const found = /^(\d{1,16}) ([FP]) ?(.*)$/s.exec(line);
	if (found === null) return null;
	const [, ms, mark, text] = found;
	return { timeMs: Number(ms), stream, text: text ?? "", partial: mark === "P" };
}
