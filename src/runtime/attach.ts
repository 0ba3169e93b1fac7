// Following a container's output and writing to its input, over a connection of its own to the container's monitor, which holds both
// (native/README.md). Must never stop the container: one that reads too slowly is let go by the monitor.

import { Readable, Writable } from "node:stream";
import { SwarmError } from "../errors.js";
import type { Container } from "./container.js";
import { hasEnded } from "./life-cycle.js";
import { connectMonitor } from "./monitor.js";
import type { AttachSession, TerminalSize } from "./runtime.js";

/** monitor/attachment.h */
const INPUT_BYTES_MAX = 4096;
const HEADER_BYTES = 5;
const LINE_BYTES_MAX = 512;
const kinds = { stdout: 1, stderr: 2, stdin: 16, resize: 17, end: 18 } as const;
/** The monitor tells an end to the daemon and to whoever is attached over two connections. */
const END_MS_MAX = 30_000;

/** `conflict` unless the container runs or is about to. */
export async function attachTo(container: Container, signal: AbortSignal): Promise<AttachSession> {
	const { phase } = container.state;
	if (hasEnded(phase) || phase === "checkpointing" || phase === "restoring")
		throw new SwarmError("conflict", `Cannot attach to ${container.id}: it is ${phase}, wanted running`, {
			details: { container: container.id, phase },
		});
	const socket = await connectMonitor(container.id, container.directory);
	const sink = () => new Readable({ read: () => void socket.resume() });
	const output = { stdout: sink(), stderr: sink() };
	const take = reader(output, () => void socket.pause());
	const { promise: attached, resolve, reject } = Promise.withResolvers<void>();
	let line: string | null = "";
	socket.on("data", (bytes: Buffer) => {
		let rest: Buffer = bytes;
		while (line !== null && rest.length > 0) {
			const feed = rest.indexOf(10);
			line += rest.subarray(0, feed < 0 ? rest.length : feed).toString();
			rest = feed < 0 ? Buffer.alloc(0) : rest.subarray(feed + 1);
			if (line.startsWith("error attach") || line.length > LINE_BYTES_MAX) socket.destroy();
			if (feed >= 0) line = line === "ok attach" ? null : "";
			if (line === null) resolve();
		}
		if (rest.length > 0) take(rest);
	});
	socket.on("error", () => {});
	const closed = new Promise<void>((done) => {
		socket.on("close", () => {
			for (const stream of [output.stdout, output.stderr]) stream.push(null);
			reject(new SwarmError("failed", `Cannot attach to ${container.id}: its monitor went away`, { retryable: true }));
			done();
		});
	});
	socket.write("attach\n");
	await attached;
	const exit = closed.then(() => endOf(container, signal));
	exit.catch(() => {});
	return {
		...output,
		whole: Promise.resolve(null),
		stdin: inputTo(socket),
		exit,
		kill: () => void socket.destroy(),
		resize: ({ rows, columns }: TerminalSize) => {
			const payload = Buffer.alloc(4);
			payload.writeUInt16BE(rows, 0);
			payload.writeUInt16BE(columns, 2);
			if (socket.writable) socket.write(frame(kinds.resize, payload));
		},
	};
}

/** The connection has ended: with the container, or because its reader was too slow. */
async function endOf(container: Container, signal: AbortSignal): Promise<number> {
	try {
		const state = await container.until("follow", ({ phase }) => hasEnded(phase), END_MS_MAX, signal);
		return state.exitCode ?? 125;
	} catch (thrown) {
		if (!(thrown instanceof SwarmError) || thrown.code !== "timeout") throw thrown;
		throw new SwarmError("conflict", `Cannot follow ${container.id} any longer: its output was read too slowly`, {
			cause: thrown,
		});
	}
}

/** Frames into the streams they belong to. */
function reader(output: Readonly<Record<"stdout" | "stderr", Readable>>, onFull: () => void): (bytes: Buffer) => void {
	let held: Buffer = Buffer.alloc(0);
	return (bytes) => {
		held = held.length === 0 ? bytes : Buffer.concat([held, bytes]);
		while (held.length >= HEADER_BYTES) {
			const end = HEADER_BYTES + held.readUInt32BE(1);
			if (held.length < end) return;
			const stream = output[held[0] === kinds.stderr ? "stderr" : "stdout"];
			if (!stream.push(Buffer.from(held.subarray(HEADER_BYTES, end)))) onFull();
			held = held.subarray(end);
		}
	};
}

function inputTo(socket: Writable): Writable {
	const input = new Writable({
		write(chunk: Buffer, _encoding, done) {
			const frames: Buffer[] = [];
			for (let at = 0; at < chunk.length; at += INPUT_BYTES_MAX)
				frames.push(frame(kinds.stdin, chunk.subarray(at, at + INPUT_BYTES_MAX)));
			socket.write(Buffer.concat(frames), () => done());
		},
		final: (done) => void socket.write(frame(kinds.end, Buffer.alloc(0)), () => done()),
	});
	socket.on("close", () => input.destroy());
	input.on("error", () => {});
	return input;
}

function frame(kind: number, payload: Buffer): Buffer {
	const head = Buffer.alloc(HEADER_BYTES);
	head.writeUInt8(kind, 0);
	head.writeUInt32BE(payload.length, 1);
	return Buffer.concat([head, payload]);
}
