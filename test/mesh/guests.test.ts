import { multiaddr } from "@multiformats/multiaddr";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { SwarmError } from "../../src/errors.js";
import { MESH_VERSION } from "../../src/mesh/admission.js";
import { createHolder, issueCapability, verifyCapability } from "../../src/mesh/capability.js";
import { FRAMES_PROTOCOL } from "../../src/mesh/frames.js";
import { type GuestLink, openGuestLink } from "../../src/mesh/guest-link.js";
import {
	CAPABILITY_PROTOCOL,
	GUEST_PROTOCOL,
	GUEST_STREAMS_MAX,
	GUESTS_PER_CAPABILITY_MAX,
	type GuestHost,
} from "../../src/mesh/guests.js";
import { createIdentity, type Identity, signerOf } from "../../src/mesh/identity.js";
import type { Libp2pMesh } from "../../src/mesh/libp2p-mesh.js";
import { createLibp2pNode } from "../../src/mesh/libp2p-node.js";
import { meshStreamOf } from "../../src/mesh/libp2p-stream.js";
import type { MeshStream } from "../../src/mesh/mesh.js";
import { messagesOver } from "../../src/mesh/messages.js";
import { SEALED_FRAMES_PROTOCOL } from "../../src/mesh/sealed-frames.js";
import type { NodeId } from "../../src/model.js";
import { until as untilMs } from "../support/until.js";
import { type LoopbackNetwork, loopbackNetwork } from "./libp2p-network.js";

const until = (what: string, look: () => boolean | Promise<boolean>) => untilMs(what, look, 30_000);

let network: LoopbackNetwork;
let open: GuestLink[] = [];
beforeEach(async () => {
	network = await loopbackNetwork();
});
afterEach(async () => {
	await Promise.all(open.map((link) => link.close()));
	open = [];
	await network.close();
});

/** Made by an issuer that the host takes for a member: certificates are tested with capabilities. */
const issuer = createIdentity();
const grant = { verbs: ["list"] as const, labels: {}, expiresAtMs: 9e12 };

function issued(): { readonly identity: Identity; readonly chain: Uint8Array } {
	const identity = createHolder();
	const first = { clusterId: "c", issuer: issuer.node, certificate: Uint8Array.of(1), holder: identity.node, grant };
	return { identity, chain: issueCapability(first, signerOf(issuer)) };
}

interface Hosting {
	objection: string | null;
	answer: (stream: MeshStream) => Promise<void>;
}

async function host(options: Partial<Hosting> = {}): Promise<{ mesh: Libp2pMesh; hosting: Hosting }> {
	const mesh = await network.first();
	const hosting: Hosting = { objection: null, answer: echo, ...options };
	const isMember = (node: NodeId) => node === issuer.node;
	mesh.guests.receive({
		verify: (chain, holder) => verifyCapability(chain, { holder, isMember }),
		objection: () => hosting.objection,
		shown: () => {},
		answer: (stream) => hosting.answer(stream),
		addresses: () => mesh.addresses(),
	} satisfies GuestHost);
	return { mesh, hosting };
}

async function echo(stream: MeshStream): Promise<void> {
	for (let part = await stream.read(); part !== null; part = await stream.read()) await stream.write(part);
	await stream.end();
}

const never = new AbortController().signal;

async function visit(mesh: Libp2pMesh, held = issued()): Promise<GuestLink> {
	const link = await openGuestLink({ ...held, addresses: mesh.addresses() }, AbortSignal.timeout(30_000));
	open.push(link);
	return link;
}

async function echoed(link: GuestLink, text: string): Promise<string> {
	const stream = await link.open(never);
	await stream.write(Buffer.from(text));
	await stream.end();
	let said = "";
	for (let part = await stream.read(); part !== null; part = await stream.read()) said += Buffer.from(part).toString();
	return said;
}

async function refusalOf(promise: Promise<unknown>): Promise<SwarmError> {
	return promise.then(
		() => Promise.reject(new Error("nothing was refused")),
		(thrown) => thrown as SwarmError,
	);
}

