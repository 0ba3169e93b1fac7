// What the two ends of a move say to each other over `/swarm/migrate/1`: the messages, and the one decoder that checks
// everything that arrives. Must never trust a name, a number or a size of the peer.
//
// Source opens the stream. move:  offer → verdict; [ready →] ready; file, chunks, file-end …; manifest; → prepared | failed;
//                             go → running | failed | returned.  dismiss ends it from either side.
// ask (new stream):             go → running | pending | unknown;  query → decision.

import { type ErrorData, SwarmError, shown } from "../errors.js";
import type { ContainerId, Digest, Spec, VerdictCheck } from "../model.js";
import type { SourceFacts } from "./verdict.js";

export const MIGRATE_PROTOCOL = "/swarm/migrate/1";

/** Offers carry the source's CPU flags and a whole spec; manifests one line for each mount and pipe. */
export const MESSAGE_BYTES_MAX = 1024 * 1024;
export const CHUNK_BYTES_MAX = 256 * 1024;
export const FILE_NAME_BYTES_MAX = 255;
/** CRIU writes about six files a process and four a thread. */
export const FILES_MAX = 200_000;

export interface Offer {
	readonly kind: "offer";
	readonly move: string;
	readonly dryRun: boolean;
	readonly container: ContainerId;
	/** That it runs under now; the hand-over claims epoch + 1. */
	readonly epoch: number;
	readonly revision: number;
	readonly spec: Spec;
	readonly imageName: string;
	readonly imageDigest: Digest;
	readonly address: string | null;
	readonly createdAtMs: number;
	readonly startedAtMs: number | null;
	readonly facts: SourceFacts;
}

/**
 * `images`: CRIU's files. `log`: stdout and stderr. `upper`: one tar stream of the written files. `volume`: one tar stream for the named
 * volume `name`, all of it before the freeze, what changed since then after it.
 */
export type Section = "images" | "log" | "upper" | "volume";

/** Paths of one `removed` message. */
export const REMOVED_MAX = 1_000;
/** Together, as bytes: they are carried as Latin-1 text. */
export const REMOVED_BYTES_MAX = 256 * 1024;

export type MoveMessage =
	| Offer
	| { readonly kind: "verdict"; readonly checks: readonly VerdictCheck[] }
	/** Source: get ready. Target: image and directories are there. */
	| { readonly kind: "ready" }
	| { readonly kind: "file"; readonly section: Section; readonly name: string }
	/** Of a volume, what is there no more, before what changed; below its root, each byte of a name one character. */
	| { readonly kind: "removed"; readonly volume: string; readonly paths: readonly string[] }
	/** Of a volume, after all that changed: summaryOf (tree-scan.ts) at the source. */
	| { readonly kind: "whole"; readonly volume: string; readonly summary: string }
	| { readonly kind: "file-end"; readonly bytes: number; readonly crc32: number }
	| { readonly kind: "manifest"; readonly files: number; readonly manifest: Readonly<Record<string, unknown>> }
	| { readonly kind: "prepared" }
	/** The claim of epoch + 1 for the target is durable in the source's document. */
	| { readonly kind: "go"; readonly move: string; readonly container: ContainerId; readonly epoch: number }
	| { readonly kind: "running" }
	/** The target is still at it. */
	| { readonly kind: "pending" }
	| { readonly kind: "unknown" }
	| { readonly kind: "returned" }
	/** Target, after its daemon came back: what was decided? */
	| { readonly kind: "query"; readonly move: string; readonly container: ContainerId }
	| { readonly kind: "decision"; readonly decision: "go" | "abort" | "undecided" }
	| { readonly kind: "failed"; readonly error: ErrorData }
	| { readonly kind: "dismiss"; readonly reason: string };

const sections: readonly Section[] = ["images", "log", "upper", "volume"];

