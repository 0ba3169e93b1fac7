// Frames that go beside noise: the two share a connection and never touch each other's bytes, what the peer did not seal costs it the link,
// and who does not know this way is spoken to in the other one.

import type { Socket } from "node:net";
import { array, assert, boolean, integer, property, tuple, uint8Array } from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { systemChance, systemClock } from "../../src/clock.js";
import { FrameWay } from "../../src/mesh/bulk/bulk-frames.js";
import { WAY_SECRET_BYTES } from "../../src/mesh/bulk/bulk-keys.js";
import { FRAMES_PROTOCOL } from "../../src/mesh/frames.js";
import type { Lane, LaneReader } from "../../src/mesh/lane.js";
import {
	openedPacket,
	PACKET_TEXT_BYTES_MAX,
	type Packet,
	PacketSplitter,
	sealedPacket,
} from "../../src/mesh/lane-packets.js";
import type { Libp2pMesh } from "../../src/mesh/libp2p-mesh.js";
import { FRAME_BYTES_MAX, type MeshStream } from "../../src/mesh/mesh.js";
import { SEALED_FRAMES_PROTOCOL, sealedFramesFrom } from "../../src/mesh/sealed-frames.js";
import { encodeWire } from "../../src/mesh/wire.js";
import { until as untilMs } from "../support/until.js";
import { type LoopbackNetwork, loopbackNetwork } from "./libp2p-network.js";
import { madeNodes } from "./made-nodes.js";

const until = (what: string, look: () => boolean) => untilMs(what, look, 30_000);
const secret = () => new Uint8Array(WAY_SECRET_BYTES).fill(7);

vi.mock("libp2p", async (original) => (await import("./made-nodes.js")).remembering(await original()));

function noiseMessage(body: Uint8Array): Buffer {
	const length = Buffer.alloc(2);
	length.writeUInt16BE(body.length);
	return Buffer.concat([length, body]);
}

describe("what shares a connection", () => {
	test("is told apart however its bytes are cut, and noise gets all of its own", () => {
		const part = tuple(boolean(), uint8Array({ minLength: 16, maxLength: 600 }));
		assert(
			property(
				array(part),
				uint8Array({ minLength: 16, maxLength: 90 }),
				array(integer({ min: 1, max: 300 })),
				(...given) => {
					const [parts, first, cuts] = given;
					const [ours, theirs] = [new FrameWay(secret()), new FrameWay(secret())];
					const noise = [noiseMessage(first)];
					const wire: Uint8Array[] = [...noise];
					for (const [isNoise, bytes] of parts) {
						if (isNoise) noise.push(noiseMessage(bytes));
						wire.push(isNoise ? noiseMessage(bytes) : sealedPacket(ours, bytes));
					}
					const all = Buffer.concat(wire);
					// Noise has some of the first message already.
					let at = Math.min(cuts[0] ?? 0, first.length);
					const heard: Uint8Array[] = [all.subarray(0, at)];
					const texts: (Uint8Array | null)[] = [];
					const splitter = new PacketSplitter(all.subarray(0, at), {
						noise: (bytes) => void heard.push(bytes.slice()),
						packet: (packet) => void texts.push(openedPacket(theirs, packet)),
					});
					for (let turn = 1; at < all.length; turn++) {
						const count = cuts[turn % Math.max(1, cuts.length)] ?? all.length;
						splitter.take(all.subarray(at, at + count));
						at += count;
					}
					expect(Buffer.concat(heard)).toEqual(Buffer.concat(noise));
					const sent = parts.filter(([isNoise]) => !isNoise).map(([, bytes]) => Buffer.from(bytes));
					expect(texts).toEqual(sent);
				},
			),
			{ numRuns: 300 },
		);
	});

	test("is refused when it announces more than a packet may have", () => {
		const splitter = new PacketSplitter(new Uint8Array(), { noise: () => {}, packet: () => {} });
		const head = Buffer.alloc(6);
		head.writeUInt32BE(PACKET_TEXT_BYTES_MAX + 1, 2);
		expect(() => splitter.take(head)).toThrow(/Cannot take a packet of 65537 bytes: 65536 are allowed/);
	});

	test("does not open when it is forged, repeated or out of order", () => {
		const packets = (way: FrameWay) => {
			const found: Packet[] = [];
			const sink = { noise: () => {}, packet: (packet: Packet) => void found.push(packet) };
			const splitter = new PacketSplitter(new Uint8Array(), sink);
			for (const text of ["one", "two", "three"]) splitter.take(sealedPacket(way, Buffer.from(text)));
			return found as [Packet, Packet, Packet];
		};
		const [one, two] = packets(new FrameWay(secret()));
		const opened = (...given: readonly Packet[]) => {
			const way = new FrameWay(secret());
			return given.map((packet) => openedPacket(way, packet)?.toString() ?? null);
		};
		expect(opened(one, two)).toEqual(["one", "two"]);
		expect(opened(one, one)).toEqual(["one", null]);
		expect(opened(two)).toEqual([null]);
		expect(opened(packets(new FrameWay(new Uint8Array(WAY_SECRET_BYTES).fill(8)))[0])).toEqual([null]);
	});
});

