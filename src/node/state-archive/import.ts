// `swarm import`: an exported container becomes a workload of this node again: with its memory it goes on where it was, without it stands
// there stopped, with its files and logs. The claim is written before anything is made, with a wish under which nobody acts, so
// that the plan neither starts it anew nor takes it for another's; when it fails the workload is removed again.

import { createReadStream } from "node:fs";
import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ClusterView } from "../../crdt/state.js";
import { SwarmError } from "../../errors.js";
import type { MoveDirectory } from "../../migration/move-files.js";
import { startUnpacking } from "../../migration/tar-process.js";
import { compare, refusalOf } from "../../migration/verdict.js";
import { readTargetFacts } from "../../migration/verdict-facts.js";
import type { Offer } from "../../migration/wire.js";
import {
	type ClaimRecord,
	type ContainerId,
	containerIdOf,
	type Desired,
	type NodeId,
	type Spec,
	type SpecRecord,
} from "../../model.js";
import { ARCHIVE_BYTES_MAX } from "../../runtime/image/limits.js";
import { guardSpace } from "../../runtime/image/space.js";
import type { ContainerState, CreateRequest } from "../../runtime/runtime.js";
import { unpackTar } from "../../runtime/tar-archive.js";
import { outsideFilesOf } from "../../runtime/volumes/binds.js";
import { decide, freeAddress } from "../placement.js";
import type { MembershipPort } from "../ports.js";
import { DESCRIPTION_BYTES_MAX, decodeDescription, type StateDescription } from "./description.js";
import type { StateArchiveParts } from "./export.js";
import { guarded } from "./keep-file.js";

export interface ImportParts extends StateArchiveParts {
	readonly membership: MembershipPort;
	/** Ends the workload of that name in the whole cluster. */
	readonly remove: (workload: string, signal: AbortSignal) => Promise<void>;
}

/**
 * Workloads whose import a killed daemon left half-way: a copy that waits for its first instruction under a claim that is no hand-over.
 * Pure. They are to be removed: nobody would ever let them run.
 */
export function interruptedImports(
	view: Pick<ClusterView, "claims">,
	states: readonly Pick<ContainerState, "container" | "epoch" | "phase">[],
	self: NodeId,
): readonly string[] {
	return states.flatMap(({ container, epoch, phase }) => {
		const claim = view.claims.get(container);
		const isImport = phase === "restoring" && claim?.owner === self && claim.epoch === epoch;
		return isImport && claim.reason === "placed" ? [claim.workload] : [];
	});
}

const ID_BYTES = 12;
/** Of a cluster whose majority answers. */
const LEASE_MS_MAX = 20_000;

/** The workload's name. Codes: `corrupt`, `conflict` (the name is taken), `refused` (this machine cannot go on with it, or has no room). */
export async function importState(
	parts: ImportParts,
	archive: AsyncIterable<Uint8Array>,
	/** Another name than it was exported under; null: that one. */
	name: string | null,
	signal: AbortSignal,
): Promise<string> {
	const { files, chance } = parts.migration;
	const id = Buffer.from(chance.bytes(ID_BYTES)).toString("hex");
	const scratch = await files.make(id);
	try {
		const space = guardSpace(scratch.path, "the archive", ARCHIVE_BYTES_MAX);
		await unpackTar(scratch.path, guarded(archive, space));
		const description = named(await lookAt(parts, scratch), name, parts.migration.validateSpec);
		await unpackUpper(scratch);
		return await takeIn(parts, description, id, scratch, signal);
	} finally {
		await files.remove(id);
	}
}

/** What lies there is what an export writes, and nothing else is ever opened: no links, no other names. */
async function lookAt({ migration }: ImportParts, scratch: MoveDirectory): Promise<StateDescription> {
	for (const name of ["container.json", "upper.tar"]) {
		const about = await lstat(join(scratch.path, name)).catch(() => null);
		if (about === null || !about.isFile()) throw notExported(`it has no file ${name}`);
		if (name === "container.json" && about.size > DESCRIPTION_BYTES_MAX) throw notExported(`${name} is too large`);
	}
	for (const directory of [scratch.images, scratch.log]) {
		if (!(await lstat(directory)).isDirectory())
			throw notExported(`${directory.slice(scratch.path.length)} is no directory`);
		for (const entry of await readdir(directory, { withFileTypes: true }))
			if (!entry.isFile() || !/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(entry.name))
				throw notExported(`${JSON.stringify(entry.name)} is no plain file`);
	}
	const text = await readFile(join(scratch.path, "container.json"), "utf8");
	return decodeDescription(text, migration.validateSpec);
}

function named(description: StateDescription, name: string | null, validateSpec: (given: unknown) => Spec) {
	return name === null ? description : { ...description, spec: validateSpec({ ...description.spec, name }) };
}

async function unpackUpper(scratch: MoveDirectory): Promise<void> {
	const tar = startUnpacking(scratch.upper);
	try {
		for await (const part of createReadStream(join(scratch.path, "upper.tar"))) await tar.write(part as Buffer);
		await tar.finish();
	} finally {
		tar.kill();
	}
}

