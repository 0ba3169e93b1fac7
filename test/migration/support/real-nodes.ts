// Real runtimes with CRIU as the nodes of a small cluster in one process: documents in memory, streams in memory, everything else
// as in the daemon. Faults are set on the cluster: a cut link, a commit that fails, a call that is not answered.

import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { systemChance, systemClock } from "../../../src/clock.js";
import type { ClusterView, RecordKey, State } from "../../../src/crdt/state.js";
import { keyOf } from "../../../src/crdt/state.js";
import { viewOf } from "../../../src/crdt/view.js";
import { SwarmError } from "../../../src/errors.js";
import { createLogger } from "../../../src/log.js";
import type { Mesh, StreamHandler } from "../../../src/mesh/mesh.js";
import { createMigrations } from "../../../src/migration/coordinator.js";
import { createFileJournal } from "../../../src/migration/journal.js";
import { createMoveFiles } from "../../../src/migration/move-files.js";
import type { MigrationPorts, Migrations } from "../../../src/migration/ports.js";
import type { ClaimRecord, ContainerId, NodeId, Spec, StateRecord } from "../../../src/model.js";
import { loadNative } from "../../../src/native/binding.js";
import { nativePaths } from "../../../src/native/paths.js";
import { checkpointsWith } from "../../../src/runtime/checkpoint/checkpoints.js";
import { findCriu } from "../../../src/runtime/checkpoint/criu-installation.js";
import { openRuntime } from "../../../src/runtime/native-runtime.js";
import type { CreateRequest, PreparedImage, Runtime } from "../../../src/runtime/runtime.js";
import { createStreamPair } from "../../cluster/sim/sim-stream.js";
import { missingForContainers } from "../../support/native-world.js";
import { createMortal } from "./mortal.js";

/** Why containers cannot be moved here; null when they can. */
export function missingForMoves(): string | null {
	return missingForContainers() ?? (findCriu() === null ? "a CRIU that works here (bash scripts/criu.sh)" : null);
}

export interface RealNode {
	readonly id: NodeId;
	readonly scope: string;
	readonly directory: string;
	readonly runtime: Runtime;
	readonly migrations: Migrations;
	/** Replaces ports of the next `restart`. */
	meddle: (ports: MigrationPorts) => MigrationPorts;
	/** The daemon is gone at once: streams break, calls under way are never answered. */
	kill(): void;
	/** Another daemon opens over what the killed one left. */
	restart(): Promise<void>;
}

export interface RealCluster {
	readonly nodes: readonly RealNode[];
	readonly image: PreparedImage;
	/** No stream between them any more, and none can be opened. Records are not told either. */
	cut: boolean;
	view(node: RealNode): ClusterView;
	/** Creates, claims and starts it on a node. */
	run(node: RealNode, request: CreateRequest): Promise<void>;
	dispose(): Promise<void>;
}

const never = new AbortController().signal;
let clusters = 0;

