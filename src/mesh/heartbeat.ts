// The heartbeat on the wire: who counts how far, what this machine is like at the moment, and how far this node has
// heard the others count. Encoded and decoded here and nowhere else.
// Must never: throw anything but SwarmError `corrupt` or `too-large` on what a peer sent.

import { SwarmError } from "../errors.js";
import type { NodeId, NodeSample } from "../model.js";
import { isNodeId } from "./identity.js";
import type { Count } from "./liveness.js";
import {
	booleanOf,
	decodeWire,
	encodeWire,
	integerOf,
	listOf,
	nullableNumberOf,
	numberOf,
	textOf,
	type WireValue,
} from "./wire.js";

const HEARTBEAT_VERSION = 1;
/** Nodes that one heartbeat tells of; a cluster is a few machines. */
export const HEARD_MAX = 512;
const LIMITS = { bytes: 96 * 1024, depth: 3, items: HEARD_MAX * 7 + 64 };
const COUNT_MAX = Number.MAX_SAFE_INTEGER - 1;
const BYTES_MAX = Number.MAX_SAFE_INTEGER;
const TIME_MS_MAX = 8.64e15;
const SAMPLE_FIELDS = 10;

export interface HeardOf extends Count {
	readonly node: NodeId;
	/** `sentAtMs` of the last heartbeat that came from the node itself; null when none did. */
	readonly echoSentAtMs: number | null;
	/** How long ago that one came. With it the node knows the round trip. */
	readonly echoHeldMs: number;
}

export interface Heartbeat extends Count {
	/** On the sender's monotonic clock. */
	readonly sentAtMs: number;
	/** null when the sender could not take one. */
	readonly sample: NodeSample | null;
	readonly heard: readonly HeardOf[];
}

export function encodeHeartbeat(beat: Heartbeat): Uint8Array {
	const { incarnation, sequence, left, sentAtMs, sample } = beat;
	const heard = beat.heard
		.slice(0, HEARD_MAX)
		.map((each) => [each.node, each.incarnation, each.sequence, each.left, each.echoSentAtMs, each.echoHeldMs]);
	return encodeWire([
		HEARTBEAT_VERSION,
		incarnation,
		sequence,
		left,
		sentAtMs,
		sample === null ? null : fieldsOfSample(sample),
		heard,
	]);
}

export function decodeHeartbeat(bytes: Uint8Array): Heartbeat {
	const what = "a heartbeat";
	const fields = listOf(decodeWire(bytes, what, LIMITS), what, 7, 7);
	integerOf(fields[0], "heartbeat.version", HEARTBEAT_VERSION, HEARTBEAT_VERSION);
	return {
		...countOf(fields.slice(1), "heartbeat"),
		sentAtMs: numberOf(fields[4], "heartbeat.sentAt", 0, TIME_MS_MAX),
		sample: fields[5] === null ? null : sampleOf(fields[5]),
		heard: listOf(fields[6], "heartbeat.heard", 0, HEARD_MAX).map(heardOf),
	};
}

function countOf(fields: readonly WireValue[], of: string): Count {
	return {
		incarnation: integerOf(fields[0], `${of}.incarnation`, 0, COUNT_MAX),
		sequence: integerOf(fields[1], `${of}.sequence`, 0, COUNT_MAX),
		left: booleanOf(fields[2], `${of}.left`),
	};
}

function heardOf(value: WireValue): HeardOf {
	const fields = listOf(value, "heartbeat.heard", 6, 6);
	const node = textOf(fields[0], "heard.node", 64);
	if (!isNodeId(node)) throw new SwarmError("corrupt", "Cannot read heard.node: it is not a node id");
	return {
		node,
		...countOf(fields.slice(1), "heard"),
		echoSentAtMs: nullableNumberOf(fields[4], "heard.echoSentAt", 0, TIME_MS_MAX),
		echoHeldMs: numberOf(fields[5], "heard.echoHeld", 0, TIME_MS_MAX),
	};
}

function fieldsOfSample(sample: NodeSample): WireValue {
	return [
		sample.takenAtMs,
		sample.load1,
		sample.load5,
		sample.memoryBytesAvailable,
		sample.cpuPressure,
		sample.memoryPressure,
		sample.ioPressure,
		sample.temperatureCelsius,
		sample.thermalHeadroomCelsius,
		sample.diskBytesFree,
	];
}

function sampleOf(value: WireValue | undefined): NodeSample {
	const fields = listOf(value, "heartbeat.sample", SAMPLE_FIELDS, SAMPLE_FIELDS);
	return {
		takenAtMs: numberOf(fields[0], "sample.takenAt", 0, TIME_MS_MAX),
		load1: numberOf(fields[1], "sample.load1", 0, 1e6),
		load5: numberOf(fields[2], "sample.load5", 0, 1e6),
		memoryBytesAvailable: numberOf(fields[3], "sample.memoryBytesAvailable", 0, BYTES_MAX),
		cpuPressure: nullableNumberOf(fields[4], "sample.cpuPressure", 0, 100),
		memoryPressure: nullableNumberOf(fields[5], "sample.memoryPressure", 0, 100),
		ioPressure: nullableNumberOf(fields[6], "sample.ioPressure", 0, 100),
		temperatureCelsius: nullableNumberOf(fields[7], "sample.temperature", -300, 10_000),
		thermalHeadroomCelsius: nullableNumberOf(fields[8], "sample.thermalHeadroom", -10_000, 10_000),
		diskBytesFree: numberOf(fields[9], "sample.diskBytesFree", 0, BYTES_MAX),
	};
}