async function takeIn(
	parts: ImportParts,
	description: StateDescription,
	id: string,
	scratch: MoveDirectory,
	signal: AbortSignal,
): Promise<string> {
	const { migration, membership } = parts;
	const { state, runtime, images } = migration;
	const spec: Spec = { ...description.spec, replicas: 1 };
	if (outsideFilesOf(spec.volumes).length > 0)
		throw new SwarmError("refused", `Cannot import ${spec.name}: it has volumes, which an export does not hold`);
	const container = containerIdOf(spec.name, 0);
	const view = state.view();
	const known = view.specs.get(spec.name);
	if (known !== undefined && !known.removed)
		throw new SwarmError(
			"conflict",
			`Cannot import ${spec.name}: the name is taken, remove it first with \`swarm rm ${spec.name}\``,
		);
	const decision = decide({ view, membership, pending: [] }, spec, container, []);
	const unfit = decision.rows.find((row) => row.node === state.self)?.refusals ?? [];
	if (unfit.length > 0)
		throw new SwarmError("refused", `Cannot import ${spec.name} here: ${unfit.map(({ reason }) => reason).join("; ")}`);
	const holders = view.images.filter(({ name, digest }) => name === spec.image && digest === description.imageDigest);
	const image = await images.ensure(
		description.imageName,
		holders.map(({ node }) => node),
		signal,
	);
	if (image.digest !== description.imageDigest)
		throw new SwarmError("refused", `Cannot import ${spec.name}: ${description.imageName} is another image here`);
	if (description.memory !== null) await refuseUnfitMachine(parts, description, container);
	const epoch = (view.claims.get(container)?.epoch ?? 0) + 1;
	const revision = (known?.revision ?? 0) + 1;
	const wish = wishFor(parts, spec, revision, revision, description.memory === null ? "stopped" : "paused");
	await state.commit([wish, claimFor(parts, spec, container, epoch, revision)]);
	const fresh = () =>
		spec.network === "bridge"
			? freeAddress(state.view(), runtime.addresses(), () => migration.chance.fraction())
			: null;
	// Not before: from the call on it counts as taken.
	const address = description.memory === null ? fresh() : description.address;
	try {
		await make(parts, { container, epoch, revision, spec, image, address }, description, { id, scratch }, signal);
	} catch (thrown) {
		await parts.remove(spec.name, new AbortController().signal).catch(() => {});
		throw thrown;
	}
	return spec.name;
}

async function make(
	parts: ImportParts,
	create: CreateRequest,
	{ memory, createdAtMs, startedAtMs }: StateDescription,
	{ id, scratch }: { readonly id: string; readonly scratch: MoveDirectory },
	signal: AbortSignal,
): Promise<void> {
	const { runtime, state } = parts.migration;
	const { container, epoch, spec, revision } = create;
	const files = { upperDirectory: scratch.upper, logDirectory: scratch.log };
	if (memory === null) {
		await runtime.createFrom(create, files, signal);
		await runtime.stop(container, epoch, spec.stopGraceMs, signal);
		return;
	}
	if (runtime.checkpoints === null)
		throw new SwarmError("unsupported", `Cannot import ${spec.name}: no CRIU works here, see \`swarm doctor\``);
	const { manifest } = memory;
	const source = { createdAtMs, startedAtMs };
	await runtime.checkpoints.restore(
		{ create, imageDirectory: scratch.images, ...files, manifest, source, move: id },
		signal,
	);
	await state.commit([wishFor(parts, spec, revision + 1, revision, "running")]);
	if (spec.policy === "exclusive") await parts.migration.leases.acquire(container, epoch, LEASE_MS_MAX, signal);
	await runtime.checkpoints.release(container, epoch, signal);
}

/** As for a move from the machine that it was exported on, whose address and ports must be free again. */
async function refuseUnfitMachine(
	{ migration }: ImportParts,
	description: StateDescription,
	container: ContainerId,
): Promise<void> {
	const { memory, spec, imageName, imageDigest, address } = description;
	if (memory === null) return;
	const offer = { container, spec, imageName, imageDigest, address } as Offer;
	const checks = compare(memory.facts, await readTargetFacts(migration, offer, false, 0));
	const elsewhere = [...migration.state.view().containers.values()]
		.flat()
		.find((record) => record.address !== null && record.address === address && record.container !== container);
	const why = [
		...(checks.some(({ ok }) => !ok) ? [refusalOf(checks)] : []),
		...(elsewhere === undefined ? [] : [`its address ${address} is used by ${elsewhere.container}`]),
	];
	if (why.length > 0)
		throw new SwarmError("refused", `Cannot import ${spec.name} with its memory: ${why.join("; ")}`, {
			details: { checks },
		});
}

function wishFor(
	{ migration }: ImportParts,
	spec: Spec,
	revision: number,
	startRevision: number,
	desired: Desired,
): SpecRecord {
	const { state } = migration;
	const made = { time: state.time(), writer: state.self, removed: false };
	return { kind: "spec", name: spec.name, revision, startRevision, spec, desired, ...made };
}

function claimFor(
	{ migration }: ImportParts,
	spec: Spec,
	container: ContainerId,
	epoch: number,
	revision: number,
): ClaimRecord {
	const { state } = migration;
	const counts = { restarts: 0, restartsInRow: 0 };
	const party = { owner: state.self, writer: state.self, workload: spec.name };
	return {
		kind: "claim",
		container,
		epoch,
		revision,
		reason: "placed",
		move: null,
		time: state.time(),
		...party,
		...counts,
	};
}

function notExported(why: string): SwarmError {
	return new SwarmError("corrupt", `Cannot import: ${why}, wanted an archive of \`swarm export\``);
}
