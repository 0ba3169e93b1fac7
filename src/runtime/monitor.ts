// The daemon's connection to one monitor. Says what the monitor says, and asks it. A connection that ends changes nothing for
// the container; the owner of this object decides what the end means.

import { closeSync, openSync, readFileSync } from "node:fs";
import { createConnection, Socket } from "node:net";
import { SwarmError } from "../errors.js";
import type { ContainerId } from "../model.js";
import type { ContainerDirectory } from "./container-directory.js";
import { decodeExit, decodeMessage, type ExitRecord, LINE_BYTES_MAX, type MonitorMessage } from "./monitor-protocol.js";

export type MonitorEvent =
	| Extract<MonitorMessage, { kind: "standing" | "created" | "running" | "frozen" | "exited" }>
	/** The connection ended; an exit may or may not have been said before. */
	| { readonly kind: "gone" };

export type MonitorCommand = "launch" | "start" | "lease" | "thaw" | "signal" | "drain" | "ping";

/** Questions that wait for an answer on one connection. */
const WAITING_MAX = 16;

interface Waiting {
	readonly command: string;
	readonly resolve: () => void;
	readonly reject: (error: SwarmError) => void;
}

export class Monitor {
	#container: ContainerId;
	readonly #socket: Socket;
	#listener: (event: MonitorEvent) => void;
	readonly #waiting: Waiting[] = [];
	#received = "";
	#open = true;

	private constructor(container: ContainerId, socket: Socket, listener: (event: MonitorEvent) => void) {
		this.#container = container;
		this.#socket = socket;
		this.#listener = listener;
		socket.setEncoding("utf8");
		socket.on("data", (chunk: string) => this.#take(chunk));
		// The reason of a broken connection is of no use: its end is told in any case.
		socket.on("error", () => {});
		socket.on("close", () => this.#end());
	}

	/** Over a connection that its monitor was started with. Takes the descriptor. */
	static over(container: ContainerId, connection: number, listener: (event: MonitorEvent) => void): Monitor {
		return new Monitor(container, new Socket({ fd: connection, readable: true, writable: true }), listener);
	}

	/** `unreachable` when no monitor listens there. Events come to `listener` until `gone`, which is the last. */
	static connect(
		container: ContainerId,
		directory: ContainerDirectory,
		listener: (event: MonitorEvent) => void,
	): Promise<Monitor> {
		return connectMonitor(container, directory).then((socket) => new Monitor(container, socket, listener));
	}

	/** Resolves on `ok`. `failed` with the monitor's text on `error`, `unreachable` when it goes away first. */
	request(command: MonitorCommand, argument = ""): Promise<void> {
		return new Promise((resolve, reject) => {
			if (!this.#open) reject(unreachable(this.#container));
			else if (this.#waiting.length >= WAITING_MAX)
				reject(new SwarmError("refused", `Cannot ${command} ${this.#container}: ${WAITING_MAX} requests wait already`));
			else {
				this.#waiting.push({ command, resolve, reject });
				this.#socket.write(argument === "" ? `${command}\n` : `${command} ${argument}\n`);
			}
		});
	}

	/** False once it has gone. */
	get isOpen(): boolean {
		return this.#open;
	}

	/** From now on it is that container's. Events come to `listener`. */
	handTo(container: ContainerId, listener: (event: MonitorEvent) => void): void {
		this.#container = container;
		this.#listener = listener;
	}

	/** Lets go of the monitor; no event comes any more. */
	close(): void {
		this.#open = false;
		this.#socket.destroy();
		this.#refuseWaiting();
	}

	#take(chunk: string): void {
		this.#received += chunk;
		for (;;) {
			const end = this.#received.indexOf("\n");
			if (end < 0) break;
			const message = decodeMessage(this.#received.slice(0, end));
			this.#received = this.#received.slice(end + 1);
			if (message === null) {
				this.#socket.destroy();
				return;
			}
			this.#handle(message);
		}
		if (this.#received.length > LINE_BYTES_MAX) this.#socket.destroy();
	}

	#handle(message: MonitorMessage): void {
		if (message.kind !== "ok" && message.kind !== "error") {
			if (this.#open) this.#listener(message);
			return;
		}
		const index = this.#waiting.findIndex(({ command }) => command === message.command);
		const [waiting] = index < 0 ? [] : this.#waiting.splice(index, 1);
		if (message.kind === "ok") waiting?.resolve();
		else waiting?.reject(refusalOf(this.#container, message.command, message.text));
	}

	#end(): void {
		this.#refuseWaiting();
		if (!this.#open) return;
		this.#open = false;
		this.#listener({ kind: "gone" });
	}

	#refuseWaiting(): void {
		for (const { reject } of this.#waiting.splice(0)) reject(unreachable(this.#container));
	}
}

/** A connection to the monitor that listens in the directory; `unreachable` when none does. */
export function connectMonitor(container: ContainerId, directory: ContainerDirectory): Promise<Socket> {
	return new Promise((resolve, reject) => {
		let descriptor: number;
		try {
			descriptor = openSync(directory.path, "r");
		} catch (thrown) {
			reject(unreachable(container, thrown));
			return;
		}
		// A socket path ends at 107 bytes (unix(7)), whatever the length of the directory's.
		const socket = createConnection({ path: `/proc/self/fd/${descriptor}/monitor.sock` });
		const onError = (thrown: Error) => {
			closeSync(descriptor);
			reject(unreachable(container, thrown));
		};
		socket.once("error", onError);
		socket.once("connect", () => {
			closeSync(descriptor);
			socket.removeListener("error", onError);
			resolve(socket);
		});
	});
}

/** What the monitor recorded before it went; null when there is no record. */
export function readExit(directory: ContainerDirectory): ExitRecord | null {
	try {
		return decodeExit(readFileSync(directory.exit, "utf8"));
	} catch (thrown) {
		if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return null;
		throw thrown;
	}
}

function refusalOf(container: ContainerId, command: string, text: string): SwarmError {
	const code = text.startsWith("fenced") ? "fenced" : "failed";
	// Without a lease it can be tried again as soon as there is one.
	const retryable = text.startsWith("unleased");
	return new SwarmError(code, `Cannot ${command} ${container}: ${text}`, { retryable, details: { container, text } });
}

function unreachable(container: ContainerId, cause?: unknown): SwarmError {
	return new SwarmError("unreachable", `Cannot reach the monitor of ${container}: no one listens`, {
		details: { container },
		cause,
	});
}