test("a peer that sends faster than it may is made to wait, and nothing of it is lost", async () => {
	const calls: string[] = [];
	let reader: LaneReader | null = null;
	const lane: Lane = {
		read(given) {
			reader = given;
			return () => calls.push("stopped");
		},
		pause: () => void calls.push("pause"),
		resume: () => void calls.push("resume"),
		isFull: () => false,
		room: async () => {},
		send: () => {},
	};
	const waits: (() => void)[] = [];
	const clock = { ...systemClock, sleep: () => new Promise<void>((resolve) => waits.push(resolve)) };
	const body = encodeWire(["secret", secret()]);
	const length = Buffer.alloc(4);
	length.writeUInt32BE(body.length);
	const end = Promise.withResolvers<null>();
	const said: (Uint8Array | Promise<null>)[] = [Buffer.concat([length, body]), end.promise];
	const beside = { peer: "A", read: async () => said.shift(), write: async () => {} } as unknown as MeshStream;
	const source = await sealedFramesFrom(beside, { clock, chance: systemChance, lane });
	const way = new FrameWay(secret());
	const send = (text: string) => {
		const sink = { noise: () => {}, packet: (packet: Packet) => reader?.packet(packet) };
		new PacketSplitter(new Uint8Array(), sink).take(sealedPacket(way, Buffer.from(text)));
	};
	send("before anybody takes");
	const taken: string[] = [];
	const done = source.each((bytes) => taken.push(bytes.toString()) * 10);
	send("while waiting");
	expect(taken).toEqual(["before anybody takes"]);
	expect(calls).toEqual(["pause"]);
	waits.shift()?.();
	await until("the second one", () => taken.length === 2);
	expect(taken[1]).toBe("while waiting");
	end.resolve(null);
	await until("its second wait", () => waits.length === 1);
	waits.shift()?.();
	await done;
	expect(calls.at(-1)).toBe("resume");
});

