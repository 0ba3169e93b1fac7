// One log file of a container, `<unix-ms> <F or P> <text>\n` a line, read in blocks from a place on. The monitor appends
// while this reads; a line that is not whole yet stays for the next read. The descriptor is kept, so that a removed file can be
// read to its end.

import { type FileHandle, open } from "node:fs/promises";
import type { LogLine } from "../../model.js";

const BLOCK_BYTES = 64 * 1024;
/** 16 KiB of text, the time and the mark; anything longer is not the monitor's. */
const LINE_BYTES_MAX = 64 * 1024;
const LINE_FEED = 0x0a;

export class LogFile {
	readonly #path: string;
	readonly #stream: LogLine["stream"];
	#handle: FileHandle | null = null;
	#offset = 0;
	#rest: Buffer = Buffer.alloc(0);
	readonly #lines: LogLine[] = [];

	constructor(path: string, stream: LogLine["stream"]) {
		this.#path = path;
		this.#stream = stream;
	}

	/** The next line without taking it; null when none is left in memory. */
	get head(): LogLine | null {
		return this.#lines[0] ?? null;
	}

	take(): LogLine | null {
		return this.#lines.shift() ?? null;
	}

	/** Reads the next block when no line is left in memory. False at the end of the file as it is now. */
	async fill(): Promise<boolean> {
		while (this.#lines.length === 0) {
			const handle = await this.#open();
			if (handle === null) return false;
			const block = Buffer.allocUnsafe(BLOCK_BYTES);
			const { bytesRead } = await handle.read(block, 0, BLOCK_BYTES, this.#offset);
			if (bytesRead === 0) return false;
			this.#offset += bytesRead;
			this.#split(block.subarray(0, bytesRead));
		}
		return true;
	}

	/** Moves to the start of the last `count` lines. Before the first `fill` only. */
	async seekTail(count: number): Promise<void> {
		const handle = await this.#open();
		if (handle === null) return;
		const { size } = await handle.stat();
		let found = 0;
		for (let end = size; end > 0; ) {
			const start = Math.max(0, end - BLOCK_BYTES);
			const block = Buffer.allocUnsafe(end - start);
			const { bytesRead } = await handle.read(block, 0, end - start, start);
			for (let index = bytesRead - 1; index >= 0; index--) {
				if (block[index] !== LINE_FEED || start + index === size - 1) continue;
				found += 1;
				if (found < count) continue;
				this.#offset = start + index + 1;
				return;
			}
			end = start;
		}
		if (count === 0) this.#offset = size;
	}

	async close(): Promise<void> {
		await this.#handle?.close();
		this.#handle = null;
	}

	async #open(): Promise<FileHandle | null> {
		if (this.#handle !== null) return this.#handle;
		try {
			this.#handle = await open(this.#path, "r");
		} catch (thrown) {
			if ((thrown as NodeJS.ErrnoException).code !== "ENOENT") throw thrown;
		}
		return this.#handle;
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

/** null for what the monitor did not write: a torn line after a power cut. */
export function decodeLogLine(line: string, stream: LogLine["stream"]): LogLine | null {
	const found = /^(\d{1,16}) ([FP]) ?(.*)$/s.exec(line);
	if (found === null) return null;
	const [, ms, mark, text] = found;
	return { timeMs: Number(ms), stream, text: text ?? "", partial: mark === "P" };
}
