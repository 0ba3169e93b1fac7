import { sign } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
	CERTIFICATE_MS_LIFE,
	CLOCK_SKEW_MS_MAX,
	createAuthority,
	exportAuthority,
	importAuthority,
	issueCertificate,
	needsRenewal,
	verifyCertificate,
} from "../../src/mesh/cluster-authority.js";
import { createIdentity } from "../../src/mesh/identity.js";
import { firstTrust } from "../../src/mesh/trust.js";
import { encodeWire } from "../../src/mesh/wire.js";

const nowMs = Date.UTC(2026, 0, 1);
const authority = createAuthority();
const { node } = createIdentity();
const certificate = issueCertificate(authority, { node, name: "n1", role: "witness", admittedAtMs: nowMs }, nowMs);
const expected = { trust: firstTrust(authority.publicKey), node, nowMs };

describe("certificates", () => {
	test("say who a node is and verify with the cluster's public key alone", () => {
		const { bytes: _, ...fields } = verifyCertificate(certificate.bytes, expected);
		const { clusterId } = authority;
		const times = { issuedAtMs: nowMs, expiresAtMs: nowMs + CERTIFICATE_MS_LIFE };
		expect(fields).toEqual({
			node,
			name: "n1",
			role: "witness",
			admittedAtMs: nowMs,
			clusterId,
			signer: clusterId,
			...times,
		});
	});

	test("of another cluster, another node, the past or the future are refused with that reason", () => {
		const other = createAuthority();
		const verify = (changed: Partial<typeof expected>) => () =>
			verifyCertificate(certificate.bytes, { ...expected, ...changed });
		expect(verify({ trust: firstTrust(other.publicKey) })).toThrow(/another cluster/);
		expect(verify({ node: createIdentity().node })).toThrow(/issued to/);
		expect(verify({ nowMs: nowMs + CERTIFICATE_MS_LIFE })).toThrow(/expired at 2026-01-31/);
		expect(verify({ nowMs: nowMs - CLOCK_SKEW_MS_MAX - 1 })).toThrow(/set the clocks/);
		expect(verify({ nowMs: nowMs - CLOCK_SKEW_MS_MAX })).not.toThrow();
	});

	test("are refused after a change of any byte", () => {
		for (let index = 0; index < certificate.bytes.length; index++) {
			const changed = Uint8Array.from(certificate.bytes);
			changed[index] = (changed[index] ?? 0) ^ 0x01;
			expect(() => verifyCertificate(changed, expected), `byte ${index}`).toThrow(/Cannot/);
		}
	});

	test("are renewed when half of their life is over", () => {
		expect(needsRenewal(certificate, nowMs + CERTIFICATE_MS_LIFE / 2 - 1)).toBe(false);
		expect(needsRenewal(certificate, nowMs + CERTIFICATE_MS_LIFE / 2)).toBe(true);
	});

	test("are not issued for a name that breaks the rules", () => {
		for (const name of ["", "N1", "-n1", "n1-", "a b", "x".repeat(64)]) {
			expect(() => issueCertificate(authority, { ...certificate, name }, nowMs)).toThrow(/node name/);
		}
	});
});

test("the cluster key survives the hand-over to a member", () => {
	const again = importAuthority(exportAuthority(authority), null);
	expect(again.clusterId).toBe(authority.clusterId);
	const { bytes } = issueCertificate(again, { ...certificate, name: "n2" }, nowMs);
	expect(verifyCertificate(bytes, expected).name).toBe("n2");
	expect(() => importAuthority(Buffer.from("garbage"), null)).toThrow(/not an Ed25519 key/);
});

test("certificates from before roles and rotations are those of members, signed by the first authority", () => {
	const body = encodeWire([1, authority.clusterId, node, "old", ["worker"], nowMs, nowMs + 1_000]);
	const bytes = encodeWire([body, Uint8Array.from(sign(null, body, authority.privateKey))]);
	const { role, admittedAtMs, signer } = verifyCertificate(bytes, expected);
	expect({ role, admittedAtMs, signer }).toEqual({ role: "member", admittedAtMs: nowMs, signer: authority.clusterId });
});
