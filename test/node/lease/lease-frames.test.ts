import fc from "fast-check";
import { expect, it } from "vitest";
import { SwarmError } from "../../../src/errors.js";
import type { ContainerId, NodeId } from "../../../src/model.js";
import { decodeLeaseFrame, encodeLeaseFrame, type LeaseFrame } from "../../../src/node/lease/lease-frames.js";

const web0 = "web.0" as ContainerId;
const frames: readonly LeaseFrame[] = [
	{ kind: "ask", session: 7, question: 1, owner: null, voters: 12345, wishes: [{ container: web0, epoch: 3 }] },
	{ kind: "ask", session: 7, question: 2, owner: "12D3Koo" as NodeId, voters: 2 ** 48 - 1, wishes: [] },
	{
		kind: "answer",
		session: 7,
		question: 1,
		answers: [{ container: web0, epoch: 3, granted: false, epochPromised: 4 }],
	},
	{ kind: "release", session: 7, question: 9, containers: [web0] },
];

it("reads what it wrote", () => {
	for (const frame of frames) expect(decodeLeaseFrame(encodeLeaseFrame(frame))).toEqual(frame);
});

it("refuses damaged frames with an error of its own", () => {
	fc.assert(
		fc.property(fc.constantFrom(...frames), fc.nat(200), fc.nat(255), (frame, at, byte) => {
			const bytes = encodeLeaseFrame(frame);
			bytes[at % bytes.length] = byte;
			try {
				decodeLeaseFrame(bytes);
			} catch (thrown) {
				expect(thrown).toBeInstanceOf(SwarmError);
			}
		}),
	);
	expect(() => decodeLeaseFrame(encodeLeaseFrame({ ...frames[3], containers: ["../x"] } as never))).toThrow(
		"container",
	);
});
