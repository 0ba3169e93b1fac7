import { describe, expect, test } from "vitest";
import {
	CAPABILITY_BLOCKS_MAX,
	covers,
	createHolder,
	describeCapability,
	formatCapability,
	issueCapability,
	narrowCapability,
	parseCapability,
	permits,
	verifyCapability,
} from "../../src/mesh/capability.js";
import { createAuthority, issueCertificate } from "../../src/mesh/cluster-authority.js";
import { createIdentity, signerOf } from "../../src/mesh/identity.js";
import { decodeWire, encodeWire, type WireValue } from "../../src/mesh/wire.js";
import type { Grant, NodeId, Verb } from "../../src/model.js";

const authority = createAuthority();
const issuer = createIdentity();
const certificate = issueCertificate(
	authority,
	{ node: issuer.node, name: "n1", role: "member", admittedAtMs: 0 },
	1_000,
).bytes;
const isMember = (node: NodeId, bytes: Uint8Array) => node === issuer.node && Buffer.from(bytes).equals(certificate);
const wide: Grant = { verbs: ["list", "logs", "exec"], labels: {}, expiresAtMs: 10_000 };

function issued(grant: Grant = wide, holder = createHolder()) {
	const first = { clusterId: authority.clusterId, issuer: issuer.node, certificate, holder: holder.node, grant };
	return { holder, chain: issueCapability(first, signerOf(issuer)) };
}

function refusalOf(act: () => unknown): string {
	try {
		act();
	} catch (thrown) {
		return (thrown as Error).message;
	}
	return "nothing was refused";
}

