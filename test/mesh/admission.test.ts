import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/clock.js";
import { CERTIFICATE_MS_LIFE } from "../../src/mesh/cluster-authority.js";
import { FRAMES_PROTOCOL } from "../../src/mesh/frames.js";
import { formatToken, parseToken } from "../../src/mesh/join-token.js";
import type { Libp2pMesh } from "../../src/mesh/libp2p-mesh.js";
import { until } from "../support/until.js";
import { type LoopbackNetwork, loopbackNetwork } from "./libp2p-network.js";

let network: LoopbackNetwork;
beforeEach(async () => {
	network = await loopbackNetwork();
});
afterEach(() => network.close());

const deadline = () => AbortSignal.timeout(45_000);
const said = (text: RegExp) => network.log.some((entry) => text.test(`${entry.message} ${entry.reason ?? ""}`));

describe("joining with a token", () => {
	test("makes members of three nodes that connect with each other and know the cluster", async () => {
		const members = await network.members(3);
		await network.until("a full mesh", () => members.every((mesh) => mesh.peers().length === 2));
		expect(new Set(members.map((mesh) => mesh.cluster()?.clusterId)).size).toBe(1);
		expect(members[0]?.certificateOf(members[1]?.self as Libp2pMesh["self"])?.name).toMatch(/^n\d$/);
	});

	test("lets a member that joined admit others with a token of its own", async () => {
		const first = await network.first();
		const second = await network.stranger();
		await second.join(network.token(first), [], deadline());
		const third = await network.stranger();
		const { members } = await third.join(network.token(second), [], deadline());
		expect(members.map((member) => member.node)).toEqual([second.self, first.self]);
		await network.until("a full mesh", () => third.peers().length === 2);
	});

	test("is kept: after a restart the node is a member, and finds the one that admitted it", async () => {
		const first = await network.first();
		const second = await network.stranger();
		await second.join(network.token(first), [], deadline());
		await network.stopMember(second);
		const again = (await network.restartMember(second)) as Libp2pMesh;
		expect(again.cluster()?.clusterId).toBe(first.cluster()?.clusterId);
		await network.until("the connection", () => first.peers().includes(again.self));
	});

	test("is refused for a used, expired, wrong or foreign token, each with its reason", async () => {
		const [first, foreign] = [await network.first(), await network.first()];
		const [one, two] = [await network.stranger(), await network.stranger()];
		const once = network.token(first);
		await one.join(once, [], deadline());
		await expect(two.join(once, [], deadline())).rejects.toThrow(/used up \(1 of 1\)/);
		const token = parseToken(network.token(first));
		const wrong = formatToken({ ...token, secret: new Uint8Array(16) });
		await expect(two.join(wrong, [], deadline())).rejects.toThrow(/secret is wrong/);
		const elsewhere = network.token(foreign);
		const toFirst = formatToken({ ...parseToken(elsewhere), addresses: [] });
		// The token's own address would lead into a cluster that nobody named.
		await expect(two.join(toFirst, [...first.addresses()], deadline())).rejects.toThrow(/token is for another cluster/);
		await expect(two.join(elsewhere, [...first.addresses()], deadline())).rejects.toThrow(
			/token is for another cluster/,
		);
		const unknown = formatToken({ ...token, id: new Uint8Array(8), issuer: two.self });
		await expect(two.join(unknown, [...first.addresses()], deadline())).rejects.toThrow(/for another cluster/);
		const withdrawn = formatToken({ ...token, id: new Uint8Array(8) });
		await expect(two.join(withdrawn, [], deadline())).rejects.toThrow(/unknown here/);
		expect(two.cluster()).toBeNull();
		expect(said(/refused a connection .*used up/)).toBe(true);
	});

	test("goes on to the next address when one does not answer, and any member takes the token", async () => {
		const [first, second] = (await network.members(2)) as [Libp2pMesh, Libp2pMesh];
		const token = formatToken({ ...parseToken(network.token(first)), addresses: [] });
		const stranger = await network.stranger();
		await stranger.join(token, ["127.0.0.1:1", ...second.addresses()], deadline());
		await network.until("a full mesh", () => stranger.peers().length === 2);
	});

	test("refuses an expired token at the issuer's clock", async () => {
		const first = await network.first();
		const token = network.token(first, { lifeMs: 60_000 });
		network.aheadMs += 120_000;
		const stranger = await network.stranger();
		await expect(stranger.join(token, [], deadline())).rejects.toThrow(/expired at/);
	});

	test("can be objected to by the node above, and a member cannot join again", async () => {
		network.ledger.objection = ({ name }) => (name === "n1" ? `the name "${name}" is taken` : null);
		const first = await network.first({ name: "n1" });
		const token = network.token(first, { uses: 2 });
		const twin = await network.stranger({ name: "n1" });
		await expect(twin.join(token, [], deadline())).rejects.toThrow(/the name "n1" is taken/);
		await expect(first.join(token, [], deadline())).rejects.toMatchObject({ code: "conflict" });
	});

	test("says that nobody answers at a dead address", async () => {
		const first = await network.first();
		const token = formatToken({ ...parseToken(network.token(first)), addresses: [] });
		const stranger = await network.stranger();
		await expect(stranger.join(token, ["127.0.0.1:1"], deadline())).rejects.toMatchObject({ code: "unreachable" });
		await expect(stranger.join(token, [], deadline())).rejects.toMatchObject({ code: "usage" });
	});
});

