// Limits of connections, guests and frames, each passed: what is over it is refused, slowed down or cut, and the others do not notice. Those of
// hundreds are made small, so that a test can pass them in seconds.

import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p, type Libp2p } from "libp2p";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Clock, systemChance, systemClock } from "../../src/clock.js";
import { silentLogger } from "../../src/log.js";
import { AUTH_PROTOCOL, proveOutbound } from "../../src/mesh/admission.js";
import { createHolder, issueCapability, verifyCapability } from "../../src/mesh/capability.js";
import { LINKS_PER_PEER_MAX, type Link } from "../../src/mesh/doorkeeper.js";
import { framesOfStream } from "../../src/mesh/frame-source.js";
import { encodeFrame, FRAMES_PROTOCOL, keepAliveFrame } from "../../src/mesh/frames.js";
import { type GuestLink, openGuestLink } from "../../src/mesh/guest-link.js";
import { GUEST_CALL_RATE } from "../../src/mesh/guests.js";
import { createIdentity, loadIdentity, signerOf } from "../../src/mesh/identity.js";
import type { Libp2pMesh } from "../../src/mesh/libp2p-mesh.js";
import { type Connection, libp2pOptions, STREAMS_PER_CONNECTION_MAX, type Stream } from "../../src/mesh/libp2p-node.js";
import { meshStreamOf, STREAM_WINDOW_BYTES } from "../../src/mesh/libp2p-stream.js";
import type { MeshStream } from "../../src/mesh/mesh.js";
import type { MeshOptions } from "../../src/mesh/mesh-options.js";
import { createOutbox, OUTBOX_BYTES_MAX, OUTBOX_FRAMES_MAX } from "../../src/mesh/outbox.js";
import { emptyLedger, OwnMembership } from "../../src/mesh/own-membership.js";
import { PeerChannel, SILENT_MS_MAX } from "../../src/mesh/peer-channel.js";
import type { NodeId } from "../../src/model.js";
import { until as untilMs } from "../support/until.js";
import { type LoopbackNetwork, loopbackNetwork } from "./libp2p-network.js";

const until = (what: string, look: () => boolean | Promise<boolean>) => untilMs(what, look, 40_000);
const never = new AbortController().signal;

type Limits = NonNullable<MeshOptions["limits"]>;

let network: LoopbackNetwork;
const undo: (() => unknown)[] = [];
beforeEach(async () => {
	network = await loopbackNetwork();
});
afterEach(async () => {
	for (const step of undo.splice(0).reverse()) await step();
	await network.close();
});

const portOf = (mesh: Libp2pMesh) => Number(/\/tcp\/(\d+)/.exec(mesh.addresses()[0] ?? "")?.[1]);

/** A member with small limits, and one that is connected with it. */
async function crowded(limits: Limits): Promise<{ tight: Libp2pMesh; member: Libp2pMesh }> {
	const tight = await network.first({ limits });
	const member = await network.stranger();
	await member.join(network.token(tight), [], AbortSignal.timeout(60_000));
	await until("the member's link", () => tight.peers().includes(member.self));
	return { tight, member };
}

/** A frame of the member still arrives: its connection is the one that it was. */
async function expectUndisturbed(tight: Libp2pMesh, member: Libp2pMesh, act: () => Promise<void>): Promise<void> {
	let [frames, losses] = [0, 0];
	undo.push(tight.onFrame("heartbeat", () => frames++));
	undo.push(
		tight.onPeer(({ kind, node }) => {
			losses += kind === "disconnected" && node === member.self ? 1 : 0;
		}),
	);
	await act();
	member.send(tight.self, "heartbeat", Uint8Array.of(1));
	await until("a heartbeat of the member", () => frames > 0);
	expect(losses).toBe(0);
}

async function stranger(): Promise<Libp2p> {
	const node = await createLibp2p({
		transports: [tcp()],
		connectionEncrypters: [noise()],
		streamMuxers: [yamux()],
		connectionManager: { maxConnections: 1_000 },
	});
	undo.push(() => node.stop());
	return node;
}