describe("a capability", () => {
	test("says what it grants to the key it was made for, and to no other", () => {
		const { holder, chain } = issued();
		expect(verifyCapability(chain, { holder: holder.node, isMember })).toMatchObject({
			issuer: issuer.node,
			holder: holder.node,
			grant: wide,
		});
		expect(refusalOf(() => verifyCapability(chain, { holder: createHolder().node, isMember }))).toMatch(
			/not for this key/,
		);
	});

	test("is narrowed by each holder and never widened", () => {
		const { holder, chain } = issued({ ...wide, labels: { team: "a" } });
		const [second, third] = [createHolder(), createHolder()];
		const wish = { verbs: ["logs", "deploy", "exec"] as Verb[], labels: { tier: "web" }, expiresAtMs: 99_999 };
		const narrowed = narrowCapability(chain, holder, { holder: second.node, grant: wish });
		const again = { verbs: ["list", "logs"] as Verb[], labels: {}, expiresAtMs: 5_000 };
		const last = narrowCapability(narrowed, second, { holder: third.node, grant: again });
		const { grant, ids, id } = verifyCapability(last, { holder: third.node, isMember });
		expect(grant).toEqual({ verbs: ["logs"], labels: { team: "a", tier: "web" }, expiresAtMs: 5_000 });
		expect(ids).toHaveLength(3);
		expect(id).toBe(describeCapability(chain).id);
		expect(refusalOf(() => verifyCapability(last, { holder: second.node, isMember }))).toMatch(/not for this key/);
	});

	test("with another value for a label that it has already is good for nothing", () => {
		const { holder, chain } = issued({ ...wide, labels: { team: "a" } });
		const other = narrowCapability(chain, holder, { holder: holder.node, grant: { ...wide, labels: { team: "b" } } });
		expect(verifyCapability(other, { holder: holder.node, isMember }).grant.verbs).toEqual([]);
	});

	test("cannot be narrowed by anybody but its holder, nor for ever", () => {
		const { holder, chain } = issued();
		const next = { holder: holder.node, grant: wide };
		expect(refusalOf(() => narrowCapability(chain, createHolder(), next))).toMatch(/not for this key/);
		let longest = chain;
		for (let count = 1; count < CAPABILITY_BLOCKS_MAX; count++) longest = narrowCapability(longest, holder, next);
		expect(refusalOf(() => narrowCapability(longest, holder, next))).toMatch(/handed on 8 times/);
		expect(verifyCapability(longest, { holder: holder.node, isMember }).ids).toHaveLength(CAPABILITY_BLOCKS_MAX);
	});

	test("is refused when a block is left out, exchanged, forged or of a member of nowhere", () => {
		const { holder, chain } = issued();
		const second = createHolder();
		const narrowed = narrowCapability(chain, holder, { holder: second.node, grant: { ...wide, verbs: ["list"] } });
		const blocks = decodeWire(narrowed, "test", { bytes: 1e5, depth: 9, items: 99 }) as WireValue[][];
		const chainOf = (...parts: readonly WireValue[]) => encodeWire(parts as WireValue[]);
		const [first, next] = blocks as [WireValue[], WireValue[]];
		const other = decodeWire(issued().chain, "test", { bytes: 1e5, depth: 9, items: 99 }) as WireValue[][];
		const signature = Uint8Array.from(next[1] as Uint8Array);
		signature[0] = (signature[0] ?? 0) ^ 1;
		const wanted = { holder: second.node, isMember };
		expect(refusalOf(() => verifyCapability(chainOf(next), wanted))).toMatch(/^Cannot read/);
		expect(refusalOf(() => verifyCapability(chainOf(other[0] ?? [], next), wanted))).toMatch(/do not follow/);
		expect(refusalOf(() => verifyCapability(chainOf(first, [next[0] ?? null, signature]), wanted))).toMatch(
			/not signed/,
		);
		expect(refusalOf(() => verifyCapability(chainOf(first, [next[0] ?? null, first[1] ?? null]), wanted))).toMatch(
			/not signed/,
		);
		expect(refusalOf(() => verifyCapability(narrowed, { ...wanted, isMember: () => false }))).toMatch(/no member/);
	});

	test("travels as one string, whose damage is noticed", () => {
		const { holder, chain } = issued();
		const addresses = [`/ip4/10.0.0.1/tcp/7749/p2p/${issuer.node}`];
		const text = formatCapability({ chain, key: holder.privateKey, addresses });
		const read = parseCapability(`${text}\n`);
		expect(Buffer.from(read.chain).equals(chain)).toBe(true);
		expect(read.key?.equals(holder.privateKey)).toBe(true);
		expect(read.addresses).toEqual(addresses);
		expect(parseCapability(formatCapability({ chain, key: null, addresses })).key).toBeNull();
		expect(refusalOf(() => parseCapability(text.slice(0, -3)))).toMatch(/cut or mistyped/);
		expect(refusalOf(() => parseCapability("swarm1.abc"))).toMatch(/swarmcap1/);
	});

	test("permits its verbs until it expires, for workloads with its labels", () => {
		expect(permits(wide, "logs", 9_999)).toBeNull();
		expect(permits(wide, "deploy", 0)).toMatch(/not the verb deploy, only list, logs, exec/);
		expect(permits(wide, "logs", 10_000)).toMatch(/expired at 1970/);
		const limited = { ...wide, labels: { team: "a" } };
		expect(covers(limited, { team: "a", tier: "web" })).toBe(true);
		expect(covers(limited, { team: "b" })).toBe(false);
		expect(covers(limited, {})).toBe(false);
		expect(covers({ ...wide, labels: Object.fromEntries([["toString", "x"]]) }, {})).toBe(false);
	});
});

test("no bytes make it throw anything but corrupt, too-large or refused", () => {
	const { holder, chain } = issued();
	const narrowed = narrowCapability(chain, holder, { holder: holder.node, grant: wide });
	let seed = 7;
	const random = (below: number) => {
		seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
		return seed % below;
	};
	for (let round = 0; round < 1_000; round++) {
		const bytes = Uint8Array.from(narrowed);
		for (let change = 0; change <= random(4); change++) bytes[random(bytes.length)] = random(256);
		const cut = random(5) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
		try {
			verifyCapability(cut, { holder: holder.node, isMember });
		} catch (thrown) {
			expect(["corrupt", "too-large", "refused"]).toContain((thrown as { code?: string }).code);
		}
	}
});
