import fc from "fast-check";
import { expect, it } from "vitest";
import { SwarmError } from "../../../src/errors.js";
import type { NodeId, VoterId } from "../../../src/model.js";
import { type ConsentFrame, decodeConsentFrame, encodeConsentFrame } from "../../../src/node/lease/consent-frames.js";

const [a, b] = ["12D3KooA", "12D3KooB"] as unknown as [NodeId, NodeId];
const named = { number: 7, count: 3 };
const voters = ["12D3KooA@0", "12D3KooB@1763820000000"] as unknown as readonly VoterId[];
const accepted = { round: { count: 2, by: b }, voters };
const frames: readonly ConsentFrame[] = [
	{ ...named, kind: "prepare" },
	{ ...named, kind: "promise", promised: null, accepted, standing: "idle" },
	{ ...named, kind: "promise", promised: { count: 9, by: a }, accepted: null, standing: "busy" },
	{ ...named, kind: "accept", voters },
	{ ...named, kind: "accepted", standing: "settled" },
];

it("reads what it wrote", () => {
	for (const frame of frames) expect(decodeConsentFrame(encodeConsentFrame(frame))).toEqual(frame);
});

it("refuses damaged frames with an error of its own", () => {
	fc.assert(
		fc.property(fc.constantFrom(...frames), fc.nat(200), fc.nat(255), (frame, at, byte) => {
			const bytes = encodeConsentFrame(frame);
			bytes[at % bytes.length] = byte;
			try {
				decodeConsentFrame(bytes);
			} catch (thrown) {
				expect(thrown).toBeInstanceOf(SwarmError);
			}
		}),
	);
	const noNode = { ...named, kind: "accept", voters: ["../x"] } as unknown as ConsentFrame;
	expect(() => decodeConsentFrame(encodeConsentFrame(noNode))).toThrow("consent.voter");
});
