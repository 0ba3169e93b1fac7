// Rotated authorities, readers, witnesses and forgotten nodes, on real connections.

import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CERTIFICATE_MS_LIFE } from "../../src/mesh/cluster-authority.js";
import { formatToken, parseToken } from "../../src/mesh/join-token.js";
import type { Libp2pMesh } from "../../src/mesh/libp2p-mesh.js";
import type { Revocation } from "../../src/mesh/revocation.js";
import { GRACE_MS_MIN } from "../../src/mesh/trust.js";
import { type LoopbackNetwork, loopbackNetwork } from "./libp2p-network.js";

let network: LoopbackNetwork;
beforeEach(async () => {
	network = await loopbackNetwork();
});
afterEach(() => network.close());

const deadline = () => AbortSignal.timeout(30_000);
const said = (text: RegExp) => network.log.some((entry) => text.test(`${entry.message} ${entry.reason ?? ""}`));
const authorityOf = (mesh: Libp2pMesh) => mesh.cluster()?.authority;
const signerOf = (mesh: Libp2pMesh, of: Libp2pMesh) => mesh.certificateOf(of.self)?.signer;

describe("a rotated authority", () => {
	test("is taken over by every member, certificates are renewed under it, and connections stay", async () => {
		const members = await network.members(3);
		const [first, second, third] = members as [Libp2pMesh, Libp2pMesh, Libp2pMesh];
		await network.until("a full mesh", () => members.every((mesh) => mesh.peers().length === 2));
		const events: string[] = [];
		for (const mesh of members) mesh.onPeer((event) => void events.push(event.kind));
		const { authority, clusterId } = await first.rotateAuthority(GRACE_MS_MIN);
		expect(authority).not.toBe(clusterId);
		await network.until("the new certificates", () =>
			members.every((mesh) =>
				members.every((of) => mesh === of || (authorityOf(mesh) === authority && signerOf(mesh, of) === authority)),
			),
		);
		network.aheadMs = GRACE_MS_MIN + 5_000;
		const stranger = await network.stranger();
		await stranger.join(network.token(third), [], deadline());
		await network.until("the newcomer", () => second.certificateOf(stranger.self)?.signer === authority);
		expect(events.filter((kind) => kind === "disconnected")).toEqual([]);
		expect(stranger.cluster()?.clusterId).toBe(clusterId);
	}, 60_000);

	test("is learned by a node that was down meanwhile, within the grace; after it that node is refused with the reason", async () => {
		const [first, second, third] = (await network.members(3)) as [Libp2pMesh, Libp2pMesh, Libp2pMesh];
		await network.stopMember(second);
		await network.stopMember(third);
		const { authority } = await first.rotateAuthority(10 * GRACE_MS_MIN);
		const back = (await network.restartMember(second)) as Libp2pMesh;
		await network.until(
			"the new authority",
			() => authorityOf(back) === authority && signerOf(first, back) === authority,
		);
		network.aheadMs = 11 * GRACE_MS_MIN;
		const late = (await network.restartMember(third)) as Libp2pMesh;
		await network.until("the refusal", () => said(/refused a connection .*rotated out at .*join again/));
		await network.until("its own word", () => said(/does not answer .*(rotated out|not known here)/));
		expect(late.peers()).toEqual([]);
		await late.leaveCluster();
		await late.join(network.token(first), [], deadline());
		await network.until("the connection", () => first.peers().includes(late.self));
	}, 60_000);

	test("joins with a token from before it work within the grace", async () => {
		const first = await network.first();
		const token = network.token(first);
		const { authority } = await first.rotateAuthority(GRACE_MS_MIN);
		const stranger = await network.stranger();
		await stranger.join(token, [], deadline());
		expect(authorityOf(stranger)).toBe(authority);
	});

	test("needs a grace of a minute to 30 days", async () => {
		const first = await network.first();
		for (const graceMs of [0, GRACE_MS_MIN - 1, 1e12, 1.5, Number.NaN])
			await expect(first.rotateAuthority(graceMs)).rejects.toMatchObject({ code: "usage" });
	});
});

describe("a reader", () => {
	test("gets no cluster key, admits nobody, and speaks only what readers may", async () => {
		const [first, second] = (await network.members(2)) as [Libp2pMesh, Libp2pMesh];
		for (const mesh of [first, second]) {
			mesh.handle("/swarm/move/1", async (stream) => stream.end());
			mesh.handle("/swarm/look/1", async (stream) => stream.end(), { readers: true });
		}
		const reader = await network.stranger();
		await reader.join(network.token(first, { role: "reader" }), [], deadline());
		await network.until("the connections", () => reader.peers().length === 2);
		expect([first.roleOf(reader.self), reader.roleOf(reader.self)]).toEqual(["reader", "reader"]);
		expect(() => reader.authority("admit a node")).toThrow(/this node is a reader/);
		const look = await reader.open(first.self, "/swarm/look/1", deadline());
		expect(await look.read()).toBeNull();
		const move = await reader.open(first.self, "/swarm/move/1", deadline());
		await expect(move.read()).rejects.toThrow();
		const stranger = await network.stranger();
		const refusal = stranger.join(network.token(first), [...reader.addresses()], deadline());
		await expect(refusal).resolves.toMatchObject({ clusterId: first.cluster()?.clusterId });
		expect(said(/refused a connection .*only a reader/)).toBe(true);
	});

	test("has its certificate renewed by a member, also under a rotated authority, and under another name", async () => {
		const first = await network.first();
		const reader = await network.stranger();
		await reader.join(network.token(first, { role: "reader" }), [], deadline());
		await network.until("the connection", () => first.peers().length === 1 && reader.peers().length === 1);
		network.aheadMs = CERTIFICATE_MS_LIFE / 2 + 1_000;
		const issuedAtMs = first.certificateOf(reader.self)?.issuedAtMs ?? 0;
		await network.until("the renewal", () => (first.certificateOf(reader.self)?.issuedAtMs ?? 0) > issuedAtMs);
		const { authority } = await first.rotateAuthority(GRACE_MS_MIN);
		await network.until("the rotation", () => signerOf(first, reader) === authority);
		await reader.rename("looker", deadline());
		await network.until("the name", () => first.certificateOf(reader.self)?.name === "looker");
		expect(first.roleOf(reader.self)).toBe("reader");
	}, 60_000);
});

