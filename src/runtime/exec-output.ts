// One output pipe of a command. Most commands are short: what they say fits into the pipe, and is read there when they have ended,
// without a socket, which takes longer to make and to end than they do. Only one that goes on for a while gets one.

import { closeSync, readSync } from "node:fs";
import { Socket } from "node:net";
import { Readable } from "node:stream";
import type { Clock } from "../clock.js";

/** How long output may lie in the pipe of a command that goes on. */
const SHORT_MS_MAX = 20;
/** How long an output may be silent, after the command's end, that a process left behind holds open. */
const SILENT_MS_MAX = 200;
/** What a pipe holds (pipe(7)). */
const PIPE_BYTES = 64 * 1024;
const scratch = Buffer.alloc(PIPE_BYTES);

export class ExecOutput extends Readable {
	readonly #clock: Clock;
	readonly #cancel: () => void;
	/** Ours until there is a socket, which then has it; null: closed or the socket's. */
	#fd: number | null;
	#socket: Socket | null = null;

	/** Takes the descriptor, which does not block. `ended` settles when the command has ended. */
	constructor(fd: number, ended: Promise<unknown>, clock: Clock) {
		super();
		this.#fd = fd;
		this.#clock = clock;
		this.#cancel = clock.after(SHORT_MS_MAX, () => this.#follow());
		const finish = () => this.#finish();
		ended.then(finish, finish);
	}

	override _read(): void {
		this.#socket?.resume();
	}

	override _destroy(error: Error | null, done: (error: Error | null) => void): void {
		this.#cancel();
		this.#socket?.destroy();
		this.#close();
		done(error);
	}

	#close(): void {
		if (this.#fd !== null) closeSync(this.#fd);
		this.#fd = null;
	}

	/** Everything from now on as it comes. */
	#follow(): void {
		if (this.#fd === null || this.destroyed) return;
		const socket = new Socket({ fd: this.#fd, readable: true, writable: false });
		this.#fd = null;
		this.#socket = socket;
		socket.on("data", (bytes: Buffer) => {
			if (!this.push(bytes)) socket.pause();
		});
		// Of a pipe only its end is known; whoever destroys it meanwhile knows why.
		socket.on("error", () => {});
		socket.once("close", () => this.#end());
	}

	#end(): void {
		if (!this.readableEnded && !this.destroyed) this.push(null);
	}

	#finish(): void {
		this.#cancel();
		if (this.#fd !== null && !this.destroyed) {
			const ended = this.#takeAll(this.#fd);
			if (ended) this.#close();
			else this.#follow();
			if (ended) this.#end();
		}
		this.#endWhenSilent(this.#socket?.bytesRead ?? 0);
	}

	/** Whether that was the end: what a process in the background holds open goes on. */
	#takeAll(fd: number): boolean {
		for (;;) {
			let count: number;
			try {
				count = readSync(fd, scratch);
			} catch (thrown) {
				return (thrown as NodeJS.ErrnoException).code !== "EAGAIN";
			}
			if (count === 0) return true;
			this.push(Buffer.from(scratch.subarray(0, count)));
		}
	}

	#endWhenSilent(bytesSeen: number): void {
		const socket = this.#socket;
		if (socket === null || socket.destroyed || this.destroyed) return;
		// What has arrived meanwhile is read before the immediate, however late the timer is.
		this.#clock.after(SILENT_MS_MAX, () =>
			setImmediate(() => {
				const waits = this.readableLength > 0 || socket.isPaused();
				if (socket.bytesRead === bytesSeen && !waits) socket.destroy();
				else this.#endWhenSilent(socket.bytesRead);
			}),
		);
	}
}
