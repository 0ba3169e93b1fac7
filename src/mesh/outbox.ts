// Frames that wait for one peer: a bounded queue, written in order to whichever stream is attached.
// Must never: grow past its bounds (a frame is lost instead), change the order, write to two streams at once.

import type { FramePlane, MeshStream } from "./mesh.js";

export const OUTBOX_BYTES_MAX = 8 * 1024 * 1024;
export const OUTBOX_FRAMES_MAX = 4096;
/** Heartbeats and leases may use this many places more, so that a flood of state neither makes us look dead nor ends leases. */
const VITAL_FRAMES_EXTRA = 64;
/** Small frames are written together up to this size. */
const BATCH_BYTES = 64 * 1024;

/** Whoever waits for it goes on when this turn is over. */
const turnEnds = Promise.resolve();

export interface Outbox {
	/** False when the frame is lost because the queue is full. */
	offer(plane: FramePlane | "keep-alive", encoded: Uint8Array): boolean;
	/** Writes go to this stream from now on, after the write under way has ended. */
	attach(stream: MeshStream): void;
	/** No stream: frames wait. */
	detach(): void;
	/** Resolves when nothing waits, or `signal` aborts. */
	flushed(signal: AbortSignal): Promise<void>;
}

/** `onFailed` is called with the stream that could not be written. */
export function createOutbox(onFailed: (stream: MeshStream, thrown: unknown) => void): Outbox {
	let queue: Uint8Array[] = [];
	let queuedBytes = 0;
	let stream: MeshStream | null = null;
	let pumping = false;
	let idle: (() => void)[] = [];

	const takeBatch = (): Uint8Array => {
		let [count, bytes] = [0, 0];
		for (const frame of queue) {
			if (count > 0 && bytes + frame.length > BATCH_BYTES) break;
			count++;
			bytes += frame.length;
		}
		const batch = queue.slice(0, count);
		queue = queue.slice(count);
		queuedBytes -= bytes;
		return batch.length === 1 && batch[0] !== undefined ? batch[0] : Buffer.concat(batch);
	};
	const pump = async () => {
		if (pumping) return;
		pumping = true;
		while (queue.length > 0 && stream !== null) {
			const target = stream;
			try {
				await target.write(takeBatch());
			} catch (thrown) {
				if (stream === target) stream = null;
				onFailed(target, thrown);
			}
		}
		pumping = false;
		if (queue.length > 0) return;
		for (const resolve of idle) resolve();
		idle = [];
	};

	/** The first frame of a turn goes without a queue, for it goes to many peers; those that follow it in that turn go together. */
	const wroteNow = (encoded: Uint8Array): boolean => {
		const target = stream;
		try {
			pumping = target?.writeNow?.(encoded) ?? false;
		} catch (thrown) {
			stream = null;
			if (target !== null) onFailed(target, thrown);
		}
		if (pumping) void turnEnds.then(goOn);
		return pumping;
	};
	const goOn = () => {
		pumping = false;
		if (queue.length > 0 || idle.length > 0) void pump();
	};

	return {
		offer(plane, encoded) {
			const isVital = plane === "heartbeat" || plane === "lease" || plane === "consent";
			const extra = isVital ? VITAL_FRAMES_EXTRA : 0;
			const full = queuedBytes + encoded.length > OUTBOX_BYTES_MAX && !isVital;
			if (full || queue.length >= OUTBOX_FRAMES_MAX + extra) return false;
			if (queue.length === 0 && !pumping && wroteNow(encoded)) return true;
			queue.push(encoded);
			queuedBytes += encoded.length;
			void pump();
			return true;
		},
		attach(next) {
			stream = next;
			void pump();
		},
		detach() {
			stream = null;
		},
		flushed(signal) {
			if ((queue.length === 0 && !pumping) || signal.aborted) return Promise.resolve();
			return new Promise((resolve) => {
				idle.push(resolve);
				signal.addEventListener("abort", () => resolve(), { once: true });
			});
		},
	};
}
