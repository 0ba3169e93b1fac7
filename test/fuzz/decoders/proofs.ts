// What is believed because of a signature or checksum: certificates, revocations, authorities, tokens, capabilities. Bodies are changed
// and signed again, by a key that counts or by one that does not. What is accepted says exactly what one of the valid ones says.

import assert from "node:assert/strict";
import { createHash, sign } from "node:crypto";
import { formatCapability, parseCapability, verifyCapability } from "../../../src/mesh/capability.js";
import { issueCertificate, verifyCertificate } from "../../../src/mesh/cluster-authority.js";
import { signerOf } from "../../../src/mesh/identity.js";
import { formatToken, parseToken } from "../../../src/mesh/join-token.js";
import { signRevocation, verifyRevocation } from "../../../src/mesh/revocation.js";
import { decodeLinks, encodeLinks, firstTrust, learned, rotated } from "../../../src/mesh/trust.js";
import { decodeWire, encodeWire, type WireValue } from "../../../src/mesh/wire.js";
import type { NodeId } from "../../../src/model.js";
import type { SimChance } from "../../cluster/sim/sim-chance.js";
import { type Decoder, textSeed } from "../decoder.js";
import { authorityNamed, identityNamed, keyNamed } from "../keys.js";

const nowMs = 2_000;
const first = authorityNamed("first");
const next = authorityNamed("next", first.clusterId);
const [node, issuer] = [identityNamed("node"), identityNamed("issuer")];
const [holder, second] = [identityNamed("holder"), identityNamed("second")];
const link = rotated(firstTrust(first.publicKey), first, { publicKey: next.publicKey, graceMs: 60_000, nowMs: 1_000 });
const trust = learned(firstTrust(first.publicKey), [link], 1_000);
const subject = (of: NodeId) => ({ node: of, name: "n1", role: "member", admittedAtMs: 0 }) as const;
const certificate = issueCertificate(next, subject(node.node), nowMs).bytes;
const revocation = signRevocation(next, { node: node.node, revokedAtMs: 5, by: "n1" });

/** The body of what is [body, signature]. */
function bodyOf(signed: Uint8Array): Uint8Array {
	const limits = { bytes: 4_096, depth: 2, items: 32 };
	return (decodeWire(signed, "a test's own", limits) as readonly WireValue[])[0] as Uint8Array;
}

/** Signed by somebody who may not, except where nothing was changed. */
function forged(changed: Uint8Array, genuine: readonly Uint8Array[]): Uint8Array {
	const same = genuine.find((one) => Buffer.compare(bodyOf(one), changed) === 0);
	return same ?? encodeWire([changed, Uint8Array.from(sign(null, changed, keyNamed("a stranger")))]);
}

/** Signed by the cluster: whatever it says, it is read or refused. */
function sealed(changed: Uint8Array): Uint8Array {
	return encodeWire([changed, Uint8Array.from(sign(null, changed, next.privateKey))]);
}

const signedPair = (genuine: Uint8Array) => (changed: Uint8Array) => forged(changed, [genuine]);

const grantOf = (verbs: readonly string[], labels: readonly (readonly string[])[] = []): WireValue => [
	[...verbs],
	labels.map((pair) => [...pair]),
	10_000,
];
const issuerCertificate = issueCertificate(next, subject(issuer.node), nowMs).bytes;
const nonce = new Uint8Array(16).fill(7);
const firstBody = encodeWire([
	...[1, first.clusterId, issuer.node, issuerCertificate, holder.node],
	...[grantOf(["list", "logs", "exec"]), nonce],
]);
const hashOf = (bytes: Uint8Array) => Uint8Array.from(createHash("sha256").update(bytes).digest());
const nextBody = encodeWire([1, hashOf(firstBody), second.node, grantOf(["logs", "deploy"], [["team", "a"]])]);
const blockOf = (body: Uint8Array, by: typeof issuer): WireValue => [
	body,
	Uint8Array.from(signerOf(by)(Buffer.concat([Buffer.from("swarm-capability-1\n"), body]))),
];
const chains = [
	encodeWire([blockOf(firstBody, issuer)]),
	encodeWire([blockOf(firstBody, issuer), blockOf(nextBody, holder)]),
];