test("a witness is one by its token or by its own wish, and admits others", async () => {
	const first = await network.first();
	const [one, two] = [await network.stranger({ role: "witness" }), await network.stranger()];
	await one.join(network.token(first), [], deadline());
	await two.join(network.token(one, { role: "witness" }), [], deadline());
	await network.until("a full mesh", () => first.peers().length === 2);
	expect([one, two].map((mesh) => first.roleOf(mesh.self))).toEqual(["witness", "witness"]);
});

describe("a forgotten node", () => {
	test("is cut at once, is told so with the cluster's word when it comes back, and joins again with its old identity", async () => {
		const told: Revocation[] = [];
		const [first, second] = (await network.members(2)) as [Libp2pMesh, Libp2pMesh];
		const third = await network.stranger({ onForgotten: (revocation) => void told.push(revocation) });
		await third.join(network.token(first), [], deadline());
		await network.until("a full mesh", () => third.peers().length === 2);
		network.ledger.forget(third.self, first.authority("forget a node"));
		for (const mesh of [first, second]) mesh.recheck();
		await network.until("the end", () => first.peers().length === 1 && second.peers().length === 1);
		await network.until("the word", () => told.length === 1);
		expect(told[0]).toMatchObject({ node: third.self, by: "n1" });
		expect(said(/refused a connection .*it was forgotten at/)).toBe(true);
		await third.leaveCluster();
		await third.join(network.token(first), [], deadline());
		await network.until(
			"the connection",
			() => first.peers().includes(third.self) && second.peers().includes(third.self),
		);
		expect(
			third.toldForgotten(network.ledger.revocationOf(third.self)?.statement ?? new Uint8Array(1)),
		).toBeUndefined();
		expect(told.length).toBe(1);
	}, 60_000);

	test("does not believe a statement that the cluster did not sign, or one about another node", async () => {
		const told: Revocation[] = [];
		const onForgotten = (revocation: Revocation) => void told.push(revocation);
		const [first, foreign] = [await network.first({ onForgotten }), await network.first()];
		network.ledger.forget(first.self, foreign.authority("forget a node"));
		first.toldForgotten(network.ledger.revocationOf(first.self)?.statement ?? new Uint8Array(1));
		network.ledger.forget(foreign.self, first.authority("forget a node"));
		first.toldForgotten(network.ledger.revocationOf(foreign.self)?.statement ?? new Uint8Array(1));
		first.toldForgotten(Uint8Array.of(1, 2, 3));
		expect(told).toEqual([]);
		expect(said(/is not believed/)).toBe(true);
	});
});

test("the log says who was refused and why, as often as people can read", async () => {
	const first = await network.first({ name: "ours" });
	const wrong = formatToken({ ...parseToken(network.token(first)), secret: new Uint8Array(16) });
	const knocking = await network.stranger();
	for (let count = 0; count < 30; count++)
		await expect(knocking.join(wrong, [], deadline())).rejects.toThrow(/secret is wrong/);
	const lines = network.log.filter((entry) => entry.node === "ours" && entry.message === "refused a connection");
	expect(lines.length).toBeGreaterThan(0);
	expect(lines.length).toBeLessThan(30);
	expect(lines[0]).toMatchObject({ address: "127.0.0.1", level: "warn" });
}, 60_000);

test("no secret reaches a log, and every file that holds one is readable by its owner alone", async () => {
	const root = await mkdtemp(join(tmpdir(), "swarm-secrets-"));
	try {
		const first = await network.first({ stateDirectory: join(root, "first") });
		const second = await network.stranger({ stateDirectory: join(root, "second") });
		const token = network.token(first);
		await second.join(token, [], deadline());
		await expect((await network.stranger()).join(token, [], deadline())).rejects.toThrow(/used up/);
		await network.until("the connection", () => first.peers().length === 1);
		const before = await readFile(join(root, "first", "cluster.json"), "utf8");
		await first.rotateAuthority(GRACE_MS_MIN);
		await network.until("the key", () => authorityOf(second) === authorityOf(first) && said(/took over the rotated/));
		const log = JSON.stringify(network.log);
		const files = await Promise.all(
			["first", "second"].flatMap((name) =>
				["cluster.json", "node.key"].map((file) => readFile(join(root, name, file), "utf8")),
			),
		);
		const keys = [before, ...files].flatMap((text) =>
			text.startsWith("{") ? [JSON.parse(text).clusterKey as string] : [text.split("\n")[1] ?? ""],
		);
		const { secret } = parseToken(token);
		const secrets = [
			token,
			...keys.map((key) => key.slice(-40)),
			...(["hex", "base64", "base64url"] as const).map((form) => Buffer.from(secret).toString(form)),
		];
		expect(secrets.every((each) => each.length > 20)).toBe(true);
		expect(secrets.filter((each) => log.includes(each))).toEqual([]);
		for (const name of ["first", "second"])
			for (const file of await readdir(join(root, name))) {
				// One that is being written has its last name by now.
				const found = await stat(join(root, name, file)).catch(() => null);
				if (found !== null) expect(found.mode & 0o777, file).toBe(0o600);
			}
	} finally {
		await rm(root, { recursive: true, force: true });
	}
});
