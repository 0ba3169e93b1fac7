import { array, assert, constantFrom, float, integer, oneof, property, string, tuple, uint8Array } from "fast-check";
import { Packr } from "msgpackr";
import { describe, expect, test } from "vitest";
import { SwarmError } from "../../src/errors.js";
import { createAuthority, issueCertificate, verifyCertificate } from "../../src/mesh/cluster-authority.js";
import { createFrameParser, encodeFrame } from "../../src/mesh/frames.js";
import { decodeHeartbeat, encodeHeartbeat, HEARD_MAX, type Heartbeat } from "../../src/mesh/heartbeat.js";
import { createIdentity } from "../../src/mesh/identity.js";
import { FRAME_BYTES_MAX } from "../../src/mesh/mesh.js";
import { firstTrust } from "../../src/mesh/trust.js";
import { decodeWire, encodeWire, type WireValue } from "../../src/mesh/wire.js";

const limits = { bytes: 4096, depth: 3, items: 100 };
const { node } = createIdentity();
const authority = createAuthority();
const certificate = issueCertificate(authority, { node, name: "n1", role: "member", admittedAtMs: 0 }, 0);

const beat: Heartbeat = {
	incarnation: 1_800_000_000_000,
	sequence: 17,
	left: false,
	sentAtMs: 12_345.678,
	sample: {
		takenAtMs: 1_800_000_000_000,
		load1: 0.5,
		load5: 1,
		memoryBytesAvailable: 2 ** 40,
		cpuPressure: null,
		memoryPressure: 0.01,
		ioPressure: 100,
		temperatureCelsius: 61.5,
		thermalHeadroomCelsius: -3,
		diskBytesFree: 0,
	},
	heard: [
		{ node, incarnation: 3, sequence: 4, left: true, echoSentAtMs: null, echoHeldMs: 0 },
		{ node, incarnation: 3, sequence: 5, left: false, echoSentAtMs: 1.5, echoHeldMs: 20 },
	],
};

/** Bytes of a good message with some changed, cut, doubled or inserted. */
function mutated(good: Uint8Array) {
	const edit = tuple(
		constantFrom("set", "cut", "insert", "double"),
		integer({ min: 0, max: good.length }),
		integer({ max: 255, min: 0 }),
	);
	return array(edit, { minLength: 1, maxLength: 6 }).map((edits) =>
		edits.reduce<Uint8Array>((bytes, [kind, at, value]) => {
			const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
			switch (kind) {
				case "set":
					return Buffer.concat([head, Buffer.from([value]), tail.subarray(1)]);
				case "cut":
					return Uint8Array.from(head);
				case "insert":
					return Buffer.concat([head, Buffer.from([value]), tail]);
				default:
					return Buffer.concat([bytes, tail]);
			}
		}, good),
	);
}

