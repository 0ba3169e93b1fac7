// Bulk sockets between real members on loopback, in both directions: what was sent arrives whole or the reader is told; where there can be no
// socket of its own, an ordinary stream carries the same.

import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/clock.js";
import type { SwarmError } from "../../src/errors.js";
import { BULK_PROTOCOL, BULK_SOCKETS_PER_PEER_MAX } from "../../src/mesh/bulk/bulk-door.js";
import { BULK_SECRET_BYTES } from "../../src/mesh/bulk/bulk-order.js";
import { BulkThread } from "../../src/mesh/bulk/bulk-thread.js";
import type { Libp2pMesh } from "../../src/mesh/libp2p-mesh.js";
import type { MeshStream } from "../../src/mesh/mesh.js";
import { messagesOver } from "../../src/mesh/messages.js";
import { until as untilMs } from "../support/until.js";
import { type LoopbackNetwork, loopbackNetwork } from "./libp2p-network.js";

const until = (what: string, look: () => boolean | Promise<boolean>) => untilMs(what, look, 30_000);
const never = new AbortController().signal;
const PROTOCOL = "/swarm/test-bulk/1";

let network: LoopbackNetwork;
let one: Libp2pMesh;
let two: Libp2pMesh;
const undo: (() => unknown)[] = [];
beforeEach(async () => {
	network = await loopbackNetwork();
	[one, two] = (await network.members(2)) as [Libp2pMesh, Libp2pMesh];
	await until("the link", () => one.peers().length === 1 && two.peers().length === 1);
});
afterEach(async () => {
	for (const step of undo.splice(0)) await step();
	await network.close();
});

/** Why streams of `one` were ordinary ones. */
const fallBacks = () =>
	network.log.filter(({ message }) => message === "bytes in bulk go over the mesh").map(({ reason }) => String(reason));

async function readAll(stream: MeshStream): Promise<Buffer> {
	const parts: Uint8Array[] = [];
	for (let bytes = await stream.read(); bytes !== null; bytes = await stream.read()) parts.push(bytes);
	return Buffer.concat(parts);
}

async function echo(stream: MeshStream): Promise<void> {
	for (let bytes = await stream.read(); bytes !== null; bytes = await stream.read()) await stream.write(bytes);
	await stream.end();
}

async function errorOf(promise: Promise<unknown>): Promise<SwarmError> {
	return promise.then(
		() => Promise.reject(new Error("nothing failed")),
		(thrown) => thrown as SwarmError,
	);
}

/** Sockets of this process, all its threads together. */
function socketCount(): number {
	const links = readdirSync("/proc/self/fd").map((name) => {
		try {
			return readlinkSync(`/proc/self/fd/${name}`);
		} catch {
			return "";
		}
	});
	return links.filter((link) => link.startsWith("socket:")).length;
}

function sentBytes(count: number): Buffer {
	return Buffer.from(Uint8Array.from({ length: count }, (_, at) => (at * 31 + (at >> 8)) & 0xff));
}

