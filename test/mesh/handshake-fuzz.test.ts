// Bytes that nobody should send, at every decoder and step of admission: malformed, oversized, replayed, forged, out of order. Seeded.

import { array, assert, asyncProperty, constantFrom, integer, oneof, property, uint8Array } from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SwarmError } from "../../src/errors.js";
import { type Proof, proveInbound, proveOutbound } from "../../src/mesh/admission.js";
import { createAuthority, issueCertificate } from "../../src/mesh/cluster-authority.js";
import { answerCredentials } from "../../src/mesh/credentials-exchange.js";
import { createIdentity } from "../../src/mesh/identity.js";
import { type Admitter, answerJoin, askToJoin } from "../../src/mesh/join.js";
import { formatToken, parseToken } from "../../src/mesh/join-token.js";
import type { MeshStream } from "../../src/mesh/mesh.js";
import type { OwnMembership } from "../../src/mesh/own-membership.js";
import { signRevocation, verifyRevocation } from "../../src/mesh/revocation.js";
import { decodeLinks, encodeLinks, firstTrust, learned, rotated, wireOfLinks } from "../../src/mesh/trust.js";
import { encodeWire, type WireValue } from "../../src/mesh/wire.js";
import type { NodeId } from "../../src/model.js";

const SEED = { seed: 20_261_122 };
const [first, foreign] = [createAuthority(), createAuthority()];
const [us, them] = [createIdentity().node, createIdentity().node];
const next = createAuthority(first.clusterId);
const link = rotated(firstTrust(first.publicKey), first, { publicKey: next.publicKey, graceMs: 60_000, nowMs: 1_000 });
const trust = learned(firstTrust(first.publicKey), [link], 1_000);
const nowMs = 2_000;
const subject = (node: NodeId) => ({ node, name: "n1", role: "member", admittedAtMs: 0 }) as const;
const ours = issueCertificate(next, subject(us), nowMs);
const theirs = issueCertificate(next, subject(them), nowMs);
const proof: Proof = {
	certificate: ours,
	trust,
	learn: (links) => learned(trust, links, nowMs),
	revocationOf: () => null,
};
const codes = ["corrupt", "too-large", "refused", "usage", "unreachable", "aborted"];

/** A stream whose other end says these bytes, whatever it hears. */
function saying(bytes: Uint8Array, pieces: number): MeshStream & { readonly heard: Uint8Array[] } {
	const size = Math.max(1, Math.ceil(bytes.length / pieces));
	const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
		bytes.subarray(at * size, (at + 1) * size),
	);
	const heard: Uint8Array[] = [];
	return {
		peer: them,
		heard,
		read: async () => parts.shift() ?? null,
		write: async (given) => void heard.push(given),
		end: async () => {},
		abort: () => {},
	};
}

function messageOf(...fields: readonly WireValue[]): Uint8Array {
	const body = encodeWire(fields);
	const length = Buffer.alloc(4);
	length.writeUInt32BE(body.length);
	return Buffer.concat([length, body]);
}

/** What an honest peer could say in these conversations, each message once. */
const links = wireOfLinks(trust.links);
const honest: readonly Uint8Array[] = [
	messageOf("hello", 2, theirs.bytes, links),
	messageOf("hello", 2, ours.bytes, links),
	messageOf("hello", 2, issueCertificate(foreign, subject(them), nowMs).bytes, links),
	messageOf("accepted"),
	messageOf("refused", "no", false, null),
	messageOf("join", 2, new Uint8Array(8), us),
	messageOf("secret", new Uint8Array(16), "n9", false),
	messageOf("authority", first.clusterId, links, theirs.bytes),
	messageOf("welcome", theirs.bytes, null, links, []),
	messageOf("offer", theirs.bytes, links),
	messageOf("key"),
	messageOf("certificate", "n7"),
];

/** Messages in any order, replayed, left out, with bytes changed, cut or put in between. */
const talk = array(
	oneof(
		{ weight: 4, arbitrary: constantFrom(...honest) },
		{
			weight: 3,
			arbitrary: integer({ min: 0, max: honest.length - 1 }).chain((which) => {
				const good = honest[which] as Uint8Array;
				return array(integer({ min: 0, max: good.length * 256 - 1 }), { minLength: 1, maxLength: 4 }).map((edits) => {
					const changed = Uint8Array.from(good);
					for (const edit of edits) changed[edit >> 8] = edit & 0xff;
					return changed;
				});
			}),
		},
		{ weight: 1, arbitrary: uint8Array({ maxLength: 64 }) },
		{
			weight: 1,
			arbitrary: constantFrom(
				Uint8Array.of(0xff, 0xff, 0xff, 0xff),
				Uint8Array.of(0, 0, 0x20, 1),
				Uint8Array.of(0, 0, 0, 0),
			),
		},
	),
	{ maxLength: 5 },
).map((parts) => Buffer.concat(parts));

function holdsKey(heard: readonly Uint8Array[]): boolean {
	const secret = next.privateKey.export({ type: "pkcs8", format: "der" }).subarray(-32);
	return heard.some((part) => Buffer.from(part).includes(secret));
}

async function endsWell(act: () => Promise<unknown>): Promise<unknown> {
	try {
		return await act();
	} catch (thrown) {
		if (!(thrown instanceof SwarmError) || !codes.includes(thrown.code)) throw thrown;
		return null;
	}
}

let signal: AbortSignal;
beforeEach(() => {
	signal = new AbortController().signal;
});
afterEach(() => expect(signal.aborted).toBe(false));