describe("between members", () => {
	let network: LoopbackNetwork;
	beforeEach(async () => {
		madeNodes.length = 0;
		network = await loopbackNetwork();
	});
	afterEach(() => network.close());

	async function pair(): Promise<readonly [Libp2pMesh, Libp2pMesh]> {
		const [one, two] = (await network.members(2)) as [Libp2pMesh, Libp2pMesh];
		await until("both connected", () => one.peers().length === 1 && two.peers().length === 1);
		return [one, two];
	}

	/** Of the frames, both ways. */
	function protocols(): ReadonlySet<string> {
		const streams = madeNodes.flatMap((node) => node.getConnections().flatMap((connection) => connection.streams));
		return new Set(streams.map(({ protocol }) => protocol).filter((protocol) => protocol.startsWith("/swarm/frames/")));
	}

	function socketOf(mesh: Libp2pMesh): Socket {
		const node = madeNodes.find(({ peerId }) => peerId.toString() === mesh.self);
		const [connection] = node?.getConnections() ?? [];
		return (connection as unknown as { maConn: { socket: Socket } }).maConn.socket;
	}

	test("frames of all sizes arrive whole and in order, while streams carry bytes both ways", async () => {
		const [one, two] = await pair();
		const sizes = [0, 1, 15, 16, 4_000, PACKET_TEXT_BYTES_MAX - 6, PACKET_TEXT_BYTES_MAX, FRAME_BYTES_MAX, 7];
		const frames = sizes.map((size, at) => new Uint8Array(size).fill(at));
		const got = new Map([one, two].map((mesh) => [mesh, [] as Uint8Array[]]));
		for (const [mesh, list] of got) mesh.onFrame("state", (_, frame) => void list.push(frame));
		const bytes = Uint8Array.from({ length: 3_000_000 }, (_, at) => (at * 31) & 0xff);
		two.handle("/swarm/test-echo/1", async (stream) => {
			for (let part = await stream.read(); part !== null; part = await stream.read()) await stream.write(part);
			await stream.end();
		});
		const stream = await one.open(two.self, "/swarm/test-echo/1", AbortSignal.timeout(30_000));
		const echoed: Uint8Array[] = [];
		const reading = (async () => {
			for (let part = await stream.read(); part !== null; part = await stream.read()) echoed.push(part.slice());
		})();
		for (const [at, frame] of frames.entries()) {
			one.send(two.self, "state", frame);
			two.send(one.self, "state", frame);
			await stream.write(
				bytes.subarray((at * bytes.length) / frames.length, ((at + 1) * bytes.length) / frames.length),
			);
		}
		await stream.end();
		await reading;
		await until("all frames", () => [...got.values()].every((list) => list.length === frames.length));
		for (const list of got.values()) expect(list.map(({ length }) => length)).toEqual(sizes);
		for (const list of got.values()) expect(list.every((frame, at) => frame.every((byte) => byte === at))).toBe(true);
		expect(Buffer.concat(echoed).equals(bytes)).toBe(true);
		expect([...protocols()]).toEqual([SEALED_FRAMES_PROTOCOL]);
	});

	test.each(["forged", "repeated"])("a packet that is %s costs the link, which comes back", async (kind) => {
		const [one, two] = await pair();
		const heard: string[] = [];
		two.onFrame("state", (_, frame) => void heard.push(Buffer.from(frame).toString()));
		const socket = socketOf(one);
		const wrote: Uint8Array[] = [];
		const write = socket.write.bind(socket);
		socket.write = ((bytes: Uint8Array, ...rest: []) => {
			wrote.push(bytes);
			return write(bytes, ...rest);
		}) as typeof socket.write;
		one.send(two.self, "state", Buffer.from("hello"));
		await until("the frame", () => heard.length === 1);
		const forged = sealedPacket(new FrameWay(secret()), Buffer.from("hello"));
		write(kind === "forged" ? forged : (wrote.findLast((bytes) => bytes[0] === 0 && bytes[1] === 0) as Uint8Array));
		await until("the cut", () => network.log.some(({ reason }) => String(reason).includes("did not seal it")));
		await until("the link again", () => {
			one.send(two.self, "state", Buffer.from("again"));
			return heard.includes("again");
		});
		expect(heard.filter((text) => text === "hello")).toEqual(["hello"]);
	});

	test("a node that does not know this way gets its frames through a stream", async () => {
		const first = await network.first();
		const other = await network.stranger();
		await madeNodes.find(({ peerId }) => peerId.toString() === other.self)?.unhandle(SEALED_FRAMES_PROTOCOL);
		const heard = new Map([first, other].map((mesh) => [mesh, [] as number[]]));
		for (const [mesh, list] of heard) mesh.onFrame("heartbeat", (_, frame) => void list.push(frame[0] ?? 0));
		await other.join(network.token(first), [], AbortSignal.timeout(30_000));
		await until("both connected", () => first.peers().length === 1 && other.peers().length === 1);
		first.send(other.self, "heartbeat", Uint8Array.of(1));
		other.send(first.self, "heartbeat", Uint8Array.of(2));
		await until("both frames", () => heard.get(other)?.[0] === 1 && heard.get(first)?.[0] === 2);
		expect([...protocols()].sort()).toEqual([FRAMES_PROTOCOL, SEALED_FRAMES_PROTOCOL]);
	});
});
