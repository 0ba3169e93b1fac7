// Everything that is said before and about membership: the handshake, joining, the exchange of credentials. The other end says any
// message at any time; who is let in with whose certificate, and who hears a secret, is checked.

import assert from "node:assert/strict";
import { SwarmError } from "../../../src/errors.js";
import { MESH_VERSION, type Proof, proveInbound, proveOutbound } from "../../../src/mesh/admission.js";
import { exportAuthority, issueCertificate } from "../../../src/mesh/cluster-authority.js";
import {
	answerCredentials,
	askForCertificate,
	askForKey,
	offerCredentials,
} from "../../../src/mesh/credentials-exchange.js";
import { type Admitter, answerJoin, askToJoin } from "../../../src/mesh/join.js";
import type { MeshStream } from "../../../src/mesh/mesh.js";
import type { OwnMembership } from "../../../src/mesh/own-membership.js";
import { firstTrust, learned, rotated, wireOfLinks } from "../../../src/mesh/trust.js";
import { encodeWire, type WireValue } from "../../../src/mesh/wire.js";
import type { NodeId } from "../../../src/model.js";
import type { SimChance } from "../../cluster/sim/sim-chance.js";
import { type Decoder, piecesOf } from "../decoder.js";
import { authorityNamed, identityNamed } from "../keys.js";

const nowMs = 2_000;
const [first, foreign] = [authorityNamed("first"), authorityNamed("foreign")];
const next = authorityNamed("next", first.clusterId);
const [us, them] = [identityNamed("us").node, identityNamed("them").node];
const link = rotated(firstTrust(first.publicKey), first, { publicKey: next.publicKey, graceMs: 60_000, nowMs: 1_000 });
const trust = learned(firstTrust(first.publicKey), [link], 1_000);
const subject = (node: NodeId) => ({ node, name: "n1", role: "member", admittedAtMs: 0 }) as const;
const ours = issueCertificate(next, subject(us), nowMs);
const theirs = issueCertificate(next, subject(them), nowMs);
const foreigners = issueCertificate(foreign, subject(them), nowMs);
const readers = issueCertificate(next, { ...subject(them), role: "reader", admittedAtMs: 7 }, nowMs);
const links = wireOfLinks(trust.links);
const JOIN_SECRET = Uint8Array.from(Buffer.from("sixteen secrets!"));

const proof: Proof = {
	certificate: ours,
	trust,
	learn: (given) => learned(trust, given, nowMs),
	revocationOf: () => null,
};

function framed(body: Uint8Array): Uint8Array {
	const length = Buffer.alloc(4);
	length.writeUInt32BE(body.length);
	return Buffer.concat([length, body]);
}

const message = (...fields: readonly WireValue[]) => encodeWire(fields);
/** What an honest peer could say in these conversations; each begins with what opens its own. */
const said = {
	hello: message("hello", MESH_VERSION, theirs.bytes, links),
	accepted: message("accepted"),
	join: message("join", MESH_VERSION, new Uint8Array(8), us),
	secret: message("secret", JOIN_SECRET, "n9", false),
	authority: message("authority", first.clusterId, links, theirs.bytes),
	welcome: message("welcome", ours.bytes, null, links, [[them, ["/ip4/10.0.0.1/tcp/1"]]]),
	offer: message("offer", theirs.bytes, links),
	key: message("key"),
	certificate: message("certificate", "n7"),
	taken: message("taken"),
	others: [
		message("hello", MESH_VERSION, ours.bytes, links),
		message("hello", MESH_VERSION, foreigners.bytes, links),
		message("refused", "no", false, null),
		message("certificate", readers.bytes),
	],
};
const everything = [...Object.values(said).flat()];
const startingWith = (...opening: readonly Uint8Array[]) => [...opening, ...everything];

/** The other end says these bytes, whatever it hears. */
function saying(bytes: Uint8Array, chance: SimChance): MeshStream & { readonly heard: Uint8Array[] } {
	const pieces = piecesOf(bytes, chance);
	const heard: Uint8Array[] = [];
	return {
		peer: them,
		heard,
		read: async () => pieces.next().value ?? null,
		write: async (given) => void heard.push(given),
		end: async () => {},
		abort: () => {},
	};
}

