// Real node ids for simulated nodes (peer ids of the Ed25519 keys of sha256("simulated node 1"), …), and names for traces.

import type { NodeId } from "../../../src/model.js";

const IDS = [
	"12D3KooWJWeyjDHn3ueAMNGaqXKxDxone1Aad95R84RsmHumaJxX",
	"12D3KooWHcj62VvhAjVfptq6HwhoqLX69sbVL92BzpQGGG6siV1w",
	"12D3KooWSAUui9rA4EfGWcw3XHemHmL58ayfqcTXq35suJPzvgLh",
	"12D3KooWAkFmYcP6XraX6Fs2Vx7zP2pNTnnhPcZrSJNsHtW7yY1p",
	"12D3KooWGrAYR3a4GnkScYCZzcPhdBDEeXquo8JHMV8DTVbpatfc",
	"12D3KooWCKE7xH1xrzLZ9XbpXKeAPkpxDDg62uEz3k7dQWW4qFGV",
	"12D3KooWDaoksCnEBAuXj1xqwZ4S72Lh5VNic6sW3f5vcJfwiL1f",
	"12D3KooWByV7SuDPokMJBqYu6P8pDNyzUfpExt3oH5xGWxkbbZ3n",
] as readonly string[] as readonly NodeId[];

export function nodeIdOf(index: number): NodeId {
	const id = IDS[index];
	if (id === undefined) throw new Error(`a simulated cluster has at most ${IDS.length} nodes`);
	return id;
}

/** n1, n2, … */
export function nameOf(node: NodeId): string {
	return `n${IDS.indexOf(node) + 1}`;
}

/** The text with node ids as names. */
export function withNames(text: string): string {
	return text.replace(/12D3KooW[1-9A-HJ-NP-Za-km-z]+/g, (id) =>
		IDS.includes(id as NodeId) ? nameOf(id as NodeId) : id,
	);
}