/** Throws `corrupt` with the field that is wrong. */
export function decodeMessage(bytes: Uint8Array): MoveMessage {
	let value: unknown;
	try {
		value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
	} catch {
		throw wrong("message", "not JSON", "JSON");
	}
	const fields = new Fields(value);
	const kind = fields.text("kind", 16);
	switch (kind) {
		case "offer":
			return offerOf(fields);
		case "verdict":
			return { kind, checks: fields.list("checks", 64).map(checkOf) };
		case "ready":
		case "prepared":
		case "running":
		case "pending":
		case "unknown":
		case "returned":
			return { kind };
		case "file":
			return {
				kind,
				section: fields.oneOf("section", sections),
				name: fileName(fields.text("name", FILE_NAME_BYTES_MAX)),
			};
		case "removed":
			return { kind, volume: volumeName(fields, "volume"), paths: fields.list("paths", REMOVED_MAX).map(removedPath) };
		case "whole":
			return {
				kind,
				volume: volumeName(fields, "volume"),
				summary: fields.matching("summary", /^[0-9a-f]{64}$/, "a SHA-256"),
			};
		case "file-end":
			return { kind, bytes: fields.count("bytes"), crc32: fields.count("crc32", 2 ** 32 - 1) };
		case "manifest":
			return { kind, files: fields.count("files", FILES_MAX), manifest: fields.object("manifest") };
		case "go":
			return { kind, move: moveId(fields), container: containerId(fields), epoch: fields.count("epoch") };
		case "query":
			return { kind, move: moveId(fields), container: containerId(fields) };
		case "decision":
			return { kind, decision: fields.oneOf("decision", ["go", "abort", "undecided"] as const) };
		case "failed":
			return { kind, error: errorOf(new Fields(fields.object("error"))) };
		case "dismiss":
			return { kind, reason: fields.text("reason", 4096) };
		default:
			throw wrong("kind", kind, "a message of /swarm/migrate/1");
	}
}

function offerOf(fields: Fields): Offer {
	return {
		kind: "offer",
		move: moveId(fields),
		dryRun: fields.flag("dryRun"),
		container: containerId(fields),
		epoch: fields.count("epoch"),
		revision: fields.count("revision"),
		// Checked where specs are checked before it becomes a container (the coordinator is given that door).
		spec: fields.object("spec") as unknown as Spec,
		imageName: fields.text("imageName", 256),
		imageDigest: fields.matching("imageDigest", /^sha256:[0-9a-f]{64}$/, "sha256: and 64 digits") as Digest,
		address: fields.orNull("address", () => fields.matching("address", /^10\.99\.\d{1,3}\.\d{1,3}$/, "10.99.x.y")),
		createdAtMs: fields.count("createdAtMs"),
		startedAtMs: fields.orNull("startedAtMs", () => fields.count("startedAtMs")),
		facts: factsOf(new Fields(fields.object("facts"))),
	};
}

function factsOf(fields: Fields): SourceFacts {
	const machine = new Fields(fields.object("machine"));
	return {
		machine: {
			architecture: machine.text("architecture", 64),
			cpuFlags: machine.texts("cpuFlags", 4096),
			kernel: machine.text("kernel", 256),
			criuVersion: machine.orNull("criuVersion", () => machine.text("criuVersion", 64)),
			kernelFeatures: machine.texts("kernelFeatures", 256),
		},
		phase: fields.text("phase", 32) as SourceFacts["phase"],
		memoryBytes: fields.count("memoryBytes"),
		fileBytes: fields.count("fileBytes"),
		imageName: fields.text("imageName", 256),
		imageDigest: fields.text("imageDigest", 128),
		address: fields.orNull("address", () => fields.text("address", 64)),
		ports: fields.list("ports", 1024).map((value) => {
			const port = new Fields(value);
			return {
				host: port.count("host", 65_535),
				container: port.count("container", 65_535),
				protocol: port.oneOf("protocol", ["tcp", "udp"] as const),
			};
		}),
		memoryBytesRequested: fields.orNull("memoryBytesRequested", () => fields.count("memoryBytesRequested")),
		// Sources of versions before volumes could move have no word of them.
		volumes: fields.has("volumes") ? fields.list("volumes", 64).map(volumeOf) : [],
		// Offers of versions before user namespaces could move have no word of it.
		userNamespace: fields.has("userNamespace") && fields.flag("userNamespace"),
	};
}

function volumeOf(value: unknown): SourceFacts["volumes"][number] {
	const fields = new Fields(value);
	const labels = fields.object("labels");
	for (const [name, label] of Object.entries(labels))
		if (name.length > 256 || typeof label !== "string" || label.length > 4096)
			throw wrong("labels", label, "short texts");
	return {
		name: volumeName(fields, "name"),
		labels: labels as Readonly<Record<string, string>>,
		createdAtMs: fields.count("createdAtMs"),
		bytes: fields.count("bytes"),
	};
}

