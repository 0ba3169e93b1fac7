// Decodes the JSON documents of the image specification: index, manifest, config. The only place that looks into them;
// everything behind it sees checked records. Pure. image-spec: image-index.md, manifest.md, descriptor.md, config.md.

import { constants } from "node:os";
import { SwarmError, shown } from "../../errors.js";
import type { Digest } from "../../model.js";
import type { ImageConfig } from "../runtime.js";
import { LAYERS_MAX, MANIFESTS_MAX } from "./limits.js";
import { isDigest } from "./name.js";

export interface Platform {
	readonly os: string;
	/** As Go names them: `amd64`, `arm64`. */
	readonly architecture: string;
}

export interface Descriptor {
	readonly mediaType: string;
	readonly digest: Digest;
	readonly sizeBytes: number;
	readonly platform: Platform | null;
	readonly annotations: Readonly<Record<string, string>>;
}

export interface Manifest {
	readonly config: Descriptor;
	/** Lowest first. */
	readonly layers: readonly Descriptor[];
}

export interface ConfigDocument {
	readonly platform: Platform;
	/** Digests of the uncompressed layers, lowest first. */
	readonly diffIds: readonly Digest[];
	readonly config: ImageConfig;
}

type Json = Readonly<Record<string, unknown>>;

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const LAYER_TYPE =
	/\.(?:layer|rootfs)\.(?:nondistributable\.|diff\.|foreign\.diff\.)?(?:v1\.)?tar(?:[.+](?:gzip|zstd))?$/;

function corrupt(what: string, why: string): SwarmError {
	return new SwarmError("corrupt", `Cannot read the image's ${what}: ${why}`);
}

export function parseJson(bytes: Uint8Array, what: string): unknown {
	try {
		return JSON.parse(Buffer.from(bytes).toString("utf8"));
	} catch (thrown) {
		throw corrupt(what, `it is no JSON (${(thrown as Error).message})`);
	}
}

function objectOf(value: unknown, what: string, field: string): Json {
	if (typeof value !== "object" || value === null || Array.isArray(value)) {
		throw corrupt(what, `${field} is no object`);
	}
	return value as Json;
}

function listOf(value: unknown, what: string, field: string, max: number): readonly unknown[] {
	if (!Array.isArray(value)) throw corrupt(what, `${field} is no list`);
	if (value.length > max) throw corrupt(what, `${field} has ${value.length} items, at most ${max} are allowed`);
	return value;
}

/** null and absent are the empty list: Go writes nil slices as null. */
function stringsOf(value: unknown, what: string, field: string): readonly string[] {
	if (value === undefined || value === null) return [];
	const list = listOf(value, what, field, 65_536);
	if (!list.every((item) => typeof item === "string")) throw corrupt(what, `${field} holds something that is no text`);
	return list as readonly string[];
}

function textOf(value: unknown, what: string, field: string): string {
	if (value === undefined || value === null) return "";
	if (typeof value !== "string") throw corrupt(what, `${field} is no text`);
	return value;
}

function descriptorOf(value: unknown, what: string, field: string): Descriptor {
	const json = objectOf(value, what, field);
	const digest = json.digest;
	if (!isDigest(digest)) {
		throw corrupt(what, `${field}.digest is ${shown(digest)}, wanted sha256 with 64 hexadecimal digits`);
	}
	const size = json.size;
	if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0)
		throw corrupt(what, `${field}.size is no size`);
	const annotations = json.annotations ?? {};
	const entries = Object.entries(objectOf(annotations, what, `${field}.annotations`));
	return {
		mediaType: textOf(json.mediaType, what, `${field}.mediaType`),
		digest,
		sizeBytes: size,
		platform: json.platform === undefined ? null : platformOf(objectOf(json.platform, what, `${field}.platform`), what),
		annotations: Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === "string")),
	};
}

function platformOf(json: Json, what: string): Platform {
	return { os: textOf(json.os, what, "os"), architecture: textOf(json.architecture, what, "architecture") };
}

