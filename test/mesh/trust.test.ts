import { describe, expect, test } from "vitest";
import {
	type Authority,
	CERTIFICATE_MS_LIFE,
	createAuthority,
	issueCertificate,
	outOfTime,
	verifyCertificate,
} from "../../src/mesh/cluster-authority.js";
import { createIdentity } from "../../src/mesh/identity.js";
import { isRevoked, signRevocation, verifyRevocation } from "../../src/mesh/revocation.js";
import {
	type AuthorityLink,
	acceptedUntilMs,
	currentLink,
	decodeLinks,
	encodeLinks,
	fingerprintOf,
	firstTrust,
	LINKS_MAX,
	learned,
	linkOf,
	rotated,
	type Trust,
	trustFrom,
	trustOf,
} from "../../src/mesh/trust.js";

const first = createAuthority();
const start = firstTrust(first.publicKey);
const { node } = createIdentity();
const subject = { node, name: "n1", role: "member", admittedAtMs: 0 } as const;

/** The link of a new authority after `trust`, signed by `by`. */
function rolled(trust: Trust, by: Authority, nowMs: number, graceMs: number): { next: Authority; link: AuthorityLink } {
	const next = createAuthority(trust.clusterId);
	return { next, link: rotated(trust, by, { publicKey: next.publicKey, graceMs, nowMs }) };
}

describe("the cluster's authorities", () => {
	test("after a rotation the new one signs, and the old one is accepted for its grace", () => {
		const { next, link } = rolled(start, first, 1_000, 500);
		const trust = learned(start, [link], 1_000);
		expect(currentLink(trust)).toBe(link);
		expect(acceptedUntilMs(trust, link)).toBe(Number.POSITIVE_INFINITY);
		const [old, young] = [issueCertificate(first, subject, 900), issueCertificate(next, subject, 1_000)];
		for (const { bytes } of [old, young])
			expect(verifyCertificate(bytes, { trust, node, nowMs: 1_499 }).clusterId).toBe(first.clusterId);
		expect(() => verifyCertificate(old.bytes, { trust, node, nowMs: 1_500 })).toThrow(
			/rotated out at 1970.*join again/,
		);
		expect(verifyCertificate(young.bytes, { trust, node, nowMs: 1_500 }).signer).toBe(fingerprintOf(next.publicKey));
		expect(outOfTime(old, trust, 1_500)).toMatch(/rotated out/);
		// A document stays readable for ever.
		expect(verifyCertificate(old.bytes, { trust, node, nowMs: null }).name).toBe("n1");
		expect(() => verifyCertificate(young.bytes, { trust: start, node, nowMs: 1_000 })).toThrow(
			/authority is not known here/,
		);
	});

	test("a shorter grace of a later rotation reaches those before it, a longer one does not", () => {
		const one = rolled(start, first, 0, 10_000);
		const trust = learned(start, [one.link], 0);
		for (const [graceMs, untilMs] of [
			[100, 1_100],
			[50_000, 10_000],
		] as const) {
			const { link } = rolled(trust, one.next, 1_000, graceMs);
			const later = learned(trust, [link], 1_000);
			expect(acceptedUntilMs(later, linkOf(later, first.clusterId) as AuthorityLink)).toBe(untilMs);
		}
	});

	test("are learned in any order, and two sides of a split that both rotated agree afterwards", () => {
		const [left, right] = [rolled(start, first, 1_000, 500), rolled(start, first, 1_100, 500)];
		const leftmost = rolled(learned(start, [left.link], 1_000), left.next, 1_200, 500);
		const links = [left.link, right.link, leftmost.link];
		const seen = new Set(
			[links, [...links].reverse(), [right.link, leftmost.link, left.link]].map((order) =>
				JSON.stringify(learned(start, order, 1_200)),
			),
		);
		expect(seen.size).toBe(1);
		const trust = learned(learned(start, [right.link], 1_200), [left.link, leftmost.link], 1_200);
		expect(currentLink(trust)).toEqual(leftmost.link);
		const certificate = issueCertificate(right.next, subject, 1_200);
		expect(verifyCertificate(certificate.bytes, { trust, node, nowMs: 1_400 }).name).toBe("n1");
		expect(outOfTime(certificate, trust, 1_600)).toMatch(/rotated out/);
		expect(learned(trust, links, 1_200)).toBe(trust);
	});

	test("who took an old key with it can make no authority once its grace is over, nor one that nobody signed", () => {
		const { link } = rolled(start, first, 1_000, 500);
		const trust = learned(start, [link], 1_000);
		const late = rolled(start, first, 1_400, 500).link;
		expect(learned(trust, [late], 1_500)).toBe(trust);
		expect(learned(trust, [late], 1_499)).not.toBe(trust);
		const forged = rotated(start, createAuthority(), { publicKey: late.publicKey, graceMs: 0, nowMs: 0 });
		expect(learned(start, [forged], 0)).toBe(start);
		const signature = Uint8Array.from(link.signature);
		signature[3] = (signature[3] ?? 0) ^ 1;
		expect(() => learned(start, [{ ...link, signature }], 0)).toThrow(/did not sign it/);
		expect(() => learned(start, [{ ...link, graceMs: link.graceMs + 1 }], 0)).toThrow(/did not sign it/);
		const elsewhere = { ...link, parent: fingerprintOf(createAuthority().publicKey) };
		expect(learned(start, [elsewhere], 0)).toBe(start);
	});

	test("are bounded: those whose time is over go first, more at once are refused", () => {
		let [trust, authority] = [start, first];
		for (let count = 0; count < LINKS_MAX + 5; count++) {
			const { next, link } = rolled(trust, authority, count * 1_000, 500);
			trust = learned(trust, [link], count * 1_000);
			authority = next;
		}
		expect(trust.links.length).toBe(LINKS_MAX);
		expect(linkOf(trust, first.clusterId)).toBeNull();
		const encoded = encodeLinks(trust.links);
		expect(Buffer.compare(encodeLinks(decodeLinks(encoded)), encoded)).toBe(0);
		const crowd = () => {
			for (let count = 0; count < LINKS_MAX; count++) {
				const { next, link } = rolled(trust, authority, 100_000, 60_000);
				trust = learned(trust, [link], 100_000);
				authority = next;
			}
		};
		expect(crowd).toThrow(/16 at once are allowed/);
	});

	test("a newcomer takes over all that a member trusts, also what is no longer accepted, unless a link is forged", () => {
		const { link } = rolled(start, first, 1_000, 500);
		const trust = learned(start, [link], 1_000);
		expect(trustOf(first.clusterId, [...trust.links].reverse())).toEqual(trust);
		expect(() => trustOf(first.clusterId, [...start.links, { ...link, createdAtMs: 0 }])).toThrow(
			/did not sign the next/,
		);
	});

	test("a token's fingerprint is enough to trust those that follow from it, and nothing else", () => {
		const { link, next } = rolled(start, first, 1_000, 500);
		const { links } = learned(start, [link], 1_000);
		expect(trustFrom(first.clusterId, first.clusterId, links, 1_000)?.links).toEqual(links);
		expect(trustFrom(fingerprintOf(next.publicKey), first.clusterId, links, 1_000)?.links).toEqual([link]);
		expect(trustFrom(fingerprintOf(createAuthority().publicKey), first.clusterId, links, 1_000)).toBeNull();
	});
});

