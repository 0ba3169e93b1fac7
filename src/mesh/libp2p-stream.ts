// A libp2p stream (an event target that pushes) as a MeshStream (pulled, with back-pressure both ways).
// Must never: buffer more than READ_BYTES_HIGH plus two yamux windows, report the end of a cut connection as a clean
// end, hold back a byte that the peer may wait for.
//
// Written against libp2p 3.3 / @libp2p/utils 7: its own `onDrain()` keeps a resolved promise after the first drain, so
// a writer that awaits it fills memory; its "end" event also fires for cut connections; its `resume()` grants the sender a
// new window after it has handed over what was held, also when a listener paused the stream meanwhile.

import type { Stream } from "@libp2p/interface";
import { SwarmError } from "../errors.js";
import type { NodeId } from "../model.js";
import type { MeshStream } from "./mesh.js";

/** yamux windows must be equal at both ends or the connection dies: part of the protocol version, not an option. */
export const STREAM_WINDOW_BYTES = 4 * 1024 * 1024;
/** A paused stream still receives what its window allows. */
export const STREAM_READ_BUFFER_BYTES = STREAM_WINDOW_BYTES + 1024 * 1024;
/** Bytes handed to yamux at once: with the window above 216–242 MB/s, against 107–128 with libp2p's defaults. */
const SEND_BYTES = 256 * 1024;
const READ_BYTES_HIGH = 1024 * 1024;
const CLOSE_MS_MAX = 10_000;

export function meshStreamOf(stream: Stream, peer: NodeId): MeshStream {
	tellRoomSeldom(stream);
	const arrived: Uint8Array[] = [];
	let arrivedBytes = 0;
	let finished = stream.remoteWriteStatus === "closed" && stream.status === "open";
	let failure: Error | null = null;
	let resuming = false;
	let paused = false;
	let wake: (() => void) | null = null;
	const notify = () => {
		wake?.();
		wake = null;
	};
	const ended = () => finished && stream.readBufferLength === 0;
	const fail = (error: Error) => {
		failure ??= error;
		notify();
	};

	const pauseWhenFull = () => {
		if (arrivedBytes <= READ_BYTES_HIGH || resuming) return;
		paused = true;
		quietly(() => stream.pause());
	};

	stream.addEventListener("message", (event) => {
		const { data } = event;
		arrived.push(data instanceof Uint8Array ? data : data.subarray());
		arrivedBytes += data.byteLength;
		pauseWhenFull();
		notify();
	});
	stream.addEventListener("remoteCloseWrite", () => {
		finished = true;
		notify();
	});
	stream.addEventListener("close", (event) => {
		const cut = "the connection ended";
		if (event.error !== undefined || !finished) fail(lost(peer, event.error?.message ?? cut, event.error));
		notify();
	});
	if (stream.status !== "open" && !finished) fail(lost(peer, `the stream is ${stream.status}`));

	const take = (): Uint8Array | null => {
		const bytes = arrived.length === 1 ? (arrived[0] ?? null) : Buffer.concat(arrived);
		arrived.length = 0;
		arrivedBytes = 0;
		if (!paused) return bytes;
		resuming = true;
		paused = false;
		quietly(() => stream.resume());
		resuming = false;
		pauseWhenFull();
		return bytes;
	};

	return {
		peer,
		async read() {
			for (;;) {
				if (arrivedBytes > 0) return take();
				if (failure !== null) throw failure;
				if (ended()) return null;
				if (wake !== null) throw new SwarmError("conflict", "Cannot read the stream: another read is waiting");
				await new Promise<void>((resolve) => {
					wake = resolve;
				});
			}
		},
		async write(bytes) {
			for (let offset = 0; offset < bytes.length; offset += SEND_BYTES) {
				if (failure !== null) throw failure;
				send(stream, peer, bytes.subarray(offset, offset + SEND_BYTES));
				await roomToWrite(stream);
			}
			if (failure !== null) throw failure;
		},
		writeNow(bytes) {
			if (failure !== null) throw failure;
			if (bytes.length > SEND_BYTES || isFull(stream)) return false;
			send(stream, peer, bytes);
			return true;
		},
		async end() {
			if (failure !== null) throw failure;
			await stream.close({ signal: AbortSignal.timeout(CLOSE_MS_MAX) });
		},
		abort(reason) {
			arrived.length = 0;
			arrivedBytes = 0;
			fail(reason);
			stream.abort(reason);
		},
	};
}

/** What @libp2p/yamux 8 has besides the interface. `state`: 3 is established. */
interface YamuxStream {
	state: number;
	recvWindow: number;
	recvWindowCapacity: number;
	sendWindowUpdate(): void;
}

const YAMUX_ESTABLISHED = 3;

/**
 * This yamux tells the sender of new room after every frame, however small, which costs both ends as much as the frame; yamux in
 * other languages tells when half of the window is used up, and so do we. What opens or accepts a stream is told at once.
 */
function tellRoomSeldom(stream: Stream): void {
	const yamux = stream as unknown as Partial<YamuxStream>;
	const tell = yamux.sendWindowUpdate;
	if (tell === undefined) return;
	yamux.sendWindowUpdate = function (this: YamuxStream) {
		if (this.state !== YAMUX_ESTABLISHED || this.recvWindowCapacity * 2 <= this.recvWindow) tell.call(this);
	};
}

function isFull(stream: Stream): boolean {
	return stream.writableNeedsDrain && stream.writeBufferLength > SEND_BYTES / 2 && stream.writeStatus !== "closed";
}

/** Resolves when less than one send is queued; also when the stream has ended, which the next write reports. */
async function roomToWrite(stream: Stream): Promise<void> {
	while (isFull(stream)) {
		await new Promise<void>((resolve) => {
			const done = () => {
				for (const kind of ["drain", "idle", "close"] as const) stream.removeEventListener(kind, done);
				// libp2p goes on sending in a microtask after "drain"; look again after it.
				queueMicrotask(() => queueMicrotask(resolve));
			};
			for (const kind of ["drain", "idle", "close"] as const) stream.addEventListener(kind, done);
		});
	}
}

function send(stream: Stream, peer: NodeId, bytes: Uint8Array): void {
	try {
		stream.send(bytes);
	} catch (thrown) {
		throw lost(peer, thrown instanceof Error ? thrown.message : String(thrown), thrown);
	}
}

function lost(peer: NodeId, why: string, cause?: unknown): SwarmError {
	const message = `Cannot go on with the stream of ${peer}: ${why}`;
	return new SwarmError("unreachable", message, { retryable: true, details: { node: peer }, cause });
}

/** pause and resume throw on a stream that ended in the meantime; the events tell that already. */
function quietly(act: () => void): void {
	try {
		act();
	} catch {
		// told by "close"
	}
}