/** Of so many connections that it opens, one after the other: libp2p joins dials to one peer that are made at once. */
async function failuresOf(node: Libp2p, mesh: Libp2pMesh, count: number): Promise<number> {
	let failures = 0;
	for (let dialled = 0; dialled < count; dialled++) {
		const options = { force: true, signal: AbortSignal.timeout(4_000) };
		await node.dial(mesh.addresses().map(multiaddr), options).catch(() => failures++);
	}
	return failures;
}

function silentSocket(mesh: Libp2pMesh): Socket {
	const socket = connect(portOf(mesh), "127.0.0.1");
	socket.on("error", () => {});
	socket.resume();
	undo.push(() => socket.destroy());
	return socket;
}

describe("connections over a limit are closed, and a member's stays", () => {
	test("of all peers together", async () => {
		const { tight, member } = await crowded({ connectionsMax: 5 });
		await expectUndisturbed(tight, member, async () => {
			const node = await stranger();
			const failed = await failuresOf(node, tight, 12);
			// Five are open with the member's: the others were not accepted, or cut when they had been at the same moment.
			const turnedAway = () => failed + refusals("as many connections are open");
			await until("all but four to be turned away", () => turnedAway() >= 12 - 4);
		});
	});

	test("that do not get through the handshake", async () => {
		const { tight, member } = await crowded({ handshakesMax: 3, handshakeMsMax: 1_000 });
		await expectUndisturbed(tight, member, async () => {
			const sockets = Array.from({ length: 12 }, () => silentSocket(tight));
			let closed = 0;
			for (const socket of sockets) socket.once("close", () => closed++);
			await until("all of them to be closed", () => closed === 12);
		});
		const late = await network.stranger();
		await late.join(network.token(tight), [], AbortSignal.timeout(60_000));
	});

	test("that one address opens within a second", async () => {
		const { tight, member } = await crowded({ inboundPerSecondAndAddress: 4 });
		await expectUndisturbed(tight, member, async () => {
			const node = await stranger();
			// Within a second there are four at most; the fifth comes later where the machine is slow.
			const failed = async () => (await failuresOf(node, tight, 8)) > 0;
			await until("some to be refused", failed);
		});
	});

	test("that want to join: they wait, and all are let in", async () => {
		const { tight, member } = await crowded({ joinRate: { perSecond: 1, burst: 1 } });
		await expectUndisturbed(tight, member, async () => {
			const late = await Promise.all([network.stranger(), network.stranger(), network.stranger()]);
			const beganMs = performance.now();
			const join = (mesh: Libp2pMesh) => mesh.join(network.token(tight), [], AbortSignal.timeout(60_000));
			await Promise.all(late.map(join));
			// The first one finds room at best, the last one two seconds after it.
			expect(performance.now() - beganMs).toBeGreaterThan(1_900);
			for (const mesh of late) expect(mesh.cluster()?.clusterId).toBe(tight.cluster()?.clusterId);
		});
	});

	test("of one member that opens more and more", async () => {
		const { tight, member } = await crowded({});
		const greedy = await greedyMember(tight);
		for (let count = 0; count < LINKS_PER_PEER_MAX; count++) await greedy.prove();
		await expect(greedy.prove()).rejects.toMatchObject({ code: "refused", message: /16 of its links are open/ });
		expect(tight.peers()).toContain(member.self);
	});
});

test("streams of one connection over the limit are reset, and those within it stay", async () => {
	const { tight, member } = await crowded({});
	await expectUndisturbed(tight, member, async () => {
		const connection = await (await greedyMember(tight)).prove();
		const { muxer } = connection as unknown as { muxer: { createStream(): Promise<Stream> } };
		let ended = 0;
		const asked = STREAMS_PER_CONNECTION_MAX + 40;
		for (let count = 0; count < asked; count++) {
			const stream = await muxer.createStream();
			stream.addEventListener("close", () => ended++);
			// The first byte of a negotiation that does not go on.
			stream.send(Uint8Array.of(19));
		}
		// One is for its frames.
		await until("those over the limit to be reset", () => ended >= 40);
		expect(ended).toBeLessThanOrEqual(40 + 2);
		expect(connection.status).toBe("open");
	});
});

