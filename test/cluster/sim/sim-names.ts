// Real node ids for simulated nodes (peer ids of the Ed25519 keys of sha256("simulated node 1"), …), and names for traces.

import { createHash, createPrivateKey, createPublicKey } from "node:crypto";
import type { NodeId } from "../../../src/model.js";

export const SIM_NODES_MAX = 50;
const ids: NodeId[] = [];

export function nodeIdOf(index: number): NodeId {
	if (index >= SIM_NODES_MAX) throw new Error(`a simulated cluster has at most ${SIM_NODES_MAX} nodes`);
	while (ids.length <= index) ids.push(peerIdOf(`simulated node ${ids.length + 1}`));
	return ids[index] as NodeId;
}

/** n1, n2, … */
export function nameOf(node: NodeId): string {
	return `n${ids.indexOf(node) + 1}`;
}

/** The text with node ids as names. */
export function withNames(text: string): string {
	return text.replace(/12D3KooW[1-9A-HJ-NP-Za-km-z]+/g, (id) =>
		ids.includes(id as NodeId) ? nameOf(id as NodeId) : id,
	);
}

/** The identity multihash of the public key as a protobuf (libp2p peer-ids specification), in base58btc. */
function peerIdOf(seed: string): NodeId {
	const pkcs8 = Buffer.concat([
		Buffer.from("302e020100300506032b657004220420", "hex"),
		createHash("sha256").update(seed).digest(),
	]);
	const privateKey = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
	const publicKey = createPublicKey(privateKey).export({ format: "der", type: "spki" }).subarray(-32);
	return base58(Buffer.concat([Buffer.from("002408011220", "hex"), publicKey])) as NodeId;
}

function base58(bytes: Buffer): string {
	const digits = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
	let text = "";
	for (let value = BigInt(`0x${bytes.toString("hex")}`); value > 0n; value /= 58n)
		text = digits[Number(value % 58n)] + text;
	const zeros = bytes.findIndex((byte) => byte !== 0);
	return "1".repeat(zeros) + text;
}
