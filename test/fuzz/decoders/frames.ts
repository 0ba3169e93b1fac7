// What admitted peers send in small frames: the frames themselves, heartbeats, leases, and the msgpack that they are made of.

import { voterIdOf } from "../../../src/crdt/electorates.js";
import { createFrameParser, encodeFrame } from "../../../src/mesh/frames.js";
import { decodeHeartbeat, encodeHeartbeat } from "../../../src/mesh/heartbeat.js";
import { decodeWire, encodeWire, type WireValue } from "../../../src/mesh/wire.js";
import type { ContainerId, NodeSample } from "../../../src/model.js";
import { decodeConsentFrame, encodeConsentFrame } from "../../../src/node/lease/consent-frames.js";
import { decodeLeaseFrame, encodeLeaseFrame } from "../../../src/node/lease/lease-frames.js";
import { type Decoder, piecesOf } from "../decoder.js";
import { identityNamed } from "../keys.js";

const nodes = ["a", "b", "c"].map((name) => identityNamed(name).node);
const [node] = nodes as [(typeof nodes)[number]];
const container = "web.0" as ContainerId;
const count = { incarnation: 3, sequence: 70_000, left: false };
const sample: NodeSample = {
	...{ takenAtMs: 1e12, load1: 0.5, load5: 2, memoryBytesAvailable: 2 ** 40, cpuPressure: 1.5, memoryPressure: null },
	...{ ioPressure: 0, temperatureCelsius: 55.5, thermalHeadroomCelsius: null, diskBytesFree: 2 ** 33 },
};
const heard = nodes.map((id) => ({ ...count, node: id, echoSentAtMs: 5.5, echoHeldMs: 1 }));

const heartbeats = [
	encodeHeartbeat({ ...count, sentAtMs: 1234.5, sample, heard }),
	encodeHeartbeat({ ...count, left: true, sentAtMs: 0, sample: null, heard: [] }),
];
const named = { session: 9, question: 2 ** 40 };
const wishes = [{ container, epoch: 3 }];
const leases = [
	encodeLeaseFrame({ ...named, kind: "ask", owner: null, voters: 3, wishes }),
	encodeLeaseFrame({ ...named, kind: "ask", owner: node, voters: 5, wishes: [...wishes, ...wishes] }),
	encodeLeaseFrame({ ...named, kind: "answer", answers: [{ container, epoch: 3, granted: true, epochPromised: 4 }] }),
	encodeLeaseFrame({ ...named, kind: "release", containers: [container] }),
];
const round = { count: 3, by: node };
const voters = nodes.map((id) => voterIdOf({ node: id, admittedAtMs: 1e12 }));
const consents = [
	encodeConsentFrame({ kind: "prepare", number: 4, count: 3 }),
	encodeConsentFrame({ kind: "accept", number: 4, count: 3, voters }),
	encodeConsentFrame({ kind: "accepted", number: 4, count: 3, standing: "settled" }),
	encodeConsentFrame({
		...{ kind: "promise", number: 4, count: 3, promised: round },
		...{ accepted: { round, voters }, standing: "busy" },
	}),
];
const values: readonly WireValue[] = [
	[1, "two", null, true, [3.5, -7, [new Uint8Array(9), "x".repeat(40)]], 2 ** 50, -(2 ** 40)],
	Array.from({ length: 40 }, (_, index) => [index, `${index}`]),
	new Uint8Array(300),
];

export const frameDecoders: readonly Decoder[] = [
	{
		name: "msgpack",
		seeds: values.map(encodeWire),
		form: "bytes",
		read: (bytes) => decodeWire(bytes, "a value", { bytes: 64 * 1024, depth: 4, items: 1_000 }),
	},
	{ name: "heartbeat", seeds: heartbeats, form: "bytes", read: decodeHeartbeat },
	{ name: "consent frame", seeds: consents, form: "bytes", read: decodeConsentFrame },
	{ name: "lease frame", seeds: leases, form: "bytes", read: decodeLeaseFrame },
	{
		name: "frames of a peer",
		seeds: [
			...heartbeats.map((bytes) => encodeFrame("heartbeat", bytes)),
			...leases.map((bytes) => encodeFrame("lease", bytes)),
			encodeFrame("state", new Uint8Array(5_000)),
			Uint8Array.of(0, 0, 0, 0, 0),
			// Announces what never comes.
			Uint8Array.of(1, 0, 0x0f, 0xff, 0xff),
		],
		form: "talk",
		read(bytes, chance) {
			let taken = 0;
			const parse = createFrameParser(() => void taken++);
			for (const piece of piecesOf(bytes, chance)) parse(piece);
			return taken;
		},
	},
];
