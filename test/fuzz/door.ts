// The door of a real node, from outside: a program that only has TCP, and one that speaks libp2p but has no certificate. Whatever they send,
// replay or reorder, they hear refusals and nothing else, and the node goes on serving its members.

import assert from "node:assert/strict";
import net from "node:net";
import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p, type Libp2p } from "libp2p";
import { SYNC_PROTOCOL } from "../../src/crdt/sync-codec.js";
import { silentLogger } from "../../src/log.js";
import { AUTH_PROTOCOL, MESH_VERSION } from "../../src/mesh/admission.js";
import { CREDENTIALS_PROTOCOL } from "../../src/mesh/credentials-exchange.js";
import { FRAMES_PROTOCOL } from "../../src/mesh/frames.js";
import { CAPABILITY_PROTOCOL, GUEST_PROTOCOL } from "../../src/mesh/guests.js";
import { JOIN_PROTOCOL } from "../../src/mesh/join.js";
import type { Libp2pMesh } from "../../src/mesh/libp2p-mesh.js";
import { SEALED_FRAMES_PROTOCOL } from "../../src/mesh/sealed-frames.js";
import { wireOfLinks } from "../../src/mesh/trust.js";
import { decodeWire, encodeWire, type WireValue } from "../../src/mesh/wire.js";
import { MIGRATE_PROTOCOL } from "../../src/migration/wire.js";
import { API_PROTOCOL } from "../../src/node/api/contract.js";
import type { SimChance } from "../cluster/sim/sim-chance.js";
import { type LoopbackNetwork, loopbackNetwork } from "../mesh/libp2p-network.js";
import { until } from "../support/until.js";
import { type Decoder, piecesOf, textSeed } from "./decoder.js";
import { identityNamed } from "./keys.js";

/** How long the attacker waits for what it shall not get. */
const LISTEN_MS = 150;
/** What a node says before noise is done, and a refusal with its reason, are smaller. */
const HEARD_BYTES_MAX = 4_096;
/** multistream-select's answer to each protocol that is asked for and not there, however short its name. */
const NOT_AVAILABLE = "\u0003na\n";
const ALIVE_EVERY = 50;
const frames = [FRAMES_PROTOCOL, SEALED_FRAMES_PROTOCOL];
const closed = [API_PROTOCOL, ...frames, SYNC_PROTOCOL, MIGRATE_PROTOCOL, CREDENTIALS_PROTOCOL, GUEST_PROTOCOL];
const strange = ["/ipfs/id/1.0.0", "/ipfs/ping/1.0.0", "/swarm/secret/1", "/"];
const open = [AUTH_PROTOCOL, JOIN_PROTOCOL, CAPABILITY_PROTOCOL];

interface House {
	readonly network: LoopbackNetwork;
	readonly attacked: Libp2pMesh;
	readonly member: Libp2pMesh;
	/** Of the member, which the attacker has seen somewhere. */
	readonly helloOfMember: Uint8Array;
	readonly port: number;
	inputs: number;
}

function framed(body: Uint8Array): Uint8Array {
	const length = Buffer.alloc(4);
	length.writeUInt32BE(body.length);
	return Buffer.concat([length, body]);
}

const message = (...fields: readonly WireValue[]) => encodeWire(fields);

async function build(): Promise<House> {
	const network = await loopbackNetwork();
	const attacked = await network.first({ logger: silentLogger });
	const member = await network.stranger({ logger: silentLogger });
	await member.join(network.token(attacked), [], AbortSignal.timeout(30_000));
	member.keepConnected([{ node: attacked.self, addresses: attacked.addresses() }]);
	await until("the member's link", () => attacked.peers().length === 1, 30_000);
	for (const protocol of closed)
		attacked.handle(protocol, async () => assert.fail(`${protocol} answered somebody without a certificate`));
	attacked.onFrame("heartbeat", (from) => assert.equal(from, member.self));
	const own = member.cluster();
	assert(own !== null);
	const helloOfMember = framed(message("hello", MESH_VERSION, own.certificate.bytes, wireOfLinks(own.trust.links)));
	const port = Number(/\/tcp\/(\d+)/.exec(attacked.addresses()[0] ?? "")?.[1]);
	return { network, attacked, member, helloOfMember, port, inputs: 0 };
}

/** Nobody came in, and the member is heard. */
async function stillServes(house: House): Promise<void> {
	const { attacked, member } = house;
	assert.deepEqual(attacked.peers(), [member.self]);
	if (house.inputs++ % ALIVE_EVERY !== 0) return;
	let heard = false;
	const undo = attacked.onFrame("state", () => {
		heard = true;
	});
	await until("the member to be heard", () => {
		member.broadcast("state", Uint8Array.of(1));
		return heard;
	});
	undo();
}

/** One house for a decoder, made with its first input. */
function houseKeeper() {
	let made: Promise<House> | null = null;
	return {
		house: () => {
			made ??= build();
			return made;
		},
		close: async () => (await made)?.network.close(),
	};
}

