// One node, composed of ports: its record, its reconcile loop, its events, its connections. The daemon and the simulator both
// make their nodes here. Must never import an adapter.

import type { ClusterView } from "../crdt/state.js";
import type { ImageRecord, Liveness, NodeId, NodeRecord } from "../model.js";
import type { Seen } from "./event-draft.js";
import { EventLog, eventsBetween, quotaEvent } from "./events.js";
import { votersOf } from "./lease/voters.js";
import { createOperations, type Operations } from "./operations.js";
import { type Paced, paced } from "./paced.js";
import { decide, snapshotsOf } from "./placement.js";
import { BOOT_SETTLE_MS } from "./plan.js";
import type { NodePorts } from "./ports.js";
import { Reconciler } from "./reconcile.js";
import { withoutVolumesOf } from "./volume-places.js";
import { type VolumeChanges, volumeChanges } from "./volume-records.js";
import { keepWarm } from "./warm-keeper.js";

/** After the first peer of this boot connected, so that the first exchange of documents is over. */
const CONNECTED_SETTLE_MS = 1_500;
/** A newcomer hears of the whole state from the first member that it is connected with: it waits so long for that, and until nothing comes for a moment. */
const TOLD_ALL_MS_MAX = 3_000;
const QUIET_MS = 150;
/** A push takes some ms; a lost one is repaired within the anti-entropy period. */
const TOLD_MS = 1_000;

export class NodeCore {
	readonly operations: Operations;
	readonly events = new EventLog();
	readonly #ports: NodePorts;
	readonly #reconciler: Reconciler;
	readonly #noting: Paced;
	readonly #undo: (() => void)[] = [];
	#settled = false;
	readonly #whenSettled = Promise.withResolvers<void>();
	#seen: Seen;
	/** Most changes are none of the nodes. */
	#followed: ClusterView["nodes"] | null = null;

