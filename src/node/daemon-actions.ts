// What only the daemon as a whole can do for a caller: tell who it is, make tokens, take images, run once, end, leave.

import { join } from "node:path";
import { SwarmError } from "../errors.js";
import type { Libp2pMesh } from "../mesh/libp2p-mesh.js";
import { layoutArchive } from "../runtime/image/layout-archive.js";
import type { ImageStore, ImageSummary, ImportProgress } from "../runtime/image/store.js";
import { createAdmissionActions } from "./admission/actions.js";
import type { Tokens } from "./admission/tokens.js";
import type { ImageRow, Ping } from "./api/contract.js";
import type { DaemonActions } from "./api/router.js";
import { commitContainer } from "./commit.js";
import type { DaemonConfig } from "./config.js";
import type { NodeCore } from "./core.js";
import { createLocalPool } from "./local-pool.js";
import { runLocally } from "./local-runs.js";
import type { SplitKeeper } from "./partition/split-keeper.js";
import { freeAddress } from "./placement.js";
import type { NodePorts } from "./ports.js";
import { imageRows } from "./rows.js";
import { exportState, type StateArchiveParts } from "./state-archive/export.js";
import { importState } from "./state-archive/import.js";
import { keptArchive } from "./superseded.js";
import { dataOnlyOn } from "./volume-places.js";

export interface DaemonParts {
	readonly config: DaemonConfig;
	readonly mesh: Libp2pMesh;
	readonly store: ImageStore;
	readonly ports: NodePorts;
	readonly archives: StateArchiveParts;
	readonly core: NodeCore;
	readonly splits: SplitKeeper;
	readonly tokens: Tokens;
	readonly stop: () => void;
	/** Ends, and takes what the cluster knew with it. */
	readonly forget: () => void;
}

const BYTES_PER_MB = 1_000_000;

export function createDaemonActions(parts: DaemonParts): DaemonActions {
	const { config, mesh, store, ports, core } = parts;
	const pool = createLocalPool(ports.runtime.pool, ports.clock);
	return {
		ping: (): Ping => ({
			node: mesh.self,
			name: ports.own().name,
			cluster: mesh.cluster()?.clusterId ?? "",
			version: ports.version,
			pid: process.pid,
			stateDirectory: config.stateDirectory,
		}),
		stop: parts.stop,
		leave: (signal) => leave(parts, signal),
		...createAdmissionActions(parts),
		async importImage(path, name, onProgress, signal) {
			let step = "";
			const report = (progress: ImportProgress) => {
				if (progress.step === step) return;
				step = progress.step;
				onProgress(
					progress.totalBytes === null ? step : `${step} ${(progress.totalBytes / BYTES_PER_MB).toFixed(1)} MB`,
				);
			};
			const summary = await store.importArchive(path, { name, onProgress: report, signal });
			await pruneImages(store, ports);
			await core.publishImages();
			return rowOf(ports, ports.own().name, summary);
		},
		async commit(container, name, onProgress, signal) {
			const { runtime, clock } = ports;
			const directory = join(config.stateDirectory, "commits");
			const summary = await commitContainer({ runtime, store, clock, directory }, container, name, onProgress, signal);
			await pruneImages(store, ports);
			await core.publishImages();
			return rowOf(ports, ports.own().name, summary);
		},
		splits: () => parts.splits.splits(),
		keptArchive: (id, signal) => keptArchive(config.stateDirectory, id, parts.archives.migration, signal),
		exportState: (container, signal) => exportState(parts.archives, container, signal),
		async importState(archive, name, signal) {
			const { operations } = core;
			const remove = (workload: string, until: AbortSignal) => operations.remove(workload, until);
			const { membership } = ports;
			const workload = await importState({ ...parts.archives, membership, remove }, archive, name, signal);
			const isStopped = ports.state.view().specs.get(workload)?.desired === "stopped";
			// Nothing is left to do: both wait until the view says it.
			return isStopped ? operations.stop(workload, signal) : operations.resume(workload, signal);
		},
		exportImage: (name) => (store.get(name) === null ? null : layoutArchive(store, name)),
		async removeImage(name) {
			await store.remove(name, usersOf(ports, store, name));
			await core.publishImages();
		},
		run(request, signal) {
			const { runtime, images, clock, state, chance } = ports;
			const address = () => freeAddress(state.view(), runtime.addresses(), () => chance.fraction());
			return runLocally({ runtime, images, pool, clock, freeAddress: address }, request, signal);
		},
		requestedOn: (node) => core.requestedOn(node),
	};
}

/** Images whose last name a newer one took are deleted once no container here stands on them. */
async function pruneImages(store: ImageStore, ports: NodePorts): Promise<void> {
	const deleted = await store.prune(new Set(ports.runtime.list().map((held) => held.imageDigest)));
	if (deleted.length > 0) ports.logger.info("images without a name are deleted", { deleted });
}

/** As the view will have it once the record is written. */
function rowOf(ports: NodePorts, self: string, summary: ImageSummary): ImageRow {
	const known = imageRows(ports.state.view()).find((row) => row.name === summary.name && row.digest === summary.digest);
	const nodes = [...new Set([...(known?.nodes ?? []), self])].sort();
	return { name: summary.name, digest: summary.digest, sizeBytes: summary.sizeBytes, nodes };
}

function usersOf(ports: NodePorts, store: ImageStore, name: string): readonly string[] {
	const digest = store.get(name)?.digest ?? null;
	return ports.runtime
		.list()
		.filter((held) => held.imageDigest === digest)
		.map((held) => held.container);
}

/** Marks the node as left, ends and removes what runs here (the others place it again), forgets the cluster, ends. */
async function leave(parts: DaemonParts, signal: AbortSignal): Promise<void> {
	const { ports, core, mesh } = parts;
	const others = [...ports.state.view().nodes.values()].filter((record) => !record.left && record.node !== mesh.self);
	if (others.length > 0 && mesh.peers().length === 0)
		throw new SwarmError(
			"unreachable",
			"Cannot leave: no other node answers, so nobody would hear of it; connect first, or stop with `swarm node stop`",
		);
	await core.moveAway(signal);
	const data = others.length === 0 ? [] : await dataLeftBehind(ports, signal);
	if (data.length > 0)
		throw new SwarmError(
			"conflict",
			`Cannot leave: this node alone holds ${data.join(", ")}, which did not move (see \`swarm migrate --dry-run\`); move or remove these workloads first`,
		);
	await core.stop();
	await core.markLeft();
	for (const held of ports.runtime.list()) await ports.runtime.remove(held.container, held.epoch);
	await core.told(signal);
	await mesh.leaveCluster();
	parts.forget();
}

/** A move is told as done before its source has let go of the volumes. */
const LET_GO_MS_MAX = 10_000;
const LET_GO_LOOK_MS = 200;

async function dataLeftBehind({ state, clock }: NodePorts, signal: AbortSignal): Promise<readonly string[]> {
	const endMs = clock.monotonicMs() + LET_GO_MS_MAX;
	let data = dataOnlyOn(state.view(), state.self);
	while (data.length > 0 && clock.monotonicMs() < endMs) {
		await clock.sleep(LET_GO_LOOK_MS, signal);
		data = dataOnlyOn(state.view(), state.self);
	}
	return data;
}
