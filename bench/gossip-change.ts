// What both sides of the gossip bench send, and what is asked of each.

import { type ContainerRecord, containerIdOf, type NodeId } from "../src/model.js";

/** What is measured: one writes, all see. */
export interface Gossiper {
	readonly address: string;
	token(uses: number): Promise<string>;
	/** Resolves when all are connected and would hear. */
	connect(addresses: readonly string[]): Promise<void>;
	write(number: number): Promise<void>;
	close(): Promise<void>;
}

/** About what a container's record is; also what the peer sends. */
export function changeOf(node: NodeId, number: number): ContainerRecord {
	return {
		...{ kind: "container", container: containerIdOf("bench", number), node, epoch: 1, revision: 1 },
		...{ phase: "running", exitCode: null, address: "10.99.1.2", imageDigest: null, createdAtMs: 1_700_000_000_000 },
		...{ startedAtMs: 1_700_000_000_000, finishedAtMs: null, error: null, health: null },
	};
}
