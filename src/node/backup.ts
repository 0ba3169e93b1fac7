// What makes a node that node, in one file: its key, its place in the cluster and what it knows of it (also the documents of the
// others). Not its containers' files, images and volumes. Read from the state directory as it is, also under a running daemon: the
// files are replaced whole or only grow, and a journal that is cut short is one that a crash cut short.
// Must never: be readable by others, put a node's files over those of another.
//
//   backup.json      {version, node, takenAtMs, files: {name: sha256 of its content}}
//   state/<name>     the files

import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pack } from "tar-stream";
import { syncDirectory, writeDurably } from "../crdt/disk.js";
import { asSwarmError, SwarmError } from "../errors.js";
import { loadIdentity } from "../mesh/identity.js";
import type { NodeId } from "../model.js";
import { isBrokenTar, readTar } from "../runtime/image/tar.js";

const DESCRIPTION = "backup.json";
const UNDER = "state/";
const NAME_PATTERN = /^[a-z0-9][a-z0-9.-]{0,63}$/;
/**
 * Of this process, of this machine, or half-written; and what this node promised as a voter, which is outlived by the next promise: without
 * it a node that is restored gives no vote until nothing holds any more that it may have promised.
 */
const LEFT_OUT = /^(lock|promises|.*\.sock|.*\.log|.*\.tmp|.*\.new)$/;
const FILE_BYTES_MAX = 256 * 1024 * 1024;
const FILES_MAX = 64;
const DESCRIPTION_BYTES_MAX = 64 * 1024;
/** Without them a node is nobody. */
const NEEDED = ["node.key", "journal"] as const;

export interface BackupDescription {
	readonly version: 1;
	readonly node: NodeId;
	readonly takenAtMs: number;
	/** sha256 in hexadecimal by name. */
	readonly files: Readonly<Record<string, string>>;
}

/** Code `not-found` when there is no node in the directory, `too-large` past the named limits. */
export async function backupOf(
	stateDirectory: string,
	nowMs: number,
): Promise<{ readonly description: BackupDescription; readonly archive: AsyncIterable<Uint8Array> }> {
	const contents = await readState(stateDirectory);
	const { node } = await loadIdentity(stateDirectory);
	const files = Object.fromEntries([...contents].map(([name, content]) => [name, hashOf(content)]));
	const description: BackupDescription = { version: 1, node, takenAtMs: Math.floor(nowMs), files };
	const archive = pack();
	archive.entry({ name: DESCRIPTION, mode: 0o600, mtime: new Date(nowMs) }, Buffer.from(JSON.stringify(description)));
	for (const [name, content] of contents)
		archive.entry({ name: `${UNDER}${name}`, mode: 0o600, mtime: new Date(nowMs) }, content);
	archive.finalize();
	return { description, archive: archive as unknown as AsyncIterable<Uint8Array> };
}

/** What is wrong with an archive; its reader hands on none but our own errors. */
class Damage extends SwarmError {
	constructor(what: string) {
		super("corrupt", what);
	}
}

/**
 * Puts the files into a state directory that is empty or not there; the directory stands whole or is as it was. Code `conflict`
 * when something is there, `corrupt` for what is no backup or a damaged one. `name`: what the caller calls the archive.
 */
export async function restoreBackup(
	archive: AsyncIterable<Buffer>,
	name: string,
	stateDirectory: string,
): Promise<BackupDescription> {
	if ((await readdir(stateDirectory).catch(() => [])).length > 0)
		throw new SwarmError(
			"conflict",
			`Cannot restore ${name}: ${stateDirectory} is not empty, wanted a directory without a node; name another with --state`,
		);
	const parent = dirname(stateDirectory);
	await mkdir(parent, { recursive: true });
	const filling = await mkdtemp(join(parent, `.${basename(stateDirectory)}.`));
	try {
		const description = await unpack(archive, filling);
		const { node } = await loadIdentity(filling);
		if (node !== description.node) throw new Damage(`its key is of ${node}, its description says ${description.node}`);
		await rmdir(stateDirectory).catch(() => {});
		await rename(filling, stateDirectory);
		await syncDirectory(parent);
		return description;
	} catch (thrown) {
		await rm(filling, { recursive: true, force: true });
		const damage = thrown instanceof Damage ? thrown.message : isBrokenTar(thrown) ? "it is no whole tar" : null;
		if (damage === null) throw asSwarmError(thrown, `restore ${name}`);
		const message = `Cannot restore ${name}: ${damage}; wanted what \`swarm backup\` wrote`;
		throw new SwarmError("corrupt", message, { cause: thrown });
	}
}