for (const bulk of ["sending", "receiving"] as const) {
	describe(`a bulk stream whose opener is ${bulk}`, () => {
		test("carries bytes both ways, whole and in order, and ends cleanly on both sides", async () => {
			const before = socketCount();
			const ended: string[] = [];
			two.handle(PROTOCOL, (stream) => echo(stream).then(() => void ended.push("two")), { bulk: true });
			for (const size of [0, 1, 3_000_000]) {
				const stream = await one.open(two.self, PROTOCOL, never, { bulk });
				expect(stream.peer).toBe(two.self);
				const answer = readAll(stream);
				const sent = sentBytes(size);
				for (let at = 0; at < size; at += 700_000) await stream.write(sent.subarray(at, at + 700_000));
				await stream.end();
				expect((await answer).equals(sent)).toBe(true);
			}
			await until("three ends", () => ended.length === 3);
			await until("no socket to be left", () => socketCount() <= before);
			expect(fallBacks()).toEqual([]);
		});

		test("pauses a writer whose reader does not read, and loses nothing", async () => {
			const opened: MeshStream[] = [];
			const done = Promise.withResolvers<void>();
			two.handle(
				PROTOCOL,
				(stream) => {
					opened.push(stream);
					return done.promise;
				},
				{ bulk: true },
			);
			const stream = await one.open(two.self, PROTOCOL, never, { bulk });
			const piece = sentBytes(1024 * 1024);
			let written = 0;
			const writing = (async () => {
				for (; written < 64; written++) await stream.write(piece);
				await stream.end();
			})();
			let [last, same] = [-1, 0];
			await until("a standstill", () => {
				same = written === last ? same + 1 : 0;
				last = written;
				return same >= 20;
			});
			expect(written).toBeLessThan(48);
			const all = await readAll(opened[0] as MeshStream);
			await writing;
			expect(all.length).toBe(64 * piece.length);
			expect(all.subarray(-piece.length).equals(piece)).toBe(true);
			done.resolve();
		});

		test("tells the reader when the other side aborts, throws or goes away", async () => {
			const abort = async (stream: MeshStream) => {
				await stream.read();
				stream.abort(new Error("no more"));
			};
			const handlers = [abort, () => Promise.reject(new Error("broken")), () => two.stop()];
			two.handle(PROTOCOL, (stream) => (handlers.shift() ?? abort)(stream), { bulk: true });
			while (handlers.length > 0) {
				const stream = await one.open(two.self, PROTOCOL, never, { bulk });
				await stream.write(Buffer.from("hello")).catch(() => {});
				expect((await errorOf(readAll(stream))).code).toBe("unreachable");
				expect((await errorOf(stream.write(Buffer.from("more")))).code).toBe("unreachable");
			}
			expect(fallBacks()).toEqual([]);
		});
	});
}

describe("without a socket of its own", () => {
	test("an ordinary stream carries what is not for bulk sockets at the peer", async () => {
		two.handle(PROTOCOL, echo);
		const stream = await one.open(two.self, PROTOCOL, never, { bulk: "sending" });
		const answer = readAll(stream);
		await stream.write(Buffer.from("all the same"));
		await stream.end();
		expect(String(await answer)).toBe("all the same");
		expect(fallBacks()).toEqual([expect.stringContaining("is not for bulk sockets")]);
	});

	test("an ordinary stream is taken where the port cannot be reached, and at once the next time", async () => {
		// Its connection comes from another address than the one that it listens on, as behind NAT.
		const far = await network.stranger({ listen: "127.0.0.2:0" });
		await far.join(network.token(one), [], AbortSignal.timeout(60_000));
		one.handle(PROTOCOL, echo, { bulk: true });
		for (const words of ["first", "second"]) {
			const stream = await far.open(one.self, PROTOCOL, never, { bulk: "sending" });
			const answer = readAll(stream);
			await stream.write(Buffer.from(words));
			await stream.end();
			expect(String(await answer)).toBe(words);
		}
		// Whoever else listens on that port of that address by chance ends it in another way than a closed one does.
		expect(fallBacks()).toEqual([expect.stringMatching(/The peer cannot: Cannot open a bulk socket|ECONNREFUSED/)]);
	});

	test("an ordinary stream is taken when the peer has as many sockets open as it may", async () => {
		const held = Promise.withResolvers<void>();
		two.handle(PROTOCOL, () => held.promise, { bulk: true });
		const open = () => one.open(two.self, PROTOCOL, never, { bulk: "sending" });
		const streams: MeshStream[] = [];
		for (let count = 0; count < BULK_SOCKETS_PER_PEER_MAX; count++) streams.push(await open());
		expect(fallBacks()).toEqual([]);
		// Whoever does not keep to it is refused by the other side.
		const pipe = messagesOver(await one.open(two.self, BULK_PROTOCOL, never), "a test", never);
		await pipe.write("ask", PROTOCOL);
		expect(await pipe.read(1024)).toEqual({ kind: "refused", fields: [expect.stringMatching(/8 bulk sockets/)] });
		streams.push(await open());
		for (const stream of streams) stream.abort(new Error("enough"));
		held.resolve();
		two.handle("/swarm/test-echo/1", echo, { bulk: true });
		await until("a bulk socket again", async () => {
			const before = fallBacks().length;
			const stream = await one.open(two.self, "/swarm/test-echo/1", never, { bulk: "sending" });
			await stream.end();
			await readAll(stream);
			return fallBacks().length === before;
		});
	});

	test("nothing is opened when it is no longer wanted", async () => {
		two.handle(PROTOCOL, echo, { bulk: true });
		const reason = new Error("not any more");
		expect(await errorOf(one.open(two.self, PROTOCOL, AbortSignal.abort(reason), { bulk: "sending" }))).toBe(reason);
		const abort = new AbortController();
		const opening = one.open(two.self, PROTOCOL, abort.signal, { bulk: "receiving" });
		abort.abort(reason);
		expect(await errorOf(opening)).toBe(reason);
	});

	test("what is no agreement costs the peer the stream", async () => {
		for (const [kind, ...fields] of [
			["offer", PROTOCOL, 70_000, new Uint8Array(32)],
			["offer", PROTOCOL, 1],
			["hello", PROTOCOL],
		]) {
			two.handle(PROTOCOL, echo, { bulk: true });
			const pipe = messagesOver(await one.open(two.self, BULK_PROTOCOL, never), "a test", never);
			await pipe.write(String(kind), ...(fields as string[]));
			expect(["refused", "unreached", "unreachable"]).toContain(
				await pipe.read(1024).then(
					({ kind }) => kind,
					(thrown) => thrown.code,
				),
			);
		}
	});
});

