import net from "node:net";
import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AUTH_PROTOCOL } from "../../src/mesh/admission.js";
import { FRAMES_PROTOCOL } from "../../src/mesh/frames.js";
import { JOIN_PROTOCOL } from "../../src/mesh/join.js";
import type { Libp2pMesh } from "../../src/mesh/libp2p-mesh.js";
import { SEALED_FRAMES_PROTOCOL } from "../../src/mesh/sealed-frames.js";
import { until } from "../support/until.js";
import { type LoopbackNetwork, loopbackNetwork } from "./libp2p-network.js";

let network: LoopbackNetwork;
beforeEach(async () => {
	network = await loopbackNetwork();
});
afterEach(() => network.close());

const said = (text: RegExp) => network.log.some((entry) => text.test(`${entry.message} ${entry.reason ?? ""}`));

describe("a stranger", () => {
	/** A libp2p node that speaks the transport but has no certificate. */
	async function bareNode() {
		return createLibp2p({
			transports: [tcp()],
			connectionEncrypters: [noise()],
			streamMuxers: [yamux({ streamOptions: { initialStreamWindowSize: 4194304, maxStreamWindowSize: 4194304 } })],
		});
	}

	test("gets no answer from any protocol and loses its connection", async () => {
		const first = await network.first();
		let answered = false;
		first.handle("/swarm/secret/1", async () => {
			answered = true;
		});
		first.onFrame("state", () => {
			answered = true;
		});
		const bare = await bareNode();
		try {
			const asked = ["/swarm/secret/1", FRAMES_PROTOCOL, SEALED_FRAMES_PROTOCOL, "/ipfs/id/1.0.0", "/ipfs/ping/1.0.0"];
			for (const protocol of asked) {
				const connection = await bare.dial(first.addresses().map(multiaddr), { force: true });
				const stream = await connection.newStream(protocol).catch(() => null);
				try {
					stream?.send(Buffer.from("\x01\x00\x00\x00\x02hi"));
				} catch {
					// cut before it could speak
				}
				await network.until("the end of the connection", () => connection.status !== "open" || stream === null);
			}
			expect(answered).toBe(false);
			expect(first.peers()).toEqual([]);
		} finally {
			await bare.stop();
		}
	});

	test("is cut when it proves nothing in time, and when it sends nonsense as proof", async () => {
		const first = await network.first();
		const bare = await bareNode();
		try {
			const silent = await bare.dial(first.addresses().map(multiaddr), { force: true });
			for (const protocol of [AUTH_PROTOCOL, JOIN_PROTOCOL]) {
				const connection = await bare.dial(first.addresses().map(multiaddr), { force: true });
				const stream = await connection.newStream(protocol);
				stream.send(Buffer.from([0, 0, 0, 4, 0xc1, 0xff, 0x00, 0x01]));
				await network.until("the end of the connection", () => connection.status !== "open");
			}
			const huge = await bare.dial(first.addresses().map(multiaddr), { force: true });
			(await huge.newStream(AUTH_PROTOCOL)).send(Buffer.from([0xff, 0xff, 0xff, 0xff, 1]));
			await network.until("the end of the connection", () => huge.status !== "open");
			await until("the end of the silent one", () => silent.status !== "open", 30_000);
			expect(said(/bytes, 8192 are allowed/)).toBe(true);
		} finally {
			await bare.stop();
		}
	}, 60_000);

	test("that only sends garbage over TCP disturbs nobody", async () => {
		const [first, second] = (await network.members(2)) as [Libp2pMesh, Libp2pMesh];
		await network.until("the connection", () => first.peers().length === 1);
		const port = Number(/\/tcp\/(\d+)/.exec(first.addresses()[0] ?? "")?.[1]);
		const sockets = Array.from({ length: 20 }, (_, index) => {
			const socket = net.connect(port, "127.0.0.1");
			socket.on("error", () => {});
			socket.write(index % 2 === 0 ? Buffer.alloc(100_000, index) : "GET / HTTP/1.1\r\n\r\n");
			return socket;
		});
		const got: string[] = [];
		second.onFrame("state", (_, frame) => void got.push(`${Buffer.from(frame)}`));
		first.broadcast("state", Buffer.from("still here"));
		await network.until("the frame", () => got.length === 1);
		await until("the end of the garbage", () => sockets.every((socket) => socket.destroyed), 30_000);
		expect(first.peers()).toEqual([second.self]);
	}, 60_000);

	test("from another cluster is refused on both sides with the reason", async () => {
		const [first, foreign] = [await network.first({ name: "ours" }), await network.first({ name: "theirs" })];
		foreign.keepConnected([{ node: first.self, addresses: first.addresses() }]);
		await network.until("the refusal", () => said(/a member does not answer .*refuses: .*another cluster/));
		await network.until("the refusal", () => said(/refused a connection .*another cluster/));
		expect([...first.peers(), ...foreign.peers()]).toEqual([]);
	});

	test("that should be a member but is in no cluster refuses, and the dialler learns it", async () => {
		const [first, nobody] = [await network.first(), await network.stranger({ name: "nobody" })];
		first.keepConnected([{ node: nobody.self, addresses: nobody.addresses() }]);
		await network.until("the refusal", () => said(/does not answer .*this node is in no cluster/));
		expect(() => nobody.authority("sign")).toThrow(/in no cluster/);
	});
});