describe("whatever a stranger says", () => {
	const run = (act: (bytes: Uint8Array, pieces: number) => Promise<void>) =>
		assert(asyncProperty(talk, integer({ min: 1, max: 5 }), act), { ...SEED, numRuns: 600 });

	test("the listener lets it in only with the certificate of its own key", async () => {
		let admitted = 0;
		const hear = async (bytes: Uint8Array, pieces: number) => {
			const stream = saying(bytes, pieces);
			const admit = (certificate: { readonly node: NodeId }) => {
				admitted++;
				expect(certificate.node).toBe(them);
				expect(Buffer.concat([bytes]).includes(Buffer.from(theirs.bytes))).toBe(true);
			};
			await endsWell(() => proveInbound(stream, proof, { nowMs, signal, admit }));
		};
		await hear(Buffer.concat([honest[0] as Uint8Array, messageOf("accepted")]), 3);
		expect(admitted).toBe(1);
		await run(hear);
	});

	test("the dialler believes it only with the certificate of its own key", () =>
		run(async (bytes, pieces) => {
			const peer = await endsWell(() => proveOutbound(saying(bytes, pieces), proof, { nowMs, signal }));
			if (peer !== null) expect(peer).toMatchObject({ node: them, clusterId: first.clusterId });
		}));

	test("the admitting member gives neither key nor certificate without a use of a token", async () => {
		const admitter: Admitter = {
			...{ node: us, authority: next, trust, certificate: ours, members: () => [] },
			takesToken: () => true,
			admit: async () => {
				throw new SwarmError("refused", "Cannot admit with this token: its secret is wrong");
			},
		};
		await run(async (bytes, pieces) => {
			const stream = saying(bytes, pieces);
			expect(await endsWell(() => answerJoin(stream, admitter, { nowMs, signal }))).toBeNull();
			expect(holdsKey(stream.heard)).toBe(false);
		});
	});

	test("the newcomer sends its secret to a proved member alone, and takes no certificate but its own", () => {
		const token = {
			fingerprint: Buffer.from(first.clusterId, "base64url"),
			id: new Uint8Array(8),
			secret: Uint8Array.from(Buffer.from("sixteen secrets!")),
			expiresAtMs: 5_000,
			issuer: us,
			addresses: [],
		};
		const candidate = { node: us, name: "n9", witness: false };
		return run(async (bytes, pieces) => {
			const stream = saying(bytes, pieces);
			const welcome = await endsWell(() => askToJoin(stream, token, { candidate, nowMs, signal }));
			if (welcome !== null) expect(welcome).toMatchObject({ certificate: { node: us } });
			const told = stream.heard.some((part) => Buffer.from(part).includes("sixteen secrets!"));
			if (told) expect(Buffer.from(bytes).includes(Buffer.from(theirs.bytes))).toBe(true);
		});
	});

	test("a member that is a reader never gets the key, and a certificate only for itself as it is", () => {
		const own = {
			proof: () => proof,
			mustHoldKey: () => next,
			certify: (of: Parameters<typeof issueCertificate>[1]) => {
				expect(of).toMatchObject({ node: them, role: "reader", admittedAtMs: 7 });
				return issueCertificate(next, of, nowMs);
			},
		} as unknown as OwnMembership;
		const peer = issueCertificate(next, { ...subject(them), role: "reader", admittedAtMs: 7 }, nowMs);
		return run(async (bytes, pieces) => {
			const stream = saying(bytes, pieces);
			const renewed = (certificate: { readonly node: NodeId }) => expect(certificate.node).toBe(them);
			await endsWell(() => answerCredentials(stream, peer, { own, nowMs, signal, renewed }));
			expect(holdsKey(stream.heard)).toBe(false);
		});
	});
});

describe("changed bytes", () => {
	const edits = array(integer({ min: 0, max: 0xff_ffff }), { minLength: 1, maxLength: 5 });
	const changed = (good: Uint8Array, all: readonly number[]) => {
		const bytes = Uint8Array.from(good);
		for (const edit of all) bytes[(edit >> 8) % bytes.length] = edit & 0xff;
		return bytes;
	};
	const refusedOrSame = (good: Uint8Array, read: (bytes: Uint8Array) => unknown) =>
		assert(
			property(edits, (all) => {
				const bytes = changed(good, all);
				try {
					read(bytes);
				} catch (thrown) {
					expect(thrown).toBeInstanceOf(SwarmError);
					return;
				}
				expect(Buffer.compare(bytes, good)).toBe(0);
			}),
			{ ...SEED, numRuns: 1_000 },
		);

	test("of a revocation are never believed", () => {
		const statement = signRevocation(next, { node: them, revokedAtMs: 5, by: "n1" });
		refusedOrSame(statement, (bytes) => verifyRevocation(bytes, trust));
	});

	test("of a token are never read as another", () => {
		const token = { fingerprint: new Uint8Array(32), id: new Uint8Array(8), secret: new Uint8Array(16) };
		const text = formatToken({ ...token, expiresAtMs: 5_000, issuer: us, addresses: ["/ip4/10.0.0.1/tcp/1"] });
		refusedOrSame(Buffer.from(text), (bytes) => parseToken(Buffer.from(bytes).toString("latin1")));
	});

	test("of authorities teach nothing new", () => {
		const encoded = encodeLinks(trust.links);
		assert(
			property(edits, (all) => {
				try {
					const taught = learned(trust, decodeLinks(changed(encoded, all)), nowMs);
					expect(taught).toBe(trust);
				} catch (thrown) {
					expect(thrown).toBeInstanceOf(SwarmError);
				}
			}),
			{ ...SEED, numRuns: 1_000 },
		);
	});
});