/** A member without its own limits, which connects as often as it is told. */
async function greedyMember(tight: Libp2pMesh): Promise<{ prove(): Promise<Connection> }> {
	const stateDirectory = await mkdtemp(join(tmpdir(), "swarm-greedy-"));
	undo.push(() => rm(stateDirectory, { recursive: true, force: true }));
	const greedy = await network.stranger({ stateDirectory });
	await greedy.join(network.token(tight), [], AbortSignal.timeout(60_000));
	await greedy.stop();
	const { node: self, privateKey } = await loadIdentity(stateDirectory);
	const load = {
		self,
		stateDirectory,
		name: "greedy",
		role: "member",
		clock: systemClock,
		ledger: emptyLedger,
	} as const;
	const own = (await OwnMembership.load(load)).proof();
	if (own === null) throw new Error("the greedy one is no member");
	const streamOptions = { initialStreamWindowSize: STREAM_WINDOW_BYTES, maxStreamWindowSize: STREAM_WINDOW_BYTES };
	const node = await createLibp2p({
		...libp2pOptions(privateKey, null),
		streamMuxers: [yamux({ maxOutboundStreams: 10_000, streamOptions })],
	});
	await node.handle(FRAMES_PROTOCOL, () => {});
	await node.start();
	undo.push(() => node.stop());
	await until("the stopped one to be gone", () => !tight.peers().includes(self));
	return {
		async prove() {
			const connection = await node.dial(tight.addresses().map(multiaddr), { force: true });
			const stream = meshStreamOf(await connection.newStream(AUTH_PROTOCOL), tight.self);
			await proveOutbound(stream, own, { nowMs: Date.now(), signal: AbortSignal.timeout(30_000) });
			return connection;
		},
	};
}

const issuer = createIdentity();

/** A node whose guests are echoed, each call ending when `hold` resolves. */
async function host(limits: Limits, hold: () => Promise<void> = async () => {}): Promise<Libp2pMesh> {
	const mesh = await network.first({ limits });
	mesh.guests.receive({
		verify: (chain, holder) => verifyCapability(chain, { holder, isMember: (node) => node === issuer.node }),
		objection: () => null,
		shown: () => {},
		answer: async (stream) => {
			for (let part = await stream.read(); part !== null; part = await stream.read()) await stream.write(part);
			await hold();
			await stream.end();
		},
		addresses: () => mesh.addresses(),
	});
	return mesh;
}

/** Each with a capability of its own. */
async function visit(mesh: Libp2pMesh): Promise<GuestLink> {
	const identity = createHolder();
	const grant = { verbs: ["list"] as const, labels: {}, expiresAtMs: 9e12 };
	const first = { clusterId: "c", issuer: issuer.node, certificate: Uint8Array.of(1), holder: identity.node, grant };
	const chain = issueCapability(first, signerOf(issuer));
	const link = await openGuestLink({ identity, chain, addresses: mesh.addresses() }, AbortSignal.timeout(30_000));
	undo.push(() => link.close());
	return link;
}

async function echoed(link: GuestLink): Promise<string> {
	const stream = await link.open(never);
	await stream.write(Buffer.from("hello"));
	await stream.end();
	let said = "";
	for (let part = await stream.read(); part !== null; part = await stream.read()) said += Buffer.from(part).toString();
	return said;
}

describe("guests over a limit", () => {
	test("are not let in, and those who are go on", async () => {
		const mesh = await host({ guestsMax: 3 });
		const links = [await visit(mesh), await visit(mesh), await visit(mesh)];
		await expect(visit(mesh)).rejects.toMatchObject({ code: "refused", message: /3 guests are here already/ });
		expect(await Promise.all(links.map(echoed))).toEqual(["hello", "hello", "hello"]);
		await links[0]?.close();
		await until("a place", () => mesh.guests.count < 3);
		expect(await echoed(await visit(mesh))).toBe("hello");
	});

	test("have calls refused that are one too many of all guests together, and keep their connections", async () => {
		const hold = Promise.withResolvers<void>();
		let begun = 0;
		const answering = () => begun;
		const mesh = await host({ guestCallsMax: 4 }, () => {
			begun++;
			return hold.promise;
		});
		const links = [await visit(mesh), await visit(mesh)];
		const calls = links.flatMap((link) => [echoed(link), echoed(link)]);
		await until("the four", () => answering() === 4);
		await expect(echoed(links[0] as GuestLink)).rejects.toMatchObject({ code: "unreachable" });
		expect(refusals("4 calls are under way")).toBeGreaterThan(0);
		expect(mesh.guests.count).toBe(2);
		hold.resolve();
		expect(await Promise.all(calls)).toEqual(["hello", "hello", "hello", "hello"]);
		await until("the calls to be over", () =>
			echoed(links[1] as GuestLink).then(
				(said) => said === "hello",
				() => false,
			),
		);
	});

	test("that call too often wait, and none of their calls is lost", async () => {
		const link = await visit(await host({}));
		const count = GUEST_CALL_RATE.burst + 10;
		const beganMs = systemClock.monotonicMs();
		for (let done = 0; done < count; done += 10)
			expect(new Set(await Promise.all(Array.from({ length: 10 }, () => echoed(link))))).toEqual(new Set(["hello"]));
		const tookMs = systemClock.monotonicMs() - beganMs;
		const allowed = GUEST_CALL_RATE.burst + (tookMs / 1_000) * GUEST_CALL_RATE.perSecond;
		expect(count).toBeLessThanOrEqual(allowed);
	});

	test("that say nothing any more are cut", async () => {
		const mesh = await host({ guestSilentMsMax: 50 });
		await visit(mesh);
		await until("the cut", () => refusals("a guest is silent") > 0 && mesh.guests.count === 0);
	});
});

