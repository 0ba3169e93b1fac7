// Both ends of a simulated stream. Chunks travel by `carry`, which keeps their order; a broken stream rejects reads and writes.

import type { MeshStream } from "../../../src/mesh/mesh.js";
import type { NodeId } from "../../../src/model.js";

export interface SimStream {
	readonly stream: MeshStream;
	/** The connection under it ended. */
	breakOff(reason: Error): void;
}

/** Delivers at the end of `side` after the link's delay, in order, or never. */
type Carry = (side: NodeId, deliver: () => void) => void;

interface End {
	readonly node: NodeId;
	readonly arrived: Uint8Array[];
	hasEnded: boolean;
	failure: Error | null;
	wake: () => void;
}

export function createStreamPair(near: NodeId, far: NodeId, carry: Carry): readonly [SimStream, SimStream] {
	const ends: readonly [End, End] = [createEnd(near), createEnd(far)];
	const fail = (end: End, reason: Error) => {
		end.failure ??= reason;
		end.wake();
	};
	const breakOff = (reason: Error) => {
		for (const end of ends) fail(end, reason);
	};
	const streamOf = (own: End, other: End): MeshStream => ({
		peer: other.node,
		async read() {
			for (;;) {
				const bytes = own.arrived.shift();
				if (bytes !== undefined) return bytes;
				if (own.failure !== null) throw own.failure;
				if (own.hasEnded) return null;
				await new Promise<void>((resolve) => {
					own.wake = resolve;
				});
			}
		},
		async write(bytes) {
			if (own.failure !== null) throw own.failure;
			carry(other.node, () => {
				other.arrived.push(bytes);
				other.wake();
			});
		},
		async end() {
			if (own.failure !== null) throw own.failure;
			carry(other.node, () => {
				other.hasEnded = true;
				other.wake();
			});
		},
		abort(reason) {
			fail(own, reason);
			carry(other.node, () => fail(other, new Error(`the peer aborted: ${reason.message}`)));
		},
	});
	return [
		{ stream: streamOf(ends[0], ends[1]), breakOff },
		{ stream: streamOf(ends[1], ends[0]), breakOff },
	];
}

function createEnd(node: NodeId): End {
	return { node, arrived: [], hasEnded: false, failure: null, wake: () => {} };
}
