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

const nowMs = Date.UTC(2026, 0, 1);
const authority = createAuthority();
const { node } = createIdentity();
const certificate = issueCertificate(authority, { node, name: "n1", roles: ["worker"] }, nowMs);
const expected = { authorityPublicKey: authority.publicKey, node, nowMs };

describe("certificates", () => {
	test("say who a node is and verify with the cluster's public key alone", () => {
		const { bytes: _, ...fields } = verifyCertificate(certificate.bytes, expected);
		const { clusterId } = authority;
		const times = { issuedAtMs: nowMs, expiresAtMs: nowMs + CERTIFICATE_MS_LIFE };
		expect(fields).toEqual({ node, name: "n1", roles: ["worker"], clusterId, ...times });
	});

	test("of another cluster, another node, the past or the future are refused with that reason", () => {
		const other = createAuthority();
		const verify = (changed: Partial<typeof expected>) => () =>
			verifyCertificate(certificate.bytes, { ...expected, ...changed });
		expect(verify({ authorityPublicKey: other.publicKey })).toThrow(/another cluster/);
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

	test("are not issued for a name or role that breaks the rules", () => {
		for (const name of ["", "N1", "-n1", "n1-", "a b", "x".repeat(64)]) {
			expect(() => issueCertificate(authority, { node, name, roles: [] }, nowMs)).toThrow(/node name/);
		}
		expect(() => issueCertificate(authority, { node, name: "n1", roles: ["Boss!"] }, nowMs)).toThrow(/role/);
	});
});

test("the cluster key survives the hand-over to a member", () => {
	const again = importAuthority(exportAuthority(authority));
	expect(again.clusterId).toBe(authority.clusterId);
	const { bytes } = issueCertificate(again, { node, name: "n2", roles: [] }, nowMs);
	expect(verifyCertificate(bytes, expected).name).toBe("n2");
	expect(() => importAuthority(Buffer.from("garbage"))).toThrow(/not an Ed25519 key/);
});