/** One block of a chain of two is changed, and signed by the one who may or by another. */
function chainWith(changed: Uint8Array, chance: SimChance): Uint8Array {
	const by = chance.pick([issuer, holder, second]);
	const block = blockOf(changed, by);
	return encodeWire(chance.happens(0.5) ? [block] : [blockOf(firstBody, issuer), block]);
}

function withChecksum(prefix: string, checksumBytes: number): (changed: Uint8Array) => Uint8Array {
	return (changed) => {
		const whole = Buffer.concat([changed, hashOf(changed).subarray(0, checksumBytes)]);
		return textSeed(prefix + whole.toString("base64url"));
	};
}

const token = { fingerprint: new Uint8Array(32), id: new Uint8Array(8), secret: new Uint8Array(16) };
const tokenText = formatToken({
	...{ ...token, expiresAtMs: 5_000, issuer: issuer.node, addresses: ["/ip4/10.0.0.1/tcp/1", "/dns/a/tcp/2"] },
});
const capabilityText = formatCapability({
	...{ chain: chains[0] as Uint8Array, key: holder.privateKey, addresses: ["/ip4/10.0.0.1/tcp/1"] },
});
const innerOf = (text: string) => Uint8Array.from(Buffer.from(text.split(".")[1] ?? "", "base64url").subarray(0, -4));
const latin = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

function readCertificateOf(bytes: Uint8Array) {
	return verifyCertificate(bytes, { trust, node: node.node, nowMs });
}

export const proofDecoders: readonly Decoder[] = [
	{
		name: "certificate, forged",
		seeds: [bodyOf(certificate)],
		form: "bytes",
		wrap: signedPair(certificate),
		read(bytes) {
			const { bytes: _, ...read } = readCertificateOf(bytes);
			const { bytes: __, ...genuine } = readCertificateOf(certificate);
			assert.deepEqual(read, genuine);
		},
	},
	{
		name: "certificate, signed by a member",
		seeds: [bodyOf(certificate), bodyOf(issuerCertificate)],
		form: "bytes",
		wrap: sealed,
		read: (bytes) => assert.equal(readCertificateOf(bytes).node, node.node),
	},
	{
		name: "revocation",
		seeds: [bodyOf(revocation)],
		form: "bytes",
		wrap: signedPair(revocation),
		read: (bytes) => assert.deepEqual(verifyRevocation(bytes, trust), verifyRevocation(revocation, trust)),
	},
	{
		name: "authorities",
		seeds: [encodeLinks(trust.links), encodeLinks([link])],
		form: "bytes",
		read: (bytes) => assert.equal(learned(trust, decodeLinks(bytes), nowMs), trust),
	},
	{ name: "join token", seeds: [textSeed(tokenText)], form: "bytes", read: (bytes) => parseToken(latin(bytes)) },
	{
		name: "join token, whole",
		seeds: [innerOf(tokenText)],
		form: "bytes",
		wrap: withChecksum("swarm1.", 4),
		read: (bytes) => parseToken(latin(bytes)),
	},
	{
		name: "capability, whole",
		seeds: [innerOf(capabilityText)],
		form: "bytes",
		wrap: withChecksum("swarmcap1.", 4),
		read: (bytes) => parseCapability(latin(bytes)),
	},
	...[
		{ name: "capability, changed", seeds: chains, wrap: (changed: Uint8Array) => changed },
		{ name: "capability, forged", seeds: [firstBody, nextBody], wrap: chainWith },
	].map(
		({ name, seeds, wrap }): Decoder => ({
			...{ name, seeds, form: "bytes", wrap },
			read(bytes) {
				const isMember = (of: NodeId, shown: Uint8Array) =>
					of === issuer.node && Buffer.compare(shown, issuerCertificate) === 0;
				const read = verifyCapability(bytes, { holder: second.node, isMember });
				// Nobody but its holder hands it on, and nobody widens it.
				if (read.ids.length > 1) assert(!read.grant.verbs.includes("deploy"), "a holder gave what it has not");
			},
		}),
	),
];