describe("a member", () => {
	test("renews its certificate before it expires, and open connections stay", async () => {
		const [first, second] = (await network.members(2)) as [Libp2pMesh, Libp2pMesh];
		await network.until("the connection", () => first.peers().length === 1 && second.peers().length === 1);
		const events: string[] = [];
		first.onPeer((event) => void events.push(event.kind));
		const before = first.certificateOf(second.self);
		network.aheadMs = CERTIFICATE_MS_LIFE / 2 + 1_000;
		await network.until("a newer certificate", () => {
			const now = first.certificateOf(second.self);
			return now !== null && before !== null && now.issuedAtMs > before.issuedAtMs;
		});
		network.aheadMs = CERTIFICATE_MS_LIFE + 1_000;
		await network.until(
			"two looks",
			() => network.log.filter((each) => each.message === "renewed the certificate").length >= 2,
		);
		expect(events).toEqual([]);
		expect(said(/renewed the certificate/)).toBe(true);
	});

	test("whose clock is a month behind is refused with its expired certificate, and both sides say so", async () => {
		let aheadMs = 0;
		const first = await network.first({ clock: { ...systemClock, nowMs: () => Date.now() + aheadMs } });
		const second = await network.stranger();
		await second.join(network.token(first), [], deadline());
		await network.until("the connection", () => first.peers().length === 1);
		aheadMs = CERTIFICATE_MS_LIFE + 1_000;
		await network.until("the refusal", () => said(/refused a connection .*it expired at/));
		await network.until("the refusal", () => said(/does not answer .*(it expired at|set the clocks)/));
		expect(first.peers()).toEqual([]);
	});

	test("that sends an oversized frame loses its connection", async () => {
		const [first, second] = (await network.members(2)) as [Libp2pMesh, Libp2pMesh];
		await network.until("the connection", () => first.peers().length === 1 && second.peers().length === 1);
		const events: string[] = [];
		first.onPeer((event) => void events.push(event.kind));
		const stream = await second.open(first.self, FRAMES_PROTOCOL, deadline());
		await stream.write(Buffer.from([1, 0xff, 0xff, 0xff, 0xff]));
		await network.until("the cut", () => events.includes("disconnected"));
		expect(said(/cut a link .*frame of 4294967295 bytes/)).toBe(true);
	});

	test("that leaves the cluster is a stranger afterwards", async () => {
		const [first, second] = (await network.members(2)) as [Libp2pMesh, Libp2pMesh];
		await network.until("the connection", () => first.peers().length === 1);
		await second.leaveCluster();
		expect(second.cluster()).toBeNull();
		await network.until("the end", () => first.peers().length === 0);
		await network.until("the refusal", () => said(/this node is in no cluster/));
	});

	test("has to choose another port when its own is taken", async () => {
		const first = await network.first();
		const listen = `127.0.0.1:${/\/tcp\/(\d+)/.exec(first.addresses()[0] ?? "")?.[1]}`;
		await expect(network.stranger({ listen })).rejects.toMatchObject({
			code: "conflict",
			message: expect.stringContaining("--listen"),
		});
	});
});

test("sixteen nodes on one address all join at once and connect with each other", async () => {
	const members = await network.members(16);
	// 120 connections in one process; their handshakes take 2 to 3 s of CPU.
	await until("a full mesh", () => members.every((mesh) => mesh.peers().length === 15), 60_000);
	const got = new Map<string, number>();
	for (const mesh of members) mesh.onFrame("state", () => void got.set(mesh.self, (got.get(mesh.self) ?? 0) + 1));
	for (const mesh of members) mesh.broadcast("state", Buffer.from(mesh.self));
	await network.until("all frames", () => [...got.values()].reduce((sum, each) => sum + each, 0) === 16 * 15);
}, 120_000);
