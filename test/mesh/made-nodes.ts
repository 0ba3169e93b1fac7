// For tests that look at libp2p below the mesh: every node that it makes. A mock cannot name an import, so a test writes
// `vi.mock("libp2p", async (original) => (await import("./made-nodes.js")).remembering(await original()))`.

import type { Libp2p } from "libp2p";

type Library = typeof import("libp2p");

/** In the order in which they were made, in this file of tests. */
export const madeNodes: Libp2p[] = [];

export function remembering(real: Library): Library {
	return {
		...real,
		createLibp2p: async (options) => {
			const node = await real.createLibp2p(options);
			madeNodes.push(node);
			return node;
		},
	};
}
