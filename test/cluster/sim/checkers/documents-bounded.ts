// No document grows past its bound: every chain that a disk holds is at most a few times its own snapshot (crdt/own-document.ts).

import { decodeEnvelope } from "../../../../src/crdt/envelope.js";
import { decodeJournal } from "../../../../src/crdt/journal.js";
import { CHAIN_BYTES_MIN, GROWTH_FACTOR } from "../../../../src/crdt/own-document.js";
import type { World } from "../world.js";
import { BrokenPromise, type Checker } from "./checker.js";

interface Chain {
	readonly snapshotBytes: number;
	bytes: number;
	lastBytes: number;
}

export function documentsBounded(world: World): Checker {
	return {
		look() {},
		conclude() {
			for (const { node, machine } of world.nodes) {
				const chains = new Map<string, Chain>();
				for (const entry of decodeJournal(machine.disk.backup()).entries) {
					const { writer, generation, sequence } = decodeEnvelope(entry);
					const name = `${writer} ${generation}`;
					if (sequence === 0) chains.set(name, { snapshotBytes: entry.length, bytes: 0, lastBytes: 0 });
					const chain = chains.get(name);
					if (chain === undefined) continue;
					chain.bytes += entry.length;
					chain.lastBytes = entry.length;
				}
				for (const [name, { snapshotBytes, bytes, lastBytes }] of chains) {
					const most = Math.max(CHAIN_BYTES_MIN, GROWTH_FACTOR * snapshotBytes) + lastBytes;
					if (bytes > most)
						throw new BrokenPromise(`a document (${name}) on ${node} has ${bytes} bytes, at most ${most} are allowed`);
				}
			}
		},
	};
}
