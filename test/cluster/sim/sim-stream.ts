// Both ends of a simulated stream. Chunks travel by `carry`, which keeps their order; a writer waits when the far end has a
// window of bytes it did not read; a broken stream rejects reads and writes with `unreachable`.

import { SwarmError } from "../../../src/errors.js";
import type { MeshStream } from "../../../src/mesh/mesh.js";
import type { NodeId } from "../../../src/model.js";

export interface SimStream {
	readonly stream: MeshStream;
	/** The connection under it ended. */
	breakOff(why: string): void;
}

/** Delivers at the end of `side` after the link's delay, in order, or never. */
type Carry = (side: NodeId, deliver: () => void) => void;

const WINDOW_BYTES = 1024 * 1024;

interface End {
	readonly node: NodeId;
	readonly arrived: Uint8Array[];
	/** Bytes on their way to this end or not read by it. */
	unread: number;
	hasEnded: boolean;
	failure: Error | null;
	/** Those who wait for a change: the reader here, the writer at the other end. */
	waiting: (() => void)[];
}

export function createStreamPair(near: NodeId, far: NodeId, carry: Carry): readonly [SimStream, SimStream] {
	const ends: readonly [End, End] = [createEnd(near), createEnd(far)];
	const fail = (end: End, why: string) => {
		end.failure ??= new SwarmError("unreachable", `Cannot use the stream: ${why}`);
		wake(end);
	};
	const breakOff = (why: string) => {
		for (const end of ends) fail(end, why);
	};
	const streamOf = (own: End, other: End): MeshStream => ({
		peer: other.node,
		async read() {
			for (;;) {
				const bytes = own.arrived.shift();
				if (bytes !== undefined) {
					own.unread -= bytes.length;
					carry(other.node, () => wake(other));
					return bytes;
				}
				if (own.failure !== null) throw own.failure;
				if (own.hasEnded) return null;
				await change(own);
			}
		},
		async write(bytes) {
			if (own.failure !== null) throw own.failure;
			other.unread += bytes.length;
			carry(other.node, () => {
				other.arrived.push(bytes);
				wake(other);
			});
			while (other.unread > WINDOW_BYTES && own.failure === null) await change(own);
		},
		async end() {
			if (own.failure !== null) throw own.failure;
			carry(other.node, () => {
				other.hasEnded = true;
				wake(other);
			});
		},
		abort(reason) {
			fail(own, reason.message);
			carry(other.node, () => fail(other, `the peer aborted it: ${reason.message}`));
		},
	});
	return [
		{ stream: streamOf(ends[0], ends[1]), breakOff },
		{ stream: streamOf(ends[1], ends[0]), breakOff },
	];
}

function createEnd(node: NodeId): End {
	return { node, arrived: [], unread: 0, hasEnded: false, failure: null, waiting: [] };
}

function change(end: End): Promise<void> {
	return new Promise((resolve) => void end.waiting.push(resolve));
}

function wake(end: End): void {
	for (const resolve of end.waiting.splice(0)) resolve();
}
