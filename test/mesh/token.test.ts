import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Clock, systemChance, systemClock } from "../../src/clock.js";
import { createIdentity } from "../../src/mesh/identity.js";
import { formatToken, type JoinToken, parseToken } from "../../src/mesh/join-token.js";
import { TokenBook } from "../../src/mesh/token-book.js";

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

describe("token book", () => {
	let directory: string;
	let nowMs: number;
	const clock: Clock = { ...systemClock, nowMs: () => nowMs };
	const open = () => TokenBook.open(directory, { clock, chance: systemChance });

	beforeEach(async () => {
		nowMs = 1_800_000_000_000;
		directory = await mkdtemp(join(tmpdir(), "swarm-token-"));
	});
	afterEach(() => rm(directory, { recursive: true, force: true }));

	test("lets a token be used once, also after a restart, but again by the same node", async () => {
		const token = await (await open()).issue({ uses: 1, lifeMs: 60_000 });
		await (await open()).use(token, one);
		await (await open()).use(token, one);
		await expect((await open()).use(token, two)).rejects.toThrow(/used up \(1 of 1\)/);
	});

	test("lets a token of two uses be used by two of three nodes that come at once", async () => {
		const book = await open();
		const token = await book.issue({ uses: 2, lifeMs: 60_000 });
		const results = await Promise.allSettled([one, two, three].map((node) => book.use(token, node)));
		expect(results.map((result) => result.status).sort()).toEqual(["fulfilled", "fulfilled", "rejected"]);
	});

	test("refuses an expired, unknown or wrong token with that reason", async () => {
		const book = await open();
		const token = await book.issue({ uses: 1, lifeMs: 60_000 });
		const wrong = { ...token, secret: new Uint8Array(16) };
		await expect(book.use(wrong, one)).rejects.toThrow(/secret is wrong/);
		await expect(book.use({ ...token, id: new Uint8Array(8) }, one)).rejects.toThrow(/unknown here/);
		nowMs += 61_000;
		await expect(book.use(token, one)).rejects.toThrow(/expired at/);
	});

	test("keeps no secret on disk and no file that others can read", async () => {
		const token = await (await open()).issue({ uses: 1, lifeMs: 60_000 });
		const path = join(directory, "tokens.json");
		const content = await readFile(path, "utf8");
		expect(content).not.toContain(Buffer.from(token.secret).toString("hex"));
		expect(content).not.toContain(Buffer.from(token.secret).toString("base64"));
		expect((await stat(path)).mode & 0o777).toBe(0o600);
	});

	test("refuses odd lives and uses and bounds the number of open tokens", async () => {
		const book = await open();
		await expect(book.issue({ uses: 0, lifeMs: 1_000 })).rejects.toMatchObject({ code: "usage" });
		await expect(book.issue({ uses: 1, lifeMs: 1e12 })).rejects.toMatchObject({ code: "usage" });
		for (let index = 0; index < 256; index++) await book.issue({ uses: 1, lifeMs: 60_000 });
		await expect(book.issue({ uses: 1, lifeMs: 60_000 })).rejects.toMatchObject({ code: "conflict" });
		nowMs += 61_000;
		await book.issue({ uses: 1, lifeMs: 60_000 });
	});
});