function hasHeard(stream: { readonly heard: readonly Uint8Array[] }, secret: Uint8Array): boolean {
	return stream.heard.some((part) => Buffer.from(part).includes(Buffer.from(secret)));
}

const clusterKey = next.privateKey.export({ type: "pkcs8", format: "der" }).subarray(-32);
/** Each conversation has its own, as on a node. */
const never = () => new AbortController().signal;

const admitter: Admitter = {
	...{ node: us, authority: next, trust, certificate: ours, members: () => [] },
	takesToken: () => true,
	admit: async () => {
		throw new SwarmError("refused", "Cannot admit with this token: its secret is wrong");
	},
};

const token = {
	fingerprint: Buffer.from(first.clusterId, "base64url"),
	id: new Uint8Array(8),
	secret: JOIN_SECRET,
	expiresAtMs: 5_000,
	issuer: us,
	addresses: [],
};

const own = {
	proof: () => proof,
	mustHoldKey: () => next,
	certify: (of: Parameters<typeof issueCertificate>[1]) => {
		assert.deepEqual([of.node, of.role, of.admittedAtMs], [them, "reader", 7]);
		return issueCertificate(next, of, nowMs);
	},
} as unknown as OwnMembership;
const asking = () => ({ own, nowMs, signal: never() });

const conversation = (
	name: string,
	seeds: readonly Uint8Array[],
	hold: (stream: ReturnType<typeof saying>, bytes: Uint8Array) => Promise<unknown>,
): Decoder => ({
	name,
	seeds,
	form: "talk",
	wrap: framed,
	read: (bytes, chance) => hold(saying(bytes, chance), bytes),
});

export const admissionDecoders: readonly Decoder[] = [
	conversation("handshake, listener", startingWith(said.hello, said.accepted), async (stream, bytes) => {
		await proveInbound(stream, proof, {
			nowMs,
			signal: never(),
			admit: (peer) => {
				assert.equal(peer.node, them);
				assert(Buffer.from(bytes).includes(Buffer.from(theirs.bytes)), "admitted without the peer's own certificate");
			},
		});
	}),
	conversation("handshake, dialler", startingWith(said.hello, said.accepted), async (stream) => {
		const peer = await proveOutbound(stream, proof, { nowMs, signal: never() });
		assert.deepEqual([peer.node, peer.clusterId], [them, first.clusterId]);
	}),
	conversation("join, member", startingWith(said.join, said.secret), async (stream) => {
		try {
			await answerJoin(stream, admitter, { nowMs, signal: never() });
			assert.fail("admitted without a use of a token");
		} finally {
			assert(!hasHeard(stream, clusterKey), "the cluster key was given away");
		}
	}),
	conversation("join, newcomer", startingWith(said.authority, said.welcome), async (stream, bytes) => {
		try {
			const candidate = { node: us, name: "n9", witness: false };
			const welcome = await askToJoin(stream, token, { candidate, nowMs, signal: never() });
			assert.equal(welcome.certificate.node, us);
		} finally {
			const proved = Buffer.from(bytes).includes(Buffer.from(theirs.bytes));
			assert(proved || !hasHeard(stream, JOIN_SECRET), "the secret was told to somebody who proved nothing");
		}
	}),
	conversation("credentials, giver", startingWith(said.certificate, said.offer, said.key), async (stream) => {
		try {
			const renewed = (peer: { readonly node: NodeId }) => assert.equal(peer.node, them);
			await answerCredentials(stream, readers, { ...asking(), renewed });
		} finally {
			assert(!hasHeard(stream, clusterKey), "the cluster key was given to a reader");
		}
	}),
	conversation("credentials, taker of a key", [message("key", exportAuthority(next)), ...everything], (stream) =>
		askForKey(stream, asking()),
	),
	conversation("credentials, taker of a certificate", [message("certificate", ours.bytes), ...everything], (stream) =>
		askForCertificate(stream, "n1", asking()),
	),
	conversation("credentials, offer", startingWith(said.taken), (stream) => offerCredentials(stream, asking())),
];