async function readState(stateDirectory: string): Promise<ReadonlyMap<string, Buffer>> {
	const entries = await readdir(stateDirectory, { withFileTypes: true }).catch(() => []);
	const names = entries
		.filter((entry) => entry.isFile() && NAME_PATTERN.test(entry.name) && !LEFT_OUT.test(entry.name))
		.map((entry) => entry.name);
	const missing = NEEDED.find((name) => !names.includes(name));
	if (missing !== undefined)
		throw new SwarmError("not-found", `Cannot back up: ${stateDirectory} has no ${missing}, wanted a node's state`);
	if (names.length > FILES_MAX)
		throw new SwarmError("too-large", `Cannot back up: ${names.length} files, ${FILES_MAX} at most`);
	const contents = new Map<string, Buffer>();
	for (const name of names.sort()) {
		const content = await readFile(join(stateDirectory, name));
		if (content.length > FILE_BYTES_MAX)
			throw new SwarmError(
				"too-large",
				`Cannot back up: ${name} has ${content.length} bytes, ${FILE_BYTES_MAX} at most`,
			);
		contents.set(name, content);
	}
	return contents;
}

/** Each file is synced; nothing but files that the description names, with the content it names, in its order or any other. */
async function unpack(archive: AsyncIterable<Buffer>, directory: string): Promise<BackupDescription> {
	let description: BackupDescription | null = null;
	const seen = new Set<string>();
	await readTar(archive, async (header, data) => {
		if (description === null) {
			if (header.name !== DESCRIPTION) throw new Damage(`it begins with ${JSON.stringify(header.name.slice(0, 80))}`);
			description = decodeDescription(await contentOf(header.size, data, DESCRIPTION_BYTES_MAX));
			return;
		}
		const name = header.name.slice(UNDER.length);
		const wanted = Object.hasOwn(description.files, name) ? description.files[name] : undefined;
		if (header.type !== "file" || header.name !== `${UNDER}${name}` || wanted === undefined || seen.has(name))
			throw new Damage(`${JSON.stringify(header.name.slice(0, 80))} is not one of its files`);
		const content = await contentOf(header.size, data, FILE_BYTES_MAX);
		if (hashOf(content) !== wanted) throw new Damage(`${name} is not as it was written`);
		seen.add(name);
		await writeDurably(join(directory, name), content);
	});
	if (description === null) throw new Damage("it is empty");
	const { files } = description as BackupDescription;
	const missing = [...NEEDED, ...Object.keys(files)].find((name) => !seen.has(name));
	if (missing !== undefined) throw new Damage(`${missing} is missing`);
	return description;
}

function decodeDescription(content: Buffer): BackupDescription {
	let given: unknown;
	try {
		given = JSON.parse(content.toString("utf8"));
	} catch {
		throw new Damage(`${DESCRIPTION} is no JSON`);
	}
	const { version, node, takenAtMs, files } = (given ?? {}) as Partial<Record<keyof BackupDescription, unknown>>;
	if (version !== 1) throw new Damage(`its version is ${JSON.stringify(version)}, 1 is wanted`);
	if (typeof node !== "string" || !Number.isSafeInteger(takenAtMs))
		throw new Damage("it does not say whose it is, or of when");
	const named = typeof files === "object" && files !== null ? Object.entries(files) : [];
	const isFine = ([name, hash]: [string, unknown]) => NAME_PATTERN.test(name) && /^[0-9a-f]{64}$/.test(String(hash));
	if (named.length === 0 || named.length > FILES_MAX || !named.every(isFine))
		throw new Damage("its list of files is wrong");
	return { version: 1, node: node as NodeId, takenAtMs: takenAtMs as number, files: Object.fromEntries(named) };
}

async function contentOf(size: number, data: AsyncIterable<Buffer>, bytesMax: number): Promise<Buffer> {
	if (size > bytesMax) throw new Damage(`an entry has ${size} bytes, ${bytesMax} at most`);
	const parts: Buffer[] = [];
	for await (const part of data) parts.push(part);
	return Buffer.concat(parts);
}

function hashOf(content: Buffer): string {
	return createHash("sha256").update(content).digest("hex");
}