describe("frames over a limit", () => {
	test("are lost when too many wait for a peer, but for heartbeats and leases, which have places of their own", async () => {
		const outbox = createOutbox(() => {});
		const one = encodeFrame("state", Uint8Array.of(1));
		for (let count = 0; count < OUTBOX_FRAMES_MAX; count++) expect(outbox.offer("state", one)).toBe(true);
		expect(outbox.offer("state", one)).toBe(false);
		for (const plane of ["heartbeat", "lease"] as const) expect(outbox.offer(plane, one)).toBe(true);
		let vital = 2;
		while (outbox.offer("heartbeat", one)) vital++;
		expect(vital).toBe(64);
		const large = createOutbox(() => {});
		const megabyte = new Uint8Array(1024 * 1024);
		let bytes = 0;
		while (large.offer("state", megabyte)) bytes += megabyte.length;
		expect(bytes).toBe(OUTBOX_BYTES_MAX);
		const written: number[] = [];
		outbox.attach({ write: async (part: Uint8Array) => void written.push(part.length) } as unknown as MeshStream);
		await outbox.flushed(never);
		expect(written.reduce((sum, length) => sum + length, 0)).toBe((OUTBOX_FRAMES_MAX + 64) * one.length);
	});

	test("make the reader wait, and a peer that says nothing loses its link", async () => {
		let [awakeMs, waitedMs] = [0, 0];
		const sleep = async (ms: number) => {
			waitedMs += ms;
		};
		const clock: Clock = { ...systemClock, monotonicMs: () => awakeMs, sleep };
		const cuts: string[] = [];
		const link = linkThatTells(cuts);
		const parts = { clock, chance: systemChance, logger: silentLogger };
		const options = { self: "A" as NodeId, ...parts, awakeMs: () => awakeMs, onFrame: () => {} };
		const channel = new PeerChannel("B" as NodeId, options);
		channel.add(link);
		const second = Buffer.concat(Array.from({ length: 15_000 }, () => keepAliveFrame));
		const pieces: (Uint8Array | null)[] = [second, null];
		const stream = { read: async () => pieces.shift() ?? null, end: async () => {}, abort: () => {} };
		await channel.receive(framesOfStream(stream as unknown as MeshStream, clock), link);
		expect(waitedMs).toBe(1_000);
		awakeMs = SILENT_MS_MAX;
		channel.tick();
		expect(cuts).toEqual([]);
		awakeMs++;
		channel.tick();
		expect(cuts).toEqual([expect.stringContaining("silent for 10001 ms")]);
	});
});

function linkThatTells(cuts: string[]): Link {
	const connection = {
		...{ status: "open", streams: [] },
		newStream: () => new Promise(() => {}),
		abort: (error: Error) => cuts.push(error.message),
	} as unknown as Connection;
	return { connection, peer: "B" as NodeId, dialled: true, certificate: {} as Link["certificate"] };
}

/** Lines of all logs with that reason. */
function refusals(text: string): number {
	return network.log.filter(({ reason }) => String(reason).includes(text)).length;
}
