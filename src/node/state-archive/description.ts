// What an exported container is, besides its files: container.json of the archive. Written by export.ts; whatever is read here came from
// outside and is checked field by field.
//
//   container.json   this
//   upper.tar        written files, as overlayfs keeps them (migration/tar-process.ts)
//   log/             log files
//   images/          CRIU's images; empty for a container that did not run

import { SwarmError, shown } from "../../errors.js";
import type { SourceFacts } from "../../migration/verdict.js";
import type { Digest, Spec } from "../../model.js";

export interface StateDescription {
	readonly version: 1;
	readonly container: string;
	readonly spec: Spec;
	readonly imageName: string;
	readonly imageDigest: Digest;
	readonly address: string | null;
	readonly createdAtMs: number;
	readonly startedAtMs: number | null;
	readonly exportedAtMs: number;
	/** null: it did not run, and has no memory in the archive. */
	readonly memory: ExportedMemory | null;
}

export interface ExportedMemory {
	/** Of the checkpoint (runtime.ts, DumpResult). */
	readonly manifest: Readonly<Record<string, unknown>>;
	/** What the machine has to be like that goes on with it. */
	readonly facts: SourceFacts;
}

export const DESCRIPTION_BYTES_MAX = 4 * 1024 * 1024;

type Json = Readonly<Record<string, unknown>>;

/** `validateSpec`: the door for specs. Code `corrupt` with the field that is wrong. */
export function decodeDescription(text: string, validateSpec: (given: unknown) => Spec): StateDescription {
	const value = objectOf(parsed(text), "it");
	if (value.version !== 1) throw wrong("version", value.version, "1");
	const memory = value.memory === null ? null : objectOf(value.memory, "memory");
	const origin: Origin = {
		imageName: textOf(value, "imageName", /^.{1,512}$/),
		imageDigest: textOf(value, "imageDigest", /^sha256:[0-9a-f]{64}$/) as Digest,
		address: value.address === null ? null : textOf(value, "address", /^10\.99\.\d{1,3}\.\d{1,3}$/),
	};
	return {
		version: 1,
		container: textOf(value, "container", /^[a-z0-9-]+\.\d+$/),
		spec: validateSpec(value.spec),
		...origin,
		createdAtMs: timeOf(value, "createdAtMs"),
		startedAtMs: value.startedAtMs === null ? null : timeOf(value, "startedAtMs"),
		exportedAtMs: timeOf(value, "exportedAtMs"),
		memory:
			memory === null
				? null
				: { manifest: objectOf(memory.manifest, "memory.manifest"), facts: factsOf(memory, origin) },
	};
}

type Origin = Pick<StateDescription, "imageName" | "imageDigest" | "address">;

/** What the verdict compares; the rest of the facts is of a source that is not there any more. */
function factsOf(memory: Json, origin: Origin): SourceFacts {
	const facts = objectOf(memory.facts, "memory.facts");
	const machine = objectOf(facts.machine, "memory.facts.machine");
	for (const field of ["architecture", "kernel"]) textOf(machine, field, /^.{1,256}$/);
	for (const field of ["cpuFlags", "kernelFeatures"])
		if (!Array.isArray(machine[field]) || !machine[field].every((flag: unknown) => typeof flag === "string"))
			throw wrong(field, machine[field], "texts");
	if (machine.criuVersion !== null) textOf(machine, "criuVersion", /^.{1,64}$/);
	for (const field of ["memoryBytes", "fileBytes"]) timeOf(facts, field);
	if (!Array.isArray(facts.ports)) throw wrong("ports", facts.ports, "a list");
	for (const port of facts.ports) checkPort(objectOf(port, "ports"));
	if (facts.memoryBytesRequested !== null && facts.memoryBytesRequested !== undefined)
		timeOf(facts, "memoryBytesRequested");
	textOf(facts, "phase", /^[a-z]{1,32}$/);
	const memoryBytesRequested = (facts.memoryBytesRequested as number | undefined) ?? null;
	// Nothing with volumes is exported; exports of older versions have no word of them, nor of user namespaces.
	const rest = { volumes: [], memoryBytesRequested, userNamespace: facts.userNamespace === true };
	return { ...(facts as unknown as SourceFacts), ...origin, ...rest };
}

function checkPort(port: Json): void {
	for (const field of ["host", "container"]) timeOf(port, field);
	textOf(port, "protocol", /^(tcp|udp)$/);
}

function parsed(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch (cause) {
		throw new SwarmError("corrupt", "Cannot import: container.json is no JSON", { cause });
	}
}

function objectOf(value: unknown, field: string): Json {
	if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(field, value, "an object");
	return value as Json;
}

function textOf(value: Json, field: string, pattern: RegExp): string {
	const given = value[field];
	if (typeof given !== "string" || !pattern.test(given)) throw wrong(field, given, `text like ${pattern}`);
	return given;
}

function timeOf(value: Json, field: string): number {
	const given = value[field];
	if (typeof given !== "number" || !Number.isFinite(given) || given < 0) throw wrong(field, given, "a number from 0");
	return given;
}

function wrong(field: string, given: unknown, wanted: string): SwarmError {
	return new SwarmError("corrupt", `Cannot import: ${field} of container.json is ${shown(given)}, wanted ${wanted}`);
}
