// The daemon's `swarm-init serve`: a small process that starts commands in containers (a fork of the daemon itself takes 10 ms) and
// tells their ends. Started with the first command, again when it was killed. The commands it waits for end with it.

import { closeSync } from "node:fs";
import { Socket } from "node:net";
import { SwarmError } from "../errors.js";
import type { Logger } from "../log.js";
import type { ExecForm, Native } from "../native/native.js";
import type { TerminalSize } from "./runtime.js";

/** SERVE_REQUEST_BYTES_MAX and SERVE_REQUEST_STRINGS_MAX of init/serve-request.h. */
const REQUEST_BYTES_MAX = 128 * 1024;
const REQUEST_STRINGS_MAX = 4096;

/** Two commands of a container within this: a third is expected. */
const BURST_MS_MAX = 1_000;
/** Of the containers remembered. */
const REMEMBERED_MAX = 64;

/** EPIPE, ECONNRESET, ENOTCONN, ECONNREFUSED (asm-generic/errno.h). */
const GONE: ReadonlySet<number> = new Set([32, 104, 107, 111]);

export interface ExecServerOptions {
	readonly native: Native;
	/** Of swarm-init. */
	readonly initPath: string;
	/** Takes what the server has to say when it cannot tell anybody else. */
	readonly stderrPath: string;
	readonly logger: Logger;
}

/** A command under way. */
export interface ServedCommand {
	/** Descriptors, as the form orders them; the caller's to close. */
	readonly streams: readonly number[];
	/** Exit code; rejects with `failed` when the server was killed. */
	readonly exit: Promise<number>;
	/** SIGKILL to everything of its session. */
	kill(): void;
	resize(size: TerminalSize): void;
}

interface Running {
	readonly resolve: (exitCode: number) => void;
	readonly reject: (error: SwarmError) => void;
}

interface Live {
	readonly socket: Socket;
	readonly channel: number;
	readonly running: Map<number, Running>;
}

export class ExecServer {
	readonly #options: ExecServerOptions;
	#live: Live | null = null;
	#last = 0;
	/** When the last command was asked for, by container directory, the latest last. */
	readonly #asked = new Map<string, number>();

	constructor(options: ExecServerOptions) {
		this.#options = options;
	}

	/** `words`: the request behind its number (native/README.md). Throws `too-large`, or `failed` when it cannot be sent. */
	start(words: readonly string[], form: ExecForm): ServedCommand {
		const id = ++this.#last;
		const { live, streams } = this.#sendFirst(["exec", String(id), ...words], form);
		const exit = new Promise<number>((resolve, reject) => live.running.set(id, { resolve, reject }));
		// Whoever does not ask for the exit code must not crash the daemon by it.
		exit.catch(() => {});
		const tell = (kind: "kill" | "resize", ...rest: readonly string[]) => {
			if (live.running.has(id)) this.#send(live, [kind, String(id), ...rest], "nothing");
		};
		return {
			streams,
			exit,
			kill: () => tell("kill"),
			resize: ({ rows, columns }) => tell("resize", `${rows}x${columns}`),
		};
	}

	/** Notes a command of the container; whether it is not the first in a short time, so that the server may have the next one stand by. */
	isBurst(directory: string, nowMs: number): boolean {
		const before = this.#asked.get(directory);
		this.#asked.delete(directory);
		this.#asked.set(directory, nowMs);
		const [oldest] = this.#asked.keys();
		if (this.#asked.size > REMEMBERED_MAX && oldest !== undefined) this.#asked.delete(oldest);
		return before !== undefined && nowMs - before <= BURST_MS_MAX;
	}

	/** The server ends, and what it started with it. */
	close(): void {
		const live = this.#live;
		if (live === null) return;
		live.socket.destroy();
		this.#end(live);
	}

	#open(): Live {
		const { native, initPath, stderrPath } = this.#options;
		const { connection } = native.spawnConnected([initPath, "serve"], stderrPath);
		const socket = new Socket({ fd: connection, readable: true, writable: true });
		socket.setEncoding("utf8");
		let held = "";
		const live: Live = { socket, channel: native.execChannel(connection), running: new Map() };
		socket.on("data", (text: string) => {
			const lines = (held + text).split("\n");
			held = lines.pop() ?? "";
			for (const line of lines) take(live, line);
		});
		// The reason of a broken connection is of no use: its end is told in any case.
		socket.on("error", () => {});
		socket.on("close", () => {
			if (this.#live === live) this.#options.logger.warn("the server of exec ended", { commands: live.running.size });
			this.#end(live);
		});
		this.#live = live;
		return live;
	}

	/** A server that was killed a moment ago is found out by this. */
	#sendFirst(words: readonly string[], form: ExecForm): { readonly live: Live; readonly streams: readonly number[] } {
		const known = this.#live;
		if (known !== null) {
			try {
				return { live: known, streams: this.#send(known, words, form) };
			} catch (thrown) {
				if (!(thrown instanceof SwarmError) || !GONE.has(Number(thrown.details.errno))) throw thrown;
				known.socket.destroy();
				this.#end(known);
			}
		}
		const live = this.#open();
		return { live, streams: this.#send(live, words, form) };
	}

	#send(live: Live, words: readonly string[], form: ExecForm): readonly number[] {
		const request = Buffer.from(`${words.join("\0")}\0`);
		if (words.length > REQUEST_STRINGS_MAX || request.length > REQUEST_BYTES_MAX)
			throw new SwarmError(
				"too-large",
				`Cannot exec: ${words.length} words of ${request.length} bytes, wanted at most ${REQUEST_STRINGS_MAX} and ${REQUEST_BYTES_MAX}`,
			);
		return this.#options.native.execSend(live.channel, request, form);
	}

	#end(live: Live): void {
		if (this.#live !== live) return;
		this.#live = null;
		closeSync(live.channel);
		if (live.running.size > 0) this.#options.logger.warn("the server of exec ended", { commands: live.running.size });
		const error = new SwarmError("failed", "Cannot wait for the command: it was ended with the daemon's helper");
		for (const { reject } of live.running.values()) reject(error);
		live.running.clear();
	}
}

/** `<id> exit <code>` */
function take({ running }: Live, line: string): void {
	const [id, , code] = line.split(" ").map(Number);
	if (id === undefined || code === undefined) return;
	running.get(id)?.resolve(code);
	running.delete(id);
}