function tcpDecoder(): Decoder {
	const { house, close } = houseKeeper();
	const select = Buffer.from("\x13/multistream/1.0.0\n\x07/noise\n", "latin1");
	return {
		name: "the door, TCP alone",
		seeds: [
			select,
			Buffer.concat([select, Buffer.from([0, 32]), Buffer.alloc(32, 9)]),
			Buffer.concat([select, Buffer.from([0, 64]), Buffer.alloc(64, 1), Buffer.from([0, 16]), Buffer.alloc(16)]),
			Buffer.concat([select, Buffer.from([0xff, 0xff]), Buffer.alloc(65_535)]),
			textSeed("GET / HTTP/1.1\r\nhost: node\r\n\r\n"),
			Buffer.from("160301020001000001fc0303", "hex"),
		],
		form: "bytes",
		msMax: 10_000,
		async read(bytes, chance) {
			const given = await house();
			await throwAt(given, bytes, chance);
			await stillServes(given);
			return null;
		},
		close,
	};
}

async function throwAt({ port }: House, bytes: Uint8Array, chance: SimChance): Promise<void> {
	const socket = net.connect(port, "127.0.0.1");
	const parts: Buffer[] = [];
	socket.on("error", () => {});
	socket.on("data", (part) => void parts.push(part));
	const ended = new Promise((resolve) => socket.once("close", resolve));
	for (const piece of piecesOf(bytes.subarray(0, 4_096), chance)) socket.write(piece);
	socket.write(bytes.subarray(4_096));
	if (chance.happens(0.5)) socket.end();
	const timer = setTimeout(() => socket.destroy(), LISTEN_MS);
	await ended;
	clearTimeout(timer);
	const heard = Buffer.concat(parts).toString("latin1").replaceAll(NOT_AVAILABLE, "").length;
	assert(heard <= HEARD_BYTES_MAX, `it was told ${heard} bytes`);
}

function libp2pDecoder(): Decoder {
	const { house, close } = houseKeeper();
	let attacker: Promise<Libp2p> | null = null;
	const us = identityNamed("us").node;
	return {
		name: "the door, libp2p without a certificate",
		// The empty one stands for the hello of a member, replayed.
		seeds: [
			new Uint8Array(0),
			message("accepted"),
			message("hello", MESH_VERSION, new Uint8Array(200), []),
			message("refused", "no", false, null),
			message("join", MESH_VERSION, new Uint8Array(8), us),
			message("secret", new Uint8Array(16), "n9", false),
			message("capability", 1, new Uint8Array(100)),
			message("here"),
		],
		form: "talk",
		wrap: framed,
		msMax: 10_000,
		async read(bytes, chance) {
			const given = await house();
			attacker ??= createLibp2p({
				transports: [tcp()],
				connectionEncrypters: [noise()],
				streamMuxers: [yamux({ streamOptions: { initialStreamWindowSize: 4194304, maxStreamWindowSize: 4194304 } })],
			});
			await speakTo(given, await attacker, bytes, chance);
			await stillServes(given);
			return null;
		},
		async close() {
			await (await attacker)?.stop();
			await close();
		},
	};
}

async function speakTo(given: House, attacker: Libp2p, bytes: Uint8Array, chance: SimChance): Promise<void> {
	const protocol = chance.pick([...open, ...open, ...closed, ...strange]);
	const address = multiaddr(given.attacked.addresses()[0] ?? "");
	const signal = AbortSignal.timeout(5_000);
	const connection = await attacker.dial(address, { force: true, signal }).catch(() => null);
	// Full at the door, or cut before it was told so.
	if (connection === null) return;
	const heard: Uint8Array[] = [];
	try {
		const stream = await connection.newStream(protocol, { signal });
		stream.addEventListener("message", ({ data }) => void heard.push(data.subarray()));
		const isReplay = chance.happens(0.3);
		for (const piece of piecesOf(isReplay ? Buffer.concat([given.helloOfMember, bytes]) : bytes, chance))
			stream.send(piece);
	} catch {
		// Refused, or cut while it spoke.
	}
	const until = Date.now() + LISTEN_MS;
	while (connection.status === "open" && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 5));
	connection.abort(new Error("heard enough"));
	checkHeard(protocol, Buffer.concat(heard));
}

/** Nothing but refusals, and only where one may ask. */
function checkHeard(protocol: string, heard: Buffer): void {
	if (heard.length === 0) return;
	assert(open.includes(protocol), `${protocol} answered ${heard.length} bytes to somebody without a certificate`);
	for (let at = 0; at + 4 <= heard.length; ) {
		const length = heard.readUInt32BE(at);
		const limits = { bytes: HEARD_BYTES_MAX, depth: 4, items: 100 };
		const [kind] = decodeWire(heard.subarray(at + 4, at + 4 + length), "an answer", limits) as readonly WireValue[];
		assert.equal(kind, "refused", `${protocol} said more than a refusal`);
		at += 4 + length;
	}
}

export const doorDecoders: readonly Decoder[] = [tcpDecoder(), libp2pDecoder()];
