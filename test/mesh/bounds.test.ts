// Limits pushed over by a member that means harm: each costs it its connection, and a third member does not notice. (Oversized frames are in
// admission.test.ts, guests in guests.test.ts, strangers in stranger.test.ts and here.)

import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemChance, systemClock } from "../../src/clock.js";
import { createDocumentSet } from "../../src/crdt/documents.js";
import { startReplication } from "../../src/crdt/replication.js";
import { SYNC_PROTOCOL } from "../../src/crdt/sync-codec.js";
import { SwarmError } from "../../src/errors.js";
import { silentLogger } from "../../src/log.js";
import { BREACH_RATE, createBreaches } from "../../src/mesh/breaches.js";
import { PENDING_PER_ADDRESS_MAX } from "../../src/mesh/doorkeeper.js";
import { createVerifier } from "../../src/mesh/identity.js";
import type { Libp2pMesh } from "../../src/mesh/libp2p-mesh.js";
import { type Connection, refuseStreams, STREAMS_PER_PROTOCOL_MAX } from "../../src/mesh/libp2p-node.js";
import { Membership } from "../../src/mesh/membership.js";
import type { NodeId, NodeSample } from "../../src/model.js";
import { API_PROTOCOL } from "../../src/node/api/contract.js";
import { serveMesh } from "../../src/node/api/mesh-door.js";
import { jsonAnswer } from "../../src/node/api/message.js";
import { until as untilMs } from "../support/until.js";
import { type LoopbackNetwork, loopbackNetwork } from "./libp2p-network.js";

const until = (what: string, look: () => boolean | Promise<boolean>) => untilMs(what, look, 30_000);
const never = new AbortController().signal;
const garbage = Uint8Array.from({ length: 64 }, (_, at) => (at * 37) % 251);

let network: LoopbackNetwork;
let good: Libp2pMesh;
let bad: Libp2pMesh;
let third: Libp2pMesh;
const undo: (() => unknown)[] = [];
beforeEach(async () => {
	network = await loopbackNetwork();
});
afterEach(async () => {
	for (const step of undo.splice(0)) await step();
	await network.close();
});

async function members(): Promise<void> {
	[good, bad, third] = (await network.members(3)) as [Libp2pMesh, Libp2pMesh, Libp2pMesh];
	await until("all links", () => [good, bad, third].every((mesh) => mesh.peers().length === 2));
}

/** Entries of the good node's log that say it cut the bad one. */
function cuts(): number {
	const isCut = (entry: (typeof network.log)[number]) => entry.message === "cut a link" && entry.peer === bad.self;
	return network.log.filter((entry) => entry.node === "n1" && isCut(entry)).length;
}

/** Does it until the good node has had enough. */
async function untilCut(act: () => unknown): Promise<void> {
	let lost = false;
	const before = cuts();
	undo.push(
		third.onPeer(({ kind, node }) => {
			lost ||= kind === "disconnected" && node === good.self;
		}),
	);
	await until("the good node to cut the link", async () => {
		await act();
		return cuts() > before;
	});
	expect(lost).toBe(false);
}

describe("a member loses its connection", () => {
	test("that sends heartbeats that are none", async () => {
		await members();
		const membership = membershipOf(good);
		membership.watch([bad.self, third.self]);
		await untilCut(() => bad.send(good.self, "heartbeat", garbage));
	});

	test("that sends state which nobody signed", async () => {
		await members();
		const documents = createDocumentSet({ verify: createVerifier(), admit: () => "member" });
		const receive = (chain: readonly Uint8Array[]) => documents.accept(chain, "verify");
		const clock = systemClock;
		const base = { mesh: good, clock, chance: systemChance, logger: silentLogger };
		const parts = { ...base, ...documents, receive, heard: () => {} };
		const replication = startReplication(parts);
		undo.push(() => replication.stop());
		await untilCut(() => bad.send(good.self, "state", garbage));
		expect(documents.all()).toEqual([]);
		await until("the link again", () => good.peers().includes(bad.self));
		await untilCut(async () => {
			const stream = await bad.open(good.self, SYNC_PROTOCOL, never).catch(() => null);
			await stream?.write(Uint8Array.of(0xff, 0xff, 0xff, 0xff)).catch(() => {});
		});
	});

	test("that asks with heads that are too large", async () => {
		await members();
		serveMesh(good, async () => jsonAnswer({}));
		await untilCut(async () => {
			const stream = await bad.open(good.self, API_PROTOCOL, never).catch(() => null);
			await stream?.write(Uint8Array.of(0x7f, 0xff, 0xff, 0xff)).catch(() => {});
		});
	});

	test("that has more streams of a protocol open than it may", () => {
		let aborted = 0;
		const open = (count: number) => Array.from({ length: count }, () => ({ protocol: "/x/1", direction: "inbound" }));
		const connection = (count: number) =>
			({
				streams: [...open(count), { protocol: "/y/1", direction: "inbound" }],
				abort: () => aborted++,
			}) as unknown as Connection;
		refuseStreams(connection(STREAMS_PER_PROTOCOL_MAX), "/x/1");
		expect(aborted).toBe(0);
		expect(() => refuseStreams(connection(STREAMS_PER_PROTOCOL_MAX + 1), "/x/1")).toThrow(/over 128 streams/);
		expect(aborted).toBe(1);
	});
});

