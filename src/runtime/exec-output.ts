// The output pipes of a command. Most commands are short: what they say fits into the pipes, and is read there when they have ended,
// without streams and sockets, which take longer to make and to end than they do. Only one that goes on for a while gets them.

import { closeSync, readSync } from "node:fs";
import { Socket } from "node:net";
import { Readable } from "node:stream";
import type { Clock } from "../clock.js";
import type { ExecWhole } from "./runtime.js";

/** How long output may lie in the pipes of a command that goes on. */
const SHORT_MS_MAX = 20;
/** How long an output may be silent, after the command's end, that a process left behind holds open. */
const SILENT_MS_MAX = 200;
/** What a pipe holds (pipe(7)). */
const PIPE_BYTES = 64 * 1024;
const scratch = Buffer.alloc(PIPE_BYTES);
const nothing = Buffer.alloc(0);

interface Streams {
	readonly stdout: Readable;
	readonly stderr: Readable;
}

/** What was read of a pipe so far; `fd` null: to its end, and closed. */
interface Begun {
	readonly fd: number | null;
	readonly first: Buffer;
}

export class ExecOutputs {
	readonly whole: Promise<ExecWhole | null>;
	readonly #clock: Clock;
	readonly #exit: Promise<number>;
	readonly #cancel: () => void;
	readonly #tell: (whole: ExecWhole | null) => void;
	/** Ours until there are streams. */
	readonly #fds: { readonly stdout: number; readonly stderr: number };
	#isWhole = false;
	#streams: Streams | null = null;

	/** Takes the descriptors, which do not block. */
	constructor(stdout: number, stderr: number, exit: Promise<number>, clock: Clock) {
		this.#fds = { stdout, stderr };
		this.#clock = clock;
		this.#exit = exit;
		const { promise, resolve } = Promise.withResolvers<ExecWhole | null>();
		this.whole = promise;
		this.#tell = resolve;
		this.#cancel = clock.after(SHORT_MS_MAX, () => this.#follow());
		exit.then(
			(exitCode) => this.#finish(exitCode),
			() => this.#follow(),
		);
	}

	get stdout(): Readable {
		return this.#follow().stdout;
	}

	get stderr(): Readable {
		return this.#follow().stderr;
	}

	/** Everything from now on as it comes; nothing when all has been told. */
	#follow(): Streams {
		const begun = (fd: number): Begun => ({ fd: this.#isWhole ? null : fd, first: nothing });
		return this.#begin(begun(this.#fds.stdout), begun(this.#fds.stderr));
	}

	#begin(stdout: Begun, stderr: Begun): Streams {
		if (this.#streams !== null) return this.#streams;
		this.#cancel();
		const of = (begun: Begun) => new ExecOutput(begun, this.#exit, this.#clock);
		this.#streams = { stdout: of(stdout), stderr: of(stderr) };
		this.#tell(null);
		return this.#streams;
	}

	/** What a process in the background holds open goes on. */
	#finish(exitCode: number): void {
		if (this.#streams !== null) return;
		this.#cancel();
		const stdout = readAll(this.#fds.stdout);
		const stderr = readAll(this.#fds.stderr);
		if (stdout.fd !== null || stderr.fd !== null) {
			this.#begin(stdout, stderr);
			return;
		}
		this.#isWhole = true;
		this.#tell({ stdout: stdout.first, stderr: stderr.first, exitCode });
	}
}

function readAll(fd: number): Begun {
	let first = nothing;
	for (;;) {
		const count = readSome(fd);
		if (count === null) return { fd, first };
		if (count === 0) break;
		first = Buffer.concat([first, scratch.subarray(0, count)]);
	}
	closeSync(fd);
	return { fd: null, first };
}

/** Into `scratch`; null: nothing yet, 0: no more. */
function readSome(fd: number): number | null {
	try {
		return readSync(fd, scratch);
	} catch (thrown) {
		return (thrown as NodeJS.ErrnoException).code === "EAGAIN" ? null : 0;
	}
}

class ExecOutput extends Readable {
	readonly #clock: Clock;
	readonly #socket: Socket | null;

	constructor({ fd, first }: Begun, exit: Promise<unknown>, clock: Clock) {
		super();
		this.#clock = clock;
		this.#socket = fd === null ? null : new Socket({ fd, readable: true, writable: false });
		if (first.length > 0) this.push(first);
		if (this.#socket === null) this.push(null);
		else this.#follow(this.#socket, exit);
	}

	override _read(): void {
		this.#socket?.resume();
	}

	override _destroy(error: Error | null, done: (error: Error | null) => void): void {
		this.#socket?.destroy();
		done(error);
	}

	#follow(socket: Socket, exit: Promise<unknown>): void {
		socket.on("data", (bytes: Buffer) => {
			if (!this.push(bytes)) socket.pause();
		});
		// Of a pipe only its end is known; whoever destroys it meanwhile knows why.
		socket.on("error", () => {});
		socket.once("close", () => {
			if (!this.readableEnded && !this.destroyed) this.push(null);
		});
		const finish = () => this.#endWhenSilent(socket, socket.bytesRead);
		exit.then(finish, finish);
	}

	#endWhenSilent(socket: Socket, bytesSeen: number): void {
		if (socket.destroyed || this.destroyed) return;
		// What has arrived meanwhile is read before the immediate, however late the timer is.
		this.#clock.after(SILENT_MS_MAX, () =>
			setImmediate(() => {
				const waits = this.readableLength > 0 || socket.isPaused();
				if (socket.bytesRead === bytesSeen && !waits) socket.destroy();
				else this.#endWhenSilent(socket, socket.bytesRead);
			}),
		);
	}
}