describe("a guest", () => {
	test("speaks the guest protocol, and is no peer", async () => {
		const { mesh } = await host();
		const link = await visit(mesh);
		expect(await echoed(link, "hello")).toBe("hello");
		expect(mesh.peers()).toEqual([]);
		expect(mesh.guests.count).toBe(1);
	});

	test("loses its connection when it asks for any other protocol", async () => {
		const { mesh } = await host();
		let answered = false;
		mesh.handle("/swarm/secret/1", async () => {
			answered = true;
		});
		for (const protocol of ["/swarm/secret/1", FRAMES_PROTOCOL, SEALED_FRAMES_PROTOCOL]) {
			const { connection, stop } = await rawVisit(mesh);
			const stream = await connection.newStream(protocol).catch(() => null);
			await until("the end of the connection", () => stream === null || connection.status !== "open");
			await stop();
		}
		expect(answered).toBe(false);
	});

	test("is refused with the reason: not its key, a capability that is good no more, too many of one", async () => {
		const { mesh, hosting } = await host();
		const held = issued();
		const stolen = { ...held, identity: createHolder() };
		expect(await refusalOf(visit(mesh, stolen))).toMatchObject({ code: "refused", message: /not for this key/ });
		for (let count = 0; count < GUESTS_PER_CAPABILITY_MAX; count++) await visit(mesh, held);
		expect(await refusalOf(visit(mesh, held))).toMatchObject({ code: "refused", message: /8 of its connections/ });
		hosting.objection = "it was revoked";
		expect(await refusalOf(visit(mesh))).toMatchObject({ code: "refused", message: /it was revoked/ });
		expect(network.log.some((entry) => /revoked/.test(String(entry.reason)))).toBe(true);
	});

	test("is cut when its capability is revoked meanwhile, and what it asked for ends", async () => {
		let ended = false;
		const { mesh, hosting } = await host({
			answer: async (stream) => {
				await stream.read().catch(() => {
					ended = true;
				});
			},
		});
		const link = await visit(mesh);
		const stream = await link.open(never);
		hosting.objection = "it was revoked";
		mesh.guests.review();
		expect((await refusalOf(stream.read())).code).toBe("unreachable");
		await until("the call to end", () => ended && mesh.guests.count === 0);
		expect(await refusalOf(link.open(never))).toMatchObject({ code: "refused" });
	});

	test("that opens more streams than it may loses its connection, and nobody else does", async () => {
		const { mesh } = await host({ answer: (stream) => stream.read().then(() => {}) });
		const other = await visit(mesh);
		const { connection, stop } = await rawVisit(mesh);
		const streams: unknown[] = [];
		await until("the end of the connection", async () => {
			if (streams.length <= GUEST_STREAMS_MAX && connection.status === "open")
				streams.push(await connection.newStream(GUEST_PROTOCOL, { maxOutboundStreams: 100 }).catch(() => null));
			return connection.status !== "open";
		});
		await until("only the other to be left", () => mesh.guests.count === 1);
		expect(await other.connect(never)).toBe(mesh.self);
		await stop();
	});

	test("that says its say without end on the open stream loses its connection", async () => {
		const { mesh } = await host();
		const { connection, pipe, stop } = await rawVisit(mesh);
		await until("the end of the connection", async () => {
			for (let count = 0; count < 20; count++) await pipe.write("here").catch(() => {});
			return connection.status !== "open";
		});
		await stop();
	});

	test("goes on at another connection when its own is cut", async () => {
		const { mesh, hosting } = await host();
		const link = await visit(mesh);
		expect(await echoed(link, "one")).toBe("one");
		hosting.objection = "for a moment";
		mesh.guests.review();
		hosting.objection = null;
		await until("an answer", async () => (await echoed(link, "two").catch(() => "")) === "two");
	});
});

test("a peer that shows a capability that cannot be read, or too much of one, loses its connection", async () => {
	const { mesh } = await host();
	for (const chain of [Uint8Array.of(1, 2, 3), new Uint8Array(64 * 1024)]) {
		const libp2p = await createLibp2pNode(createHolder().privateKey, null);
		await libp2p.start();
		const connection = await libp2p.dial(mesh.addresses().map(multiaddr));
		const stream = meshStreamOf(await connection.newStream(CAPABILITY_PROTOCOL), mesh.self);
		const pipe = messagesOver(stream, "the test", never);
		await pipe.write("capability", MESH_VERSION, chain);
		await until("the end of the connection", () => connection.status !== "open");
		await libp2p.stop();
	}
	expect(mesh.guests.count).toBe(0);
});

test("a node that is in no cluster lets no guest in", async () => {
	const mesh = await network.stranger();
	expect(await refusalOf(visit(mesh))).toMatchObject({ code: "refused", message: /in no cluster/ });
});

/** A guest whose protocol the test speaks itself. */
async function rawVisit(mesh: Libp2pMesh) {
	const { identity, chain } = issued();
	const libp2p = await createLibp2pNode(identity.privateKey, null);
	await libp2p.start();
	const connection = await libp2p.dial(mesh.addresses().map(multiaddr));
	const stream = meshStreamOf(await connection.newStream(CAPABILITY_PROTOCOL), mesh.self);
	const pipe = messagesOver(stream, "the test", never);
	await pipe.write("capability", MESH_VERSION, chain);
	expect((await pipe.read(8_192)).kind).toBe("accepted");
	return { connection, pipe, stop: () => libp2p.stop() };
}