/** An index or a manifest list, as index.json or nested. */
export function parseIndex(bytes: Uint8Array): readonly Descriptor[] {
	const what = "index";
	const json = objectOf(parseJson(bytes, what), what, "it");
	if (json.schemaVersion !== 2) throw corrupt(what, `schemaVersion is ${shown(json.schemaVersion)}, wanted 2`);
	const list = listOf(json.manifests, what, "manifests", MANIFESTS_MAX);
	return list.map((item, i) => descriptorOf(item, what, `manifests[${i}]`));
}

/** Whether a descriptor leads to another index. */
export function isIndex(descriptor: Descriptor): boolean {
	return (
		descriptor.mediaType === "application/vnd.oci.image.index.v1+json" ||
		descriptor.mediaType === "application/vnd.docker.distribution.manifest.list.v2+json"
	);
}

export function parseManifest(bytes: Uint8Array): Manifest {
	const what = "manifest";
	const json = objectOf(parseJson(bytes, what), what, "it");
	if (json.schemaVersion !== 2) throw corrupt(what, `schemaVersion is ${shown(json.schemaVersion)}, wanted 2`);
	const layers = listOf(json.layers, what, "layers", LAYERS_MAX);
	if (layers.length === 0) throw corrupt(what, "it has no layers");
	const manifest = {
		config: descriptorOf(json.config, what, "config"),
		layers: layers.map((item, i) => descriptorOf(item, what, `layers[${i}]`)),
	};
	for (const layer of manifest.layers) {
		if (!LAYER_TYPE.test(layer.mediaType)) {
			throw new SwarmError(
				"unsupported",
				`Cannot read the image's manifest: a layer is of type ${JSON.stringify(layer.mediaType)}, wanted tar, tar+gzip or tar+zstd`,
				{ details: { mediaType: layer.mediaType } },
			);
		}
	}
	return manifest;
}

export function parseConfig(bytes: Uint8Array): ConfigDocument {
	const what = "config";
	const json = objectOf(parseJson(bytes, what), what, "it");
	const rootfs = objectOf(json.rootfs, what, "rootfs");
	const diffIds = listOf(rootfs.diff_ids, what, "rootfs.diff_ids", LAYERS_MAX);
	if (!diffIds.every(isDigest)) throw corrupt(what, "rootfs.diff_ids holds something that is no sha256 digest");
	const config = json.config === undefined || json.config === null ? {} : objectOf(json.config, what, "config");
	return { platform: platformOf(json, what), diffIds, config: imageConfigOf(config) };
}

function imageConfigOf(json: Json): ImageConfig {
	const what = "config";
	const env = envOf(stringsOf(json.Env, what, "config.Env"));
	return {
		entrypoint: stringsOf(json.Entrypoint, what, "config.Entrypoint"),
		command: stringsOf(json.Cmd, what, "config.Cmd"),
		env: env.PATH === undefined ? { PATH: DEFAULT_PATH, ...env } : env,
		workdir: textOf(json.WorkingDir, what, "config.WorkingDir") || "/",
		user: textOf(json.User, what, "config.User"),
		stopSignal: signalOf(textOf(json.StopSignal, what, "config.StopSignal")),
	};
}

function envOf(lines: readonly string[]): Record<string, string> {
	const env: Record<string, string> = {};
	for (const line of lines) {
		const equals = line.indexOf("=");
		if (equals > 0 && !line.includes("\0")) env[line.slice(0, equals)] = line.slice(equals + 1);
	}
	return env;
}

/** First real-time signal of Linux with glibc (signal(7)). */
const SIGRTMIN = 34;
const SIGNAL_MAX = 64;

/** `SIGQUIT`, `QUIT`, `3`, `SIGRTMIN+3`; "" is SIGTERM. */
function signalOf(text: string): number {
	if (text === "") return constants.signals.SIGTERM;
	const name = text.toUpperCase().startsWith("SIG") ? text.toUpperCase() : `SIG${text.toUpperCase()}`;
	const realTime = /^SIGRTMIN(?:\+(\d+))?$/.exec(name);
	const known: Readonly<Record<string, number>> = constants.signals;
	const number = /^\d+$/.test(text) ? Number(text) : realTime ? SIGRTMIN + Number(realTime[1] ?? 0) : known[name];
	if (number === undefined || number < 1 || number > SIGNAL_MAX) {
		throw corrupt("config", `config.StopSignal is ${JSON.stringify(text)}, which is no signal`);
	}
	return number;
}

export { DEFAULT_PATH };
