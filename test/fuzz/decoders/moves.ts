// What the two ends of a move say, what they keep of it on disk, and what an exported container says of itself.

import { MoveChannel } from "../../../src/migration/channel.js";
import { decodeEntry } from "../../../src/migration/journal.js";
import { compare, type SourceFacts, type TargetFacts } from "../../../src/migration/verdict.js";
import { decodeMessage, type MoveMessage } from "../../../src/migration/wire.js";
import type { ContainerId, Digest, NodeId } from "../../../src/model.js";
import { validateSpec } from "../../../src/node/spec/validate-spec.js";
import { decodeDescription } from "../../../src/node/state-archive/description.js";
import { decodeManifest } from "../../../src/runtime/checkpoint/manifest.js";
import { type Decoder, jsonSeed, piecesOf } from "../decoder.js";

const move = "0123456789abcdef";
const container = "web.0" as ContainerId;
const imageDigest = `sha256:${"a".repeat(64)}` as Digest;
const machine = {
	...{ architecture: "x64", cpuFlags: ["sse2", "avx"], kernel: "6.12", criuVersion: "4.2" },
	kernelFeatures: ["userfaultfd"],
};
const facts = {
	...{ machine, phase: "running" as const, memoryBytes: 4_096, fileBytes: 10, imageName: "host", imageDigest },
	...{
		address: "10.99.1.2",
		ports: [{ host: 80, container: 8_080, protocol: "tcp" as const }],
		memoryBytesRequested: null,
	},
	...{ volumes: [{ name: "data", labels: { tier: "a" }, createdAtMs: 1, bytes: 5 }], userNamespace: false },
} satisfies SourceFacts;
const spec = validateSpec({ name: "web", command: ["sleep", "1"], volumes: ["data:/data"] });
const externals = [
	{ key: "m1", place: { kind: "container", path: "dev" } },
	{ key: "m2", place: { kind: "volume", name: "data" } },
	{ key: "m3", place: { kind: "host", path: "/usr" } },
];
const manifest = { version: 1, criuVersion: "4.2", pipes: { stdout: 5, stderr: 6 }, externals, userNamespace: false };
const offer: MoveMessage = {
	kind: "offer",
	...{ move, dryRun: false, container, epoch: 3, revision: 2, spec, imageName: "host", imageDigest },
	...{ address: "10.99.1.2", createdAtMs: 1, startedAtMs: null, facts },
} as const;
const checks = [{ check: "cpu", ok: false, source: "a", target: "b", reason: "c" }];
const error = { code: "refused", message: "Cannot move: no", retryable: false, details: { checks } } as const;

const messages: readonly MoveMessage[] = [
	offer,
	{ kind: "verdict", checks },
	{ kind: "ready" },
	{ kind: "file", section: "images", name: "pages-1.img" },
	{ kind: "removed", volume: "data", paths: ["a/b", "c"] },
	{ kind: "whole", volume: "data", summary: "f".repeat(64) },
	{ kind: "file-end", bytes: 10, crc32: 2 ** 31 },
	{ kind: "manifest", files: 12, manifest },
	{ kind: "go", move, container, epoch: 4 },
	{ kind: "query", move, container },
	{ kind: "decision", decision: "undecided" },
	{ kind: "failed", error },
	{ kind: "dismiss", reason: "over" },
];

function framed(body: Uint8Array): Uint8Array {
	const head = Buffer.alloc(5);
	head.writeUInt8(1);
	head.writeUInt32LE(body.length, 1);
	return Buffer.concat([head, body]);
}

const entry = {
	...{ version: 1, role: "source", move, container, epoch: 3, peer: "n2" as NodeId, startedAtMs: 5, phase: "dumping" },
};
const targetEntry = { ...entry, role: "target", phase: "fetching", offer, manifest: null };
const description = {
	...{ version: 1, container, spec, imageName: "host", imageDigest, address: "10.99.1.2", createdAtMs: 1 },
	...{ startedAtMs: null, exportedAtMs: 3, memory: { manifest, facts } },
};
const target: TargetFacts = {
	...{ machine, diskBytesFree: 2 ** 40, memoryBytesFree: 2 ** 33, holdsContainer: false, addressHolder: null },
	...{ portHolder: null, imageState: { kind: "present" }, leaving: false, volumesHere: [], pathsLacking: [] },
	userNamespaceLack: null,
};
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

export const moveDecoders: readonly Decoder[] = [
	{ name: "messages of a move", seeds: messages.map(jsonSeed), form: "json", read: decodeMessage },
	{
		name: "frames of a move",
		seeds: messages.map(jsonSeed),
		form: "talk",
		wrap: framed,
		async read(bytes, chance) {
			const pieces = piecesOf(bytes, chance);
			const read = async () => pieces.next().value ?? null;
			const write = async () => {};
			const channel = new MoveChannel({ peer: "n2" as NodeId, read, write, end: write, abort: () => {} });
			let count = 0;
			while ((await channel.receive()) !== null) count++;
			return count === 0 ? null : count;
		},
	},
	{
		name: "journal of a move",
		seeds: [jsonSeed(entry), jsonSeed(targetEntry)],
		form: "json",
		read: (bytes) => decodeEntry(textOf(bytes)),
	},
	{
		name: "manifest of a checkpoint",
		seeds: [jsonSeed(manifest)],
		form: "json",
		read(bytes) {
			const given = parsedOrNull(bytes);
			return typeof given === "object" && given !== null
				? decodeManifest(given as Readonly<Record<string, unknown>>)
				: null;
		},
	},
	{
		name: "description of an export",
		seeds: [jsonSeed(description), jsonSeed({ ...description, memory: null })],
		form: "json",
		read(bytes) {
			const read = decodeDescription(textOf(bytes), validateSpec);
			// What an import does with it next.
			if (read.memory !== null) compare(read.memory.facts, target);
			return read;
		},
	},
];

function parsedOrNull(bytes: Uint8Array): unknown {
	try {
		return JSON.parse(textOf(bytes));
	} catch {
		return null;
	}
}
