// What every Mesh adapter keeps, real or simulated. Knows nothing of libp2p: the network is given, and so is the way to
// wait (real time, or a virtual clock that is moved).

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FRAME_BYTES_MAX, type Mesh, type MeshStream, type PeerEvent } from "../../src/mesh/mesh.js";

export interface ContractNetwork {
	/** So many members that were told to keep each other connected; resolves at once or later. */
	members(count: number): Promise<readonly Mesh[]>;
	/** Stops a member as a crash would look to the others. */
	stopMember(mesh: Mesh): Promise<void>;
	/** The same identity and address again. */
	restartMember(mesh: Mesh): Promise<Mesh>;
	/** Waits until `look` gives a true value; moves the virtual clock where there is one. */
	until<T>(what: string, look: () => T): Promise<NonNullable<T>>;
	close(): Promise<void>;
}

const ECHO = "/swarm/test-echo/1";
const deadline = () => AbortSignal.timeout(10_000);

/** Registers the suite; `makeNetwork` is called for every test. */
export function meshContract(name: string, makeNetwork: () => Promise<ContractNetwork>): void {
	describe(`${name} keeps the mesh contract`, () => {
		let network: ContractNetwork;
		beforeEach(async () => {
			network = await makeNetwork();
		});
		afterEach(() => network.close());

		const connected = async (count: number) => {
			const members = await network.members(count);
			await network.until("everybody connected", () => members.every((mesh) => mesh.peers().length === count - 1));
			return members as [Mesh, Mesh, ...Mesh[]];
		};

		test("connects all members with each other and names no stranger or self", async () => {
			const members = await connected(3);
			for (const mesh of members) {
				const others = members.filter((other) => other !== mesh).map((other) => other.self);
				expect([...mesh.peers()].sort()).toEqual(others.sort());
				expect(mesh.addresses().length).toBeGreaterThan(0);
			}
		});

		test("delivers frames of each plane to its own listeners, in the order sent", async () => {
			const [one, two] = await connected(2);
			const got: string[] = [];
			const beats: string[] = [];
			two.onFrame("state", (from, frame) => void got.push(`${from === one.self} ${Buffer.from(frame)}`));
			two.onFrame("heartbeat", (_, frame) => void beats.push(`${Buffer.from(frame)}`));
			for (let index = 0; index < 500; index++) one.send(two.self, "state", Buffer.from(`${index}`));
			one.broadcast("heartbeat", Buffer.from("beat"));
			await network.until("all frames", () => got.length >= 500 && beats.length >= 1);
			expect(got).toEqual(Array.from({ length: 500 }, (_, index) => `true ${index}`));
			expect(beats).toEqual(["beat"]);
		});

		test("broadcasts to every peer and not to itself", async () => {
			const members = await connected(3);
			const got: string[] = [];
			for (const mesh of members) mesh.onFrame("state", () => void got.push(mesh.self));
			members[0].broadcast("state", Buffer.from("news"));
			await network.until("two receivers", () => got.length >= 2);
			expect(got.sort()).toEqual([members[1].self, members[2]?.self].sort());
		});

		test("stops calling a listener that was taken away", async () => {
			const [one, two] = await connected(2);
			const [kept, dropped]: [string[], string[]] = [[], []];
			two.onFrame("state", () => void dropped.push("frame"))();
			two.onFrame("state", () => void kept.push("frame"));
			one.send(two.self, "state", Buffer.from("one"));
			await network.until("a frame", () => kept.length === 1);
			expect(dropped).toEqual([]);
		});

		test("carries the largest frame and refuses a larger one at the sender", async () => {
			const [one, two] = await connected(2);
			const sizes: number[] = [];
			two.onFrame("state", (_, frame) => void sizes.push(frame.length));
			one.send(two.self, "state", new Uint8Array(FRAME_BYTES_MAX));
			expect(() => one.broadcast("state", new Uint8Array(FRAME_BYTES_MAX + 1))).toThrow(/allowed/);
			await network.until("the frame", () => sizes.length === 1);
			expect(sizes).toEqual([FRAME_BYTES_MAX]);
		});

		test("ignores a frame for somebody who is not connected", async () => {
			const [one] = await connected(2);
			expect(() => one.send("12D3KooWNobody" as Mesh["self"], "state", Buffer.from("hello"))).not.toThrow();
		});

		test("echoes a stream with a clean end on both sides", async () => {
			const [one, two] = await connected(2);
			two.handle(ECHO, echo);
			const stream = await one.open(two.self, ECHO, deadline());
			expect(stream.peer).toBe(two.self);
			const sent = Buffer.alloc(300_000, "abcdefg");
			const answer = readAll(stream);
			await stream.write(sent);
			await stream.end();
			expect((await answer).equals(sent)).toBe(true);
		});

		test("lets the answering side speak first and end at once", async () => {
			const [one, two] = await connected(2);
			two.handle(ECHO, async (stream) => {
				await stream.write(Buffer.from("short answer"));
				await stream.end();
			});
			const answers = Array.from({ length: 20 }, async () => readAll(await one.open(two.self, ECHO, deadline())));
			expect((await Promise.all(answers)).map(String)).toEqual(Array(20).fill("short answer"));
		});

		test("pauses a writer whose reader does not read, and loses nothing", async () => {
			const [one, two] = await connected(2);
			const opened: MeshStream[] = [];
			const { promise, resolve } = Promise.withResolvers<void>();
			two.handle(ECHO, async (stream) => {
				opened.push(stream);
				await promise;
			});
			const stream = await one.open(two.self, ECHO, deadline());
			const piece = new Uint8Array(1024 * 1024);
			let written = 0;
			const writing = (async () => {
				for (; written < 64; written++) await stream.write(piece);
				await stream.end();
			})();
			await network.until("the stream", () => opened.length === 1);
			await settled(network, () => written);
			expect(written).toBeLessThan(32);
			const reader = opened[0] as MeshStream;
			const length = (await readAll(reader)).length;
			await writing;
			expect(length).toBe(64 * piece.length);
			resolve();
		});

		test("brings everything to a reader that is slower than the writer", async () => {
			const [one, two] = await connected(2);
			const piece = new Uint8Array(256 * 1024);
			two.handle(ECHO, async (stream) => {
				for (let written = 0; written < 160; written++) await stream.write(piece);
				await stream.end();
			});
			const stream = await one.open(two.self, ECHO, deadline());
			let bytes = 0;
			for (let part = await stream.read(); part !== null; part = await stream.read()) {
				bytes += part.length;
				// As when each part goes to a disk: what comes meanwhile waits.
				for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
			}
			expect(bytes).toBe(160 * piece.length);
		});

		test("tells the reader when the other side aborts", async () => {
			const [one, two] = await connected(2);
			two.handle(ECHO, async (stream) => {
				await stream.read();
				stream.abort(new Error("no more"));
			});
			const stream = await one.open(two.self, ECHO, deadline());
			await stream.write(Buffer.from("hello"));
			await expect(readAll(stream)).rejects.toMatchObject({ code: "unreachable" });
		});

		test("aborts the stream of a handler that throws", async () => {
			const [one, two] = await connected(2);
			two.handle(ECHO, () => Promise.reject(new Error("broken")));
			const stream = await one.open(two.self, ECHO, deadline());
			await expect(readAll(stream)).rejects.toMatchObject({ code: "unreachable" });
		});

		test("says so when the peer does not speak a protocol, is unknown, or is oneself", async () => {
			const [one, two] = await connected(2);
			await expect(one.open(two.self, "/swarm/unheard-of/1", deadline())).rejects.toMatchObject({
				code: "unsupported",
			});
			const nobody = "12D3KooWNobody" as Mesh["self"];
			await expect(one.open(nobody, ECHO, deadline())).rejects.toMatchObject({ code: "unreachable" });
			await expect(one.open(one.self, ECHO, deadline())).rejects.toMatchObject({ code: "usage" });
		});

		test("tells of a peer that stops, cuts its streams, and connects again when it is back", async () => {
			const [one, two] = await connected(2);
			const events: PeerEvent[] = [];
			one.onPeer((event) => void events.push(event));
			two.handle(ECHO, echo);
			const stream = await one.open(two.self, ECHO, deadline());
			const cut = expect(readAll(stream)).rejects.toMatchObject({ code: "unreachable" });
			await network.stopMember(two);
			await network.until("the loss", () => events.length === 1);
			await cut;
			expect(one.peers()).toEqual([]);
			const again = await network.restartMember(two);
			expect(again.self).toBe(two.self);
			await network.until("the return", () => one.peers().includes(again.self) && again.peers().includes(one.self));
			expect(events.map((event) => event.kind)).toEqual(["disconnected", "connected"]);
			const got: string[] = [];
			again.onFrame("state", (_, frame) => void got.push(`${Buffer.from(frame)}`));
			one.broadcast("state", Buffer.from("welcome back"));
			await network.until("a frame after the return", () => got.length === 1);
		});
	});
}

async function echo(stream: MeshStream): Promise<void> {
	for (let bytes = await stream.read(); bytes !== null; bytes = await stream.read()) await stream.write(bytes);
	await stream.end();
}

async function readAll(stream: MeshStream): Promise<Buffer> {
	const parts: Uint8Array[] = [];
	for (let bytes = await stream.read(); bytes !== null; bytes = await stream.read()) parts.push(bytes);
	return Buffer.concat(parts);
}

/** Waits until a number stays the same over twenty looks. */
async function settled(network: ContractNetwork, look: () => number): Promise<void> {
	let last = -1;
	let same = 0;
	await network.until("a standstill", () => {
		same = look() === last ? same + 1 : 0;
		last = look();
		return same >= 20;
	});
}