describe("a bulk socket", () => {
	const secret = (fill: number) => new Uint8Array(BULK_SECRET_BYTES).fill(fill);
	let thread: BulkThread;
	beforeEach(() => {
		thread = new BulkThread(systemClock);
		undo.push(() => thread.stop());
	});

	test("opens to nobody who does not know the secret, and still to who does", async () => {
		const listener = thread.listen(two.self, "127.0.0.1", secret(1));
		const port = await listener.listening;
		const stranger = connect(port, "127.0.0.1").resume();
		stranger.on("error", () => {});
		stranger.write("GET / HTTP/1.1\r\nHost: a stranger who has nothing but words to say\r\n\r\n");
		await once(stranger, "close");
		const wrong = thread.dial(two.self, { host: "127.0.0.1", port }, secret(2));
		expect((await errorOf(wrong.connected)).code).toBe("unreachable");
		const right = thread.dial(two.self, { host: "127.0.0.1", port }, secret(1));
		await right.connected;
		await listener.connected;
		right.cut();
		await until("both to be gone", () => thread.count(null) === 0);
	});

	test("gives up on a peer that says nothing", async () => {
		const silent: Server = createServer((socket) => socket.resume()).listen(0, "127.0.0.1");
		await once(silent, "listening");
		const { port } = silent.address() as AddressInfo;
		const line = thread.dial(two.self, { host: "127.0.0.1", port }, secret(1));
		expect((await errorOf(line.connected)).message).toMatch(/no connection within/);
		await until("the socket to be gone", () => thread.count(null) === 0);
		await new Promise((resolve) => silent.close(resolve));
	});

	test("that listens for nobody is closed after a while, and all of them with the thread", async () => {
		const line = thread.listen(two.self, "127.0.0.1", secret(1));
		expect((await errorOf(line.connected)).message).toMatch(/no connection within/);
		const last = thread.listen(two.self, "127.0.0.1", secret(1));
		const port = await last.listening;
		await thread.stop();
		expect((await errorOf(last.connected)).code).toBe("unreachable");
		const [refused] = await once(connect(port, "127.0.0.1"), "error");
		expect(String(refused)).toContain("ECONNREFUSED");
		expect(() => thread.listen(two.self, "127.0.0.1", secret(1))).toThrow(/the mesh stops/);
	});
});