	constructor(ports: NodePorts) {
		this.#ports = ports;
		this.#noting = paced(
			ports.clock,
			() => this.#noteEvents(),
			(begin) => begin(),
		);
		this.operations = createOperations(ports);
		this.#reconciler = new Reconciler(
			ports,
			() => this.#settled,
			(event) => this.events.add({ timeMs: ports.clock.nowMs(), ...event }),
		);
		this.#seen = this.#look(ports.state.view());
	}

	/** Publishes this node and begins to act on the view. */
	async start(): Promise<void> {
		const { state, membership, migrations, runtime } = this.#ports;
		const volumes = this.#volumeChanges();
		const records = [this.#record({ started: true }), ...this.#imageRecords(), ...volumes.records];
		await state.commit(records, [...this.#staleImages(), ...volumes.stale]);
		this.#settleLater();
		this.#undo.push(
			state.subscribe(() => this.#onView()),
			membership.subscribe(() => this.#noting.ask()),
			() => this.#noting.stop(),
			runtime.onQuotaChange((change) => this.events.add(quotaEvent(change, state.self, this.#ports.clock.nowMs()))),
			runtime.volumes.subscribe(() => {
				const changes = this.#volumeChanges();
				state.put(changes.records, changes.stale);
			}),
			keepWarm(this.#ports),
		);
		this.#onView();
		await this.#untilTold();
		await migrations.resumeAll(this.#whenSettled.promise);
		this.#reconciler.start();
	}

	async stop(): Promise<void> {
		for (const undo of this.#undo.splice(0)) undo();
		await this.#reconciler.stop();
		await this.#ports.migrations.stop();
	}

	/** Writes that this node has left: the others place its workloads again and forget its connections. */
	async markLeft(): Promise<void> {
		await this.#ports.state.commit([this.#record({ left: true })]);
	}

	/** Tells the cluster what this node is called now. */
	async announce(): Promise<void> {
		await this.#ports.state.commit([this.#record({})]);
	}

	/** Moves what runs here to where the scheduler would put it; what cannot move is placed anew by the others afterwards. */
	async moveAway(signal: AbortSignal): Promise<void> {
		const { state, membership, migrations, logger } = this.#ports;
		for (const row of this.operations.rows().filter((row) => row.owner === state.self && row.phase === "running")) {
			const { spec } = this.operations.resolve(row.container);
			// Its volumes move with it.
			const view = withoutVolumesOf(state.view(), state.self);
			const to = decide({ view, membership, pending: [] }, spec.spec, row.container, [state.self]).node;
			if (to === null) continue;
			try {
				await migrations.migrate(row.container, to, { onProgress: () => {}, signal });
			} catch (error) {
				logger.warn("a container does not move: it will be placed anew", {
					container: row.container,
					error: String(error),
				});
			}
		}
	}

	/** Waits until every connected peer has had the time to take what was committed (two rounds of the slow repair at most). */
	async told(signal: AbortSignal): Promise<void> {
		await this.#ports.clock.sleep(TOLD_MS, signal);
	}

	/** Tells the cluster which images are here; call after an import or a removal. Resolves when this node's view says it. */
	async publishImages(): Promise<void> {
		await this.#ports.state.commit(this.#imageRecords(), this.#staleImages());
	}

	/** Sum of what the containers on a node requested. */
	requestedOn(node: NodeId): { readonly cpus: number; readonly memoryBytes: number } {
		const facts = { view: this.#ports.state.view(), membership: this.#ports.membership, pending: [] };
		const snapshot = snapshotsOf(facts, null).find((candidate) => candidate.node === node);
		return snapshot?.requested ?? { cpus: 0, memoryBytes: 0 };
	}

	#record({ started = false, left = false }): NodeRecord {
		const { state, mesh, clock, own, labels, hardware, version, runtime } = this.#ports;
		const known = state.own("node");
		const before = known?.kind === "node" ? known : null;
		return {
			kind: "node",
			node: state.self,
			...own(),
			addresses: mesh.addresses(),
			labels,
			hardware,
			version,
			incarnation: (before?.incarnation ?? 0) + (started ? 1 : 0),
			joinedAtMs: before?.joinedAtMs ?? clock.nowMs(),
			left,
			limits: runtime.limits,
		};
	}

	/** A reader is given no work, so nobody fetches an image from it. */
	#imageRecords(): readonly ImageRecord[] {
		if (this.#ports.own().role === "reader") return [];
		return this.#ports.images
			.list()
			.map((image) => ({ kind: "image", node: this.#ports.state.self, ...image }) satisfies ImageRecord);
	}

	#volumeChanges(): VolumeChanges {
		const { state, runtime } = this.#ports;
		return volumeChanges(state.view(), state.self, runtime.volumes.list());
	}

	#staleImages(): readonly `image/${string}`[] {
		const here = new Set(this.#ports.images.list().map((image) => image.name));
		return this.#ports.state
			.view()
			.images.filter((image) => image.node === this.#ports.state.self && !here.has(image.name))
			.map((image) => `image/${image.name}` as const);
	}

	/** A node that has joined just now and knows nobody: what it is asked for before it has heard of the rest would contradict it. */
	async #untilTold(): Promise<void> {
		const { state, clock } = this.#ports;
		if (votersOf(state.view()).length > 0) return;
		const told = Promise.withResolvers<void>();
		let cancel = () => {};
		const undo = [
			clock.after(TOLD_ALL_MS_MAX, told.resolve),
			state.subscribe((view) => {
				cancel();
				if (votersOf(view).length > 0) cancel = clock.after(QUIET_MS, told.resolve);
			}),
		];
		try {
			await told.promise;
		} finally {
			for (const step of [...undo, cancel]) step();
		}
	}

	#settleLater(): void {
		const { mesh, clock, state } = this.#ports;
		const settle = () => {
			this.#settled = true;
			this.#whenSettled.resolve();
			this.#reconciler.ask();
		};
		const view = state.view();
		const others = [...view.nodes.values()].some((record) => record.node !== state.self && !record.left);
		// Who has joined just now knows nobody yet, and nothing of what is claimed; a founder votes from the beginning.
		if (!others && votersOf(view).includes(state.self)) {
			settle();
			return;
		}
		this.#undo.push(clock.after(BOOT_SETTLE_MS, settle));
		let heard = false;
		const onPeer = () => {
			if (heard) return;
			heard = true;
			this.#undo.push(clock.after(CONNECTED_SETTLE_MS, settle));
		};
		if (mesh.peers().length > 0) onPeer();
		else this.#undo.push(mesh.onPeer((event) => event.kind === "connected" && onPeer()));
	}

	#onView(): void {
		const { state, mesh, membership } = this.#ports;
		const { nodes } = state.view();
		if (nodes !== this.#followed) {
			const members = [...nodes.values()].filter((record) => !record.left && record.node !== state.self);
			membership.watch(members.map((record) => record.node));
			mesh.keepConnected(members.map(({ node, addresses }) => ({ node, addresses })));
		}
		this.#followed = nodes;
		this.#noting.ask();
	}

	#noteEvents(): void {
		const next = this.#look(this.#ports.state.view());
		const timeMs = this.#ports.clock.nowMs();
		for (const draft of eventsBetween(this.#seen, next)) this.events.add({ timeMs, ...draft });
		this.#seen = next;
	}

	#look(view: ClusterView): Seen {
		const { membership, state } = this.#ports;
		const liveness = new Map<NodeId, Liveness>();
		for (const record of view.nodes.values())
			liveness.set(
				record.node,
				record.left ? "left" : record.node === state.self ? "alive" : membership.liveness(record.node),
			);
		return { view, liveness };
	}
}