/** It becomes the name of a directory. */
function volumeName(fields: Fields, field: string): string {
	return fields.matching(field, /^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/, "the name of a volume");
}

/** Below a directory, whatever its bytes. */
function removedPath(path: unknown): string {
	const parts = typeof path === "string" && path.length <= 4096 ? path.split("/") : [""];
	const isName = (part: string) => !["", ".", ".."].includes(part) && isBytes(part);
	if (!parts.every(isName)) throw wrong("paths", path, "paths below a volume");
	return path as string;
}

/** One character for each byte, without NUL. */
function isBytes(text: string): boolean {
	return !text.includes("\0") && Buffer.from(text, "latin1").toString("latin1") === text;
}

function checkOf(value: unknown): VerdictCheck {
	const fields = new Fields(value);
	return {
		check: fields.text("check", 64),
		ok: fields.flag("ok"),
		source: fields.text("source", 1024),
		target: fields.text("target", 1024),
		reason: fields.text("reason", 1024),
	};
}

function errorOf(fields: Fields): ErrorData {
	return {
		code: fields.text("code", 32) as ErrorData["code"],
		message: fields.text("message", 8192),
		retryable: fields.flag("retryable"),
		details: fields.object("details"),
	};
}

const moveId = (fields: Fields): string => fields.matching("move", /^[0-9a-f]{16,64}$/, "a move id");

/** It becomes a path on the way; the node of whom the claim speaks is the peer of the stream itself. */
const containerId = (fields: Fields): ContainerId =>
	fields.matching(
		"container",
		/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.(0|[1-9]\d{0,3})$/,
		"<workload>.<index>",
	) as ContainerId;

/** A file of a flat directory: no path gets out of it. */
function fileName(name: string): string {
	if (/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name)) return name;
	throw wrong("name", name, "a plain file name");
}

/** One object of outside; every getter names the field, what was given and what is wanted. */
class Fields {
	readonly #values: Readonly<Record<string, unknown>>;

	constructor(value: unknown) {
		if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong("value", value, "an object");
		this.#values = value as Readonly<Record<string, unknown>>;
	}

	text(name: string, bytesMax: number): string {
		const value = this.#values[name];
		if (typeof value !== "string" || Buffer.byteLength(value) > bytesMax)
			throw wrong(name, value, `a string of at most ${bytesMax} bytes`);
		return value;
	}

	matching(name: string, pattern: RegExp, wanted: string): string {
		const value = this.#values[name];
		if (typeof value !== "string" || !pattern.test(value)) throw wrong(name, value, wanted);
		return value;
	}

	texts(name: string, countMax: number): readonly string[] {
		return this.list(name, countMax).map((value) => {
			if (typeof value !== "string" || value.length > 256) throw wrong(name, value, "short strings");
			return value;
		});
	}

	count(name: string, max: number = Number.MAX_SAFE_INTEGER): number {
		const value = this.#values[name];
		if (!Number.isSafeInteger(value) || (value as number) < 0 || (value as number) > max)
			throw wrong(name, value, `a whole number of 0 to ${max}`);
		return value as number;
	}

	has(name: string): boolean {
		return this.#values[name] !== undefined;
	}

	flag(name: string): boolean {
		const value = this.#values[name];
		if (typeof value !== "boolean") throw wrong(name, value, "true or false");
		return value;
	}

	oneOf<T extends string>(name: string, values: readonly T[]): T {
		const value = this.#values[name];
		if (!values.includes(value as T)) throw wrong(name, value, values.join(", "));
		return value as T;
	}

	list(name: string, countMax: number): readonly unknown[] {
		const value = this.#values[name];
		if (!Array.isArray(value) || value.length > countMax) throw wrong(name, value, `a list of at most ${countMax}`);
		return value;
	}

	object(name: string): Readonly<Record<string, unknown>> {
		const value = this.#values[name];
		if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(name, value, "an object");
		return value as Readonly<Record<string, unknown>>;
	}

	orNull<T>(name: string, read: () => T): T | null {
		return this.#values[name] === null ? null : read();
	}
}

function wrong(field: string, given: unknown, wanted: string): SwarmError {
	return new SwarmError("corrupt", `Cannot read a move's message: ${field} is ${shown(given)}, wanted ${wanted}`);
}