export async function openRealCluster(
	count: number,
	image: (directory: string) => PreparedImage,
	/** Containers that stand ready at most: a daemon that is killed here goes on making them, which a real one does not. */
	standingMax?: number,
): Promise<RealCluster> {
	const name = `m${process.pid}c${++clusters}`;
	const directory = mkdtempSync(join("/var/tmp", `swarm-${name}-`));
	const documents = new Map<NodeId, Map<RecordKey, StateRecord>>();
	const listeners = new Map<NodeId, Set<(view: ClusterView) => void>>();
	const handlers = new Map<NodeId, Map<string, StreamHandler>>();
	const breaks = new Set<(why: string) => void>();
	let cut = false;

	const viewFor = (self: NodeId): ClusterView => {
		const seen = [...documents].filter(([node]) => !cut || node === self);
		return viewOf(seen.map(([writer, records]) => ({ writer, generation: 1, records })));
	};
	const tell = () => {
		for (const [node, own] of listeners) for (const listener of [...own]) listener(viewFor(node));
	};
	const stateFor = (self: NodeId): MigrationPorts["state"] => {
		const write: State["put"] = (records, drop = []) => {
			const own = documents.get(self) as Map<RecordKey, StateRecord>;
			for (const record of records) own.set(keyOf(record), record);
			for (const key of drop) own.delete(key);
			queueMicrotask(tell);
		};
		return {
			self,
			view: () => viewFor(self),
			own: (key) => documents.get(self)?.get(key) ?? null,
			async commit(records, drop) {
				write(records, drop);
			},
			put: write,
			time: () => ({ ms: Date.now(), logical: 0 }),
			subscribe(listener) {
				listeners.get(self)?.add(listener);
				return () => void listeners.get(self)?.delete(listener);
			},
		};
	};
	const meshFor = (self: NodeId): Pick<Mesh, "handle" | "open"> => ({
		handle: (protocol, handler) => void handlers.get(self)?.set(protocol, handler),
		async open(to, protocol) {
			const handler = handlers.get(to)?.get(protocol);
			if (cut || handler === undefined) throw new SwarmError("unreachable", `Cannot reach ${to}: the link is cut`);
			const [near, far] = createStreamPair(self, to, (_, deliver) => queueMicrotask(deliver));
			breaks.add(near.breakOff);
			handler(far.stream).catch((thrown: unknown) => far.stream.abort(thrown as Error));
			return near.stream;
		},
	});

	const prepared = image(directory);
	const nodes: RealNode[] = [];
	for (let index = 0; index < count; index++) nodes.push(await openNode(index));

	async function openNode(index: number): Promise<RealNode> {
		const id = `node-${index}` as NodeId;
		const scope = `${name}n${index}`;
		const own = join(directory, scope);
		mkdirSync(own);
		documents.set(id, new Map());
		listeners.set(id, new Set());
		handlers.set(id, new Map());
		const open = async (meddle: RealNode["meddle"]) => {
			listeners.get(id)?.clear();
			handlers.get(id)?.clear();
			const mortal = createMortal();
			const runtime = await openTestRuntime(own, scope, standingMax);
			const ports = meddle(portsOf(id, own, runtime));
			const { state, mesh, journal, files, clock } = ports;
			const migrations = createMigrations({
				...ports,
				...{ state: mortal.wrap(state), mesh: mortal.wrap(mesh), journal: mortal.wrap(journal) },
				...{ files: mortal.wrap(files), clock: mortal.wrap(clock), runtime: mortal.wrap(ports.runtime) },
			});
			await migrations.resumeAll(Promise.resolve());
			return { runtime, migrations, mortal };
		};
		let opened = await open((ports) => ports);
		const node: RealNode = {
			id,
			scope,
			directory: own,
			get runtime() {
				return opened.runtime;
			},
			get migrations() {
				return opened.migrations;
			},
			meddle: (ports) => ports,
			kill() {
				opened.mortal.kill();
				handlers.get(id)?.clear();
				for (const breakOff of breaks) breakOff("the daemon was killed");
				breaks.clear();
			},
			async restart() {
				opened = await open(node.meddle);
			},
		};
		return node;
	}

	function portsOf(id: NodeId, own: string, runtime: Runtime): MigrationPorts {
		return {
			state: stateFor(id),
			mesh: meshFor(id),
			runtime,
			images: {
				list: () => [{ name: prepared.name, digest: prepared.digest, sizeBytes: 0 }],
				ensure: async () => prepared,
			},
			leases: { release() {}, reclaim() {}, acquire: async () => {} },
			journal: createFileJournal(join(own, "move-journal")),
			files: createMoveFiles(join(own, "moves")),
			facts: async () => ({
				machine: { architecture: "x64", cpuFlags: [], kernel: "test", criuVersion: "test", kernelFeatures: [] },
				memoryBytesFree: 2 ** 40,
				leaving: false,
			}),
			validateSpec: (given) => given as Spec,
			clock: systemClock,
			chance: systemChance,
			logger: testLogger.with({ node: id }),
		};
	}

	return {
		nodes,
		image: prepared,
		get cut() {
			return cut;
		},
		set cut(value) {
			cut = value;
			if (value) for (const breakOff of breaks) breakOff("the link was cut");
			breaks.clear();
			tell();
		},
		view: (node) => viewFor(node.id),
		async run(node, request) {
			await node.runtime.create(request, never);
			await node.runtime.start(request.container, request.epoch, never);
			documents.get(node.id)?.set(`claim/${request.container}`, claimOf(node.id, request.container));
		},
		async dispose() {
			for (const node of nodes) {
				await node.migrations.stop();
				for (const { container, epoch } of node.runtime.list()) await node.runtime.remove(container, epoch + 10);
				await node.runtime.close();
			}
			rmSync(directory, { recursive: true });
		},
	};
}

/** What a node has of moves on its disk: must be nothing when all are over. */
export function leftoversOf(node: RealNode): readonly string[] {
	return ["moves", "move-journal"].flatMap((name) => readdirSync(join(node.directory, name)));
}

const testLogger = createLogger(
	(line) => void process.stderr.write(line),
	process.env.SWARM_TEST_LOG ? "debug" : "error",
);

function openTestRuntime(stateDirectory: string, scope: string, standingMax?: number): Promise<Runtime> {
	const paths = nativePaths();
	const checkpoints = checkpointsWith(findCriu());
	const native = loadNative(paths);
	const standing = standingMax === undefined ? {} : { standingMax };
	return openRuntime({
		...{ stateDirectory, scope, native, paths, clock: systemClock, logger: testLogger, checkpoints },
		...standing,
	});
}

function claimOf(owner: NodeId, container: ContainerId): ClaimRecord {
	return {
		...{ kind: "claim", container, epoch: 1, owner, writer: owner, workload: container.split(".")[0] ?? "" },
		...{
			revision: 1,
			reason: "placed",
			move: null,
			restarts: 0,
			restartsInRow: 0,
			time: { ms: Date.now(), logical: 0 },
		},
	};
}
