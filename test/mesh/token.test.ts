import { describe, expect, test } from "vitest";
import { systemChance } from "../../src/clock.js";
import { createIdentity } from "../../src/mesh/identity.js";
import { formatToken, type JoinToken, parseToken } from "../../src/mesh/join-token.js";
import { hashOfSecret, judgeUse, type TokenFacts } from "../../src/mesh/token-use.js";
import type { TokenRecord } from "../../src/model.js";

const [one, two, three] = [createIdentity().node, createIdentity().node, createIdentity().node];

describe("join token", () => {
	const token: JoinToken = {
		fingerprint: systemChance.bytes(32),
		id: systemChance.bytes(8),
		secret: systemChance.bytes(16),
		expiresAtMs: 1_800_000_000_000,
		issuer: one,
		addresses: ["/ip4/10.0.0.1/tcp/7749"],
	};

	test("is one word that carries everything", () => {
		const text = formatToken(token);
		expect(text).toMatch(/^swarm1\.[A-Za-z0-9_-]+$/);
		const parsed = parseToken(`  ${text}\n`);
		expect({ ...parsed, issuer: parsed.issuer }).toEqual({
			...token,
			fingerprint: Uint8Array.from(token.fingerprint),
			id: Uint8Array.from(token.id),
			secret: Uint8Array.from(token.secret),
		});
	});

	test("that is cut, mistyped or something else is told from a good one", () => {
		const text = formatToken(token);
		expect(() => parseToken(text.slice(0, -3))).toThrow(/cut or mistyped/);
		expect(() => parseToken(text.replace(/.$/, (last) => (last === "A" ? "B" : "A")))).toThrow(/cut or mistyped/);
		expect(() => parseToken("hello")).toThrow(/starts with "swarm1\."/);
		expect(() => parseToken("swarm1.")).toThrow(/Cannot read the join token/);
		expect(() => parseToken(`swarm1.${"ä".repeat(10)}`)).toThrow(/copy it again/);
		expect(() => parseToken(`swarm1.${"A".repeat(100_000)}`)).toThrow(/Cannot read the join token/);
	});
});

describe("the use of a token", () => {
	const secret = Uint8Array.from(systemChance.bytes(16));
	const record: TokenRecord = {
		kind: "token",
		id: "00112233445566ff",
		writer: one,
		secretHash: hashOfSecret(secret),
		role: "member",
		uses: 1,
		createdAtMs: 0,
		expiresAtMs: 60_000,
	};
	const facts = (change: Partial<TokenFacts> = {}): TokenFacts => ({
		token: record,
		revoked: false,
		usedBy: [],
		...change,
	});
	const judged = (given: TokenFacts, change = {}) => judgeUse(given, { secret, node: two, nowMs: 1_000, ...change });

	test("is one a node, and the same node may come again", () => {
		expect(judged(facts())).toBe("use");
		expect(judged(facts({ usedBy: [two] }))).toBe("again");
		expect(() => judged(facts({ usedBy: [three] }))).toThrow(/used up \(1 of 1\)/);
	});

	test("is refused when it expired, was withdrawn, is unknown or has another secret, with that reason", () => {
		expect(() => judged(facts(), { nowMs: 60_000 })).toThrow(/expired at 1970/);
		expect(() => judged(facts({ revoked: true }))).toThrow(/withdrawn/);
		expect(() => judged(facts({ token: null }))).toThrow(/unknown here/);
		expect(() => judged(facts({ revoked: true, usedBy: [three] }), { secret: new Uint8Array(16) })).toThrow(
			/secret is wrong/,
		);
	});
});
