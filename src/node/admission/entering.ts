// How a daemon comes into its cluster at the start: as founder, with a token, or with what it kept; as what, under which name; and how
// it hears that it was forgotten. Must never: found a new cluster where an old one has forgotten the node.

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, systemClock } from "../../clock.js";
import { isForgotten } from "../../crdt/admissions.js";
import type { State } from "../../crdt/state.js";
import { SwarmError } from "../../errors.js";
import type { Logger } from "../../log.js";
import { verifyCertificate } from "../../mesh/cluster-authority.js";
import { createMesh, type Libp2pMesh } from "../../mesh/libp2p-mesh.js";
import type { Revocation } from "../../mesh/revocation.js";
import type { NodeId, NodeRole, RevocationRecord } from "../../model.js";
import type { DaemonConfig } from "../config.js";
import { refuseMarked, removeMark } from "./forgotten.js";
import { knownRevocation, type LateLedger } from "./ledger.js";
import { objectionToName } from "./names.js";

const JOIN_MS_MAX = 30_000;
const RENAME_MS_MAX = 10_000;
/** A member that can be reached refuses a forgotten node within some ms; who reaches nobody is not held up for long. */
const WORD_MS_MAX = 1_000;

export interface Entering {
	readonly config: DaemonConfig;
	readonly logger: Logger;
	readonly ledger: LateLedger;
	readonly onForgotten: (revocation: Revocation) => void;
}

/** Listens; in no cluster yet unless it was before. Code `refused` when this node was forgotten and has no token to join again. */
export async function openMesh({ config, logger, ledger, onForgotten }: Entering): Promise<Libp2pMesh> {
	const { stateDirectory, name, listenHost, listenPort, witness, join: joining } = config;
	if (joining === null) await refuseMarked(stateDirectory);
	const listen = `${listenHost}:${listenPort}`;
	return createMesh({
		...{ stateDirectory, name, listen, logger, ledger, onForgotten },
		role: witness ? "witness" : "member",
	});
}

/** `nowMs`: when it founds a cluster, if it does. */
export async function enterCluster(mesh: Libp2pMesh, config: DaemonConfig, nowMs: number): Promise<void> {
	if (config.join !== null) {
		await mesh.join(config.join.token, config.join.addresses, AbortSignal.timeout(JOIN_MS_MAX));
		await removeMark(config.stateDirectory);
	} else if (mesh.cluster() === null) await mesh.startCluster(nowMs);
	if (config.witness && mesh.roleOf(mesh.self) === "member") {
		await refuseContainers(config.stateDirectory);
		await mesh.becomeWitness();
	}
}

/** The name that was given at a start, where it is another than before. Codes `conflict`, `usage` on a reader. */
export async function takeName(mesh: Libp2pMesh, state: State, name: string, clock: Clock): Promise<void> {
	if (mesh.cluster()?.certificate.name === name) return;
	const why = objectionToName(state.view(), name, mesh.self, clock.nowMs());
	if (why !== null) throw new SwarmError("conflict", `Cannot start the node: ${why}, choose another with --name`);
	if (mesh.roleOf(mesh.self) === "reader")
		throw new SwarmError("usage", "Cannot start the node: a reader is renamed with `swarm node rename` while it runs");
	await mesh.rename(name, AbortSignal.timeout(RENAME_MS_MAX));
}

/** What a certificate makes of the writer of a document. It may have expired: its writer may be down. */
export function roleIn(mesh: Libp2pMesh, node: NodeId, certificate: Uint8Array): NodeRole | null {
	const trust = mesh.cluster()?.trust;
	if (trust === undefined) return null;
	try {
		return verifyCertificate(certificate, { trust, node, nowMs: null }).role;
	} catch {
		return null;
	}
}

/** Whether the node may give others a part of what it may do itself: not a reader, and not one that was forgotten. */
export function isStillMember(mesh: Libp2pMesh, state: State, node: NodeId, certificate: Uint8Array): boolean {
	const role = roleIn(mesh, node, certificate);
	const { nodes, revocations } = state.view();
	return role !== null && role !== "reader" && !isForgotten(nodes.get(node) ?? {}, revocations.get(node));
}

/** Cuts the links of whoever is forgotten, as soon as this node knows it; hears of it also when it is this node itself. */
export function heedRevocations(mesh: Libp2pMesh, state: State): () => void {
	let seen: ReadonlyMap<string, RevocationRecord> | null = null;
	const look = () => {
		const { revocations } = state.view();
		if (revocations === seen) return;
		seen = revocations;
		const own = knownRevocation(revocations.get(mesh.self));
		if (own !== null) mesh.toldForgotten(own.statement);
		mesh.recheck();
	};
	look();
	return state.subscribe(look);
}

/** Waits a moment for a member to answer before anything is started: null unless that one says that this node is forgotten. */
export async function wordOfPeers(
	mesh: Libp2pMesh,
	state: State,
	forgotten: Promise<Revocation>,
): Promise<Revocation | null> {
	const others = [...state.view().nodes.values()].some((record) => record.node !== mesh.self && !record.left);
	if (!others || mesh.peers().length > 0) return null;
	const answered = Promise.withResolvers<null>();
	const undo = [
		mesh.onPeer(() => answered.resolve(null)),
		systemClock.after(WORD_MS_MAX, () => answered.resolve(null)),
	];
	try {
		return await Promise.race([forgotten, answered.promise]);
	} finally {
		for (const step of undo) step();
	}
}

async function refuseContainers(stateDirectory: string): Promise<void> {
	const names = await readdir(join(stateDirectory, "containers")).catch((error: NodeJS.ErrnoException) => {
		if (error.code === "ENOENT") return [];
		throw error;
	});
	if (names.length === 0) return;
	const way = "move them with `swarm migrate` or remove their workloads first";
	throw new SwarmError("refused", `Cannot start as a witness: ${names.length} containers are on this node, ${way}`);
}