test("a breach now and then is forgiven, errors of other kinds always", () => {
	let nowMs = 0;
	const breaches = createBreaches({ ...systemClock, monotonicMs: () => nowMs });
	const [peer, other] = ["A", "B"] as [NodeId, NodeId];
	const corrupt = new SwarmError("corrupt", "Cannot read it");
	const refused = new SwarmError("refused", "Cannot take it");
	for (let count = 0; count < 1_000; count++) expect(breaches.count(peer, refused)).toBe(false);
	for (let count = 0; count < BREACH_RATE.burst; count++) expect(breaches.count(peer, corrupt)).toBe(false);
	expect(breaches.count(other, corrupt)).toBe(false);
	expect(breaches.count(peer, corrupt)).toBe(true);
	for (let count = 0; count < 100; count++) {
		nowMs += 1_000 / BREACH_RATE.perSecond;
		expect(breaches.count(peer, corrupt)).toBe(false);
	}
});

test("strangers of one address that wait at the door are no more than it has places", async () => {
	const first = await network.first();
	const stranger = await createLibp2p({
		transports: [tcp()],
		connectionEncrypters: [noise()],
		streamMuxers: [yamux()],
		connectionManager: { maxConnections: 1_000 },
	});
	undo.push(() => stranger.stop());
	const connections: Connection[] = [];
	for (let count = 0; count < PENDING_PER_ADDRESS_MAX + 8; count++)
		connections.push(await stranger.dial(first.addresses().map(multiaddr), { force: true }));
	// Those that came first are cut later, for proving nothing: what counts is that never more are open.
	await until("the last ones to be cut", () => connections.slice(-4).every(({ status }) => status !== "open"));
	expect(connections.filter(({ status }) => status === "open").length).toBeLessThanOrEqual(PENDING_PER_ADDRESS_MAX);
});

test("a heartbeat overtakes a bulk transfer: it never waits for more than what is on its way already", async () => {
	const [parts, aheadMax] = [64, 12];
	await members();
	let taken = 0;
	let ended = false;
	good.handle("/swarm/test-bytes/1", async (stream) => {
		for (let part = await stream.read(); part !== null; part = await stream.read()) taken += part.length;
		ended = true;
	});
	/** Of each heartbeat, how many parts had come before it that were sent after it. */
	const overtaken: number[] = [];
	undo.push(
		good.onFrame("heartbeat", (_, frame) => {
			overtaken.push(ended ? parts : taken / part.length - (frame[0] ?? 0));
		}),
	);
	const part = new Uint8Array(1024 * 1024);
	const stream = await bad.open(good.self, "/swarm/test-bytes/1", never);
	for (let count = 0; count < parts; count++) {
		bad.send(good.self, "heartbeat", Uint8Array.of(count));
		await stream.write(part);
	}
	await stream.end();
	await until("all heartbeats", () => ended && overtaken.length === parts);
	expect(Math.max(...overtaken)).toBeLessThanOrEqual(aheadMax);
});

function membershipOf(mesh: Libp2pMesh): Membership {
	const sample = (): NodeSample => ({
		...{ takenAtMs: 1, load1: 0, load5: 0, memoryBytesAvailable: 1, cpuPressure: null, memoryPressure: null },
		...{ ioPressure: null, temperatureCelsius: null, thermalHeadroomCelsius: null, diskBytesFree: 1 },
	});
	const membership = new Membership({ mesh, clock: systemClock, logger: silentLogger, incarnation: 1, sample });
	membership.start();
	undo.push(() => membership.stop({ leaving: false }));
	return membership;
}