describe("the statement that a node was forgotten", () => {
	const statement = signRevocation(first, { node, revokedAtMs: 5_000, by: "n2" });

	test("is believed when the cluster's authority signed it, also an earlier one", () => {
		const { link } = rolled(start, first, 1_000, 500);
		const trust = learned(start, [link], 1_000);
		expect(verifyRevocation(statement, trust)).toEqual({ node, revokedAtMs: 5_000, by: "n2" });
	});

	test("means admissions up to that moment, and none after", () => {
		const revocation = verifyRevocation(statement, start);
		expect([0, 5_000, 5_001].map((admittedAtMs) => isRevoked({ admittedAtMs }, revocation))).toEqual([
			true,
			true,
			false,
		]);
	});

	test("is refused from another cluster and after a change of any byte", () => {
		expect(() => verifyRevocation(statement, firstTrust(createAuthority().publicKey))).toThrow(/another cluster/);
		for (let index = 0; index < statement.length; index++) {
			const changed = Uint8Array.from(statement);
			changed[index] = (changed[index] ?? 0) ^ 0x01;
			expect(() => verifyRevocation(changed, start), `byte ${index}`).toThrow(/Cannot/);
		}
	});
});

test("a renewed certificate keeps when its node was admitted, so that a revocation reaches it", () => {
	const { bytes: _, ...certificate } = issueCertificate(first, { ...subject, admittedAtMs: 7 }, 1_000);
	const renewed = issueCertificate(first, certificate, 1_000 + CERTIFICATE_MS_LIFE / 2);
	expect(renewed).toMatchObject({ admittedAtMs: 7, role: "member", expiresAtMs: 1_000 + CERTIFICATE_MS_LIFE * 1.5 });
});