/** Bytes as text, so that a Buffer equals a Uint8Array. */
function plain(value: WireValue): unknown {
	if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString("hex")}`;
	return Array.isArray(value) ? value.map(plain) : value;
}

/** Whatever it is, it is read or refused with one of our own codes. */
function endsWell(act: () => unknown, ...codes: readonly string[]): void {
	try {
		act();
	} catch (thrown) {
		expect(thrown).toBeInstanceOf(SwarmError);
		expect(codes).toContain((thrown as SwarmError).code);
	}
}

describe("the wire format", () => {
	test("gives back what was written", () => {
		const leaf = oneof(
			constantFrom<WireValue>(null, true, false),
			integer(),
			float({ noNaN: true }),
			string({ maxLength: 300 }),
			uint8Array({ maxLength: 300 }),
		);
		assert(
			property(array(oneof(leaf, array(leaf, { maxLength: 20 })), { maxLength: 4 }), (value) => {
				const decoded = decodeWire(encodeWire(value as WireValue), "a test", { ...limits, bytes: 1e6 });
				expect(JSON.stringify(plain(decoded))).toBe(JSON.stringify(plain(value as WireValue)));
			}),
		);
	});

	test("does not take maps, extensions, dates, trailing bytes, or lengths that are not there", () => {
		const pack = (value: unknown) => new Packr({ useRecords: false }).pack(value);
		for (const bad of [
			pack({ a: 1 }),
			pack(new Date()),
			pack(new Map()),
			Buffer.concat([pack(1), pack(2)]),
			Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]),
			Buffer.from([0xc6, 0xff, 0xff, 0xff, 0xff, 1]),
			Buffer.from([0xc1]),
			Buffer.alloc(0),
		]) {
			expect(() => decodeWire(bad, "a test", limits)).toThrow(/Cannot read a test/);
		}
	});

	test("bounds bytes, depth and the number of values before anything is built", () => {
		const deep = Buffer.concat([Buffer.alloc(4000, 0x91), Buffer.from([1])]);
		const wide = Buffer.concat([Buffer.from([0xdc, 0x0f, 0x00]), Buffer.alloc(0x0f00, 1)]);
		for (const bad of [new Uint8Array(5000), deep, wide]) {
			expect(() => decodeWire(bad, "a test", limits)).toThrow(expect.objectContaining({ code: "too-large" }));
		}
	});

	test("ends random bytes with one of our errors", () => {
		assert(
			property(uint8Array({ maxLength: 200 }), (bytes) => {
				endsWell(() => decodeWire(bytes, "a test", limits), "corrupt", "too-large");
				endsWell(() => decodeHeartbeat(bytes), "corrupt", "too-large");
			}),
			{ numRuns: 1_000 },
		);
	});
});

describe("heartbeats", () => {
	test("arrive as they were sent", () => {
		expect(decodeHeartbeat(encodeHeartbeat(beat))).toEqual(beat);
		expect(decodeHeartbeat(encodeHeartbeat({ ...beat, sample: null, heard: [] })).sample).toBeNull();
	});

	test("tell of so many nodes at most, and are refused when they tell of more", () => {
		const heard = Array.from({ length: HEARD_MAX + 9 }, () => beat.heard[0] as Heartbeat["heard"][number]);
		const most = encodeHeartbeat({ ...beat, heard });
		expect(decodeHeartbeat(most).heard).toHaveLength(HEARD_MAX);
		const fields = decodeWire(most, "a test", { bytes: 1 << 20, depth: 9, items: 1 << 20 }) as WireValue[];
		const told = fields[6] as WireValue[];
		fields[6] = [...told, told[0] as WireValue];
		expect(() => decodeHeartbeat(encodeWire(fields))).toThrow(/heartbeat\.heard/);
	});

	test("with wrong values are refused with the field's name", () => {
		const broken = (changed: object) => () => decodeHeartbeat(encodeHeartbeat({ ...beat, ...changed }));
		expect(broken({ incarnation: -1 })).toThrow(/heartbeat\.incarnation/);
		expect(broken({ sequence: 1.5 })).toThrow(/heartbeat\.sequence/);
		expect(broken({ sample: { ...beat.sample, cpuPressure: 101 } })).toThrow(/sample\.cpuPressure/);
		expect(broken({ sample: { ...beat.sample, load1: Number.NaN } })).toThrow(/sample\.load1/);
		expect(broken({ heard: [{ ...beat.heard[0], node: "n1" }] })).toThrow(/heard\.node/);
	});

	test("that were changed on the way are read or refused, never worse", () => {
		assert(
			property(mutated(encodeHeartbeat(beat)), (bytes) => {
				endsWell(() => decodeHeartbeat(bytes), "corrupt", "too-large");
			}),
			{ numRuns: 1_500 },
		);
	});
});

test("certificates that were changed on the way are never accepted as they were", () => {
	const expected = { trust: firstTrust(authority.publicKey), node, nowMs: 1 };
	assert(
		property(mutated(certificate.bytes), (bytes) => {
			if (Buffer.from(bytes).equals(Buffer.from(certificate.bytes))) return;
			endsWell(
				() => {
					verifyCertificate(bytes, expected);
					throw new Error("accepted");
				},
				"corrupt",
				"too-large",
				"refused",
			);
		}),
		{ numRuns: 1_000 },
	);
});

describe("the frame parser", () => {
	test("finds the same frames however the bytes are cut", () => {
		const frames = array(uint8Array({ maxLength: 50 }), { minLength: 1, maxLength: 10 });
		assert(
			property(frames, array(integer({ min: 1, max: 20 }), { minLength: 1 }), (sent, cuts) => {
				const got: Buffer[] = [];
				const parse = createFrameParser((_, frame) => void got.push(Buffer.from(frame)));
				let bytes: Uint8Array = Buffer.concat(sent.map((frame) => encodeFrame("state", frame)));
				for (let turn = 0; bytes.length > 0; turn++) {
					const size = cuts[turn % cuts.length] ?? 1;
					parse(bytes.subarray(0, size));
					bytes = bytes.subarray(size);
				}
				expect(got).toEqual(sent.map((frame) => Buffer.from(frame)));
			}),
		);
	});

	test("ends changed bytes with one of our errors and holds no more than a frame", () => {
		const good = Buffer.concat([
			encodeFrame("state", Buffer.alloc(30, 1)),
			encodeFrame("heartbeat", Buffer.alloc(9, 2)),
		]);
		assert(
			property(mutated(good), (bytes) => {
				const parse = createFrameParser((_, frame) => expect(frame.length).toBeLessThanOrEqual(FRAME_BYTES_MAX));
				endsWell(() => parse(bytes), "corrupt", "too-large");
			}),
			{ numRuns: 1_500 },
		);
	});
});
