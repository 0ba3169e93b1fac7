// Sends this node's heartbeat once a second, listens to the others' and says who is alive. Decisions are in liveness.ts.
// Must never: judge while this process itself was stalled (awake-clock.ts), let a bad heartbeat do more than be ignored.

import type { Clock } from "../clock.js";
import { asSwarmError } from "../errors.js";
import type { Logger } from "../log.js";
import type { Liveness, NodeId, NodeSample } from "../model.js";
import { type AwakeTime, notYetAwake, tick } from "./awake-clock.js";
import { decodeHeartbeat, encodeHeartbeat, type Heartbeat } from "./heartbeat.js";
import { type Count, HEARTBEAT_MS, heard, type Life, livenessOf, refuted, watched } from "./liveness.js";
import type { Mesh } from "./mesh.js";

/** How often verdicts are looked at; heartbeats go out at every second look. */
const LOOK_MS = HEARTBEAT_MS / 2;
/** Nodes that are remembered; far above the size of a cluster. */
const NODES_MAX = 1024;
/** Weight of the newest round trip in the average. */
const RTT_WEIGHT = 0.3;

export interface LivenessChange {
	readonly node: NodeId;
	readonly from: Liveness;
	readonly to: Liveness;
}

export interface MembershipOptions {
	readonly mesh: Mesh;
	readonly clock: Clock;
	readonly logger: Logger;
	/** Higher at every start of the daemon; it is raised further when peers already know a higher one. */
	readonly incarnation: number;
	/** What this machine is like now. Called once a second; one that fails is told as "unknown". */
	sample(): NodeSample | Promise<NodeSample>;
}

interface Peer {
	life: Life;
	liveness: Liveness;
	sample: NodeSample | null;
	/** Of the last heartbeat from the node itself. */
	echo: { readonly sentAtMs: number; readonly arrivedAtMs: number } | null;
	rttMs: number | null;
}

export class Membership {
	readonly #options: MembershipOptions;
	readonly #peers = new Map<NodeId, Peer>();
	readonly #listeners = new Set<(change: LivenessChange) => void>();
	#members: ReadonlySet<NodeId> = new Set();
	#own: Count;
	#sample: NodeSample | null = null;
	#sampling = false;
	#awake: AwakeTime = notYetAwake;
	#looks = 0;
	#started = false;
	#undo: (() => void)[] = [];

	constructor(options: MembershipOptions) {
		this.#options = options;
		this.#own = { incarnation: options.incarnation, sequence: 0, left: false };
	}

	start(): void {
		if (this.#started) return;
		this.#started = true;
		const { mesh } = this.#options;
		this.#undo = [
			mesh.onFrame("heartbeat", (from, frame) => this.#onHeartbeat(from, frame)),
			mesh.onPeer(({ kind, node }) => {
				if (kind === "connected") mesh.send(node, "heartbeat", this.#nextHeartbeat());
			}),
		];
		this.#look();
	}

	/** With `leaving` the others are told that this node does not come back. */
	stop(options: { readonly leaving: boolean }): void {
		if (!this.#started) return;
		this.#started = false;
		if (options.leaving) {
			this.#own = { ...this.#own, left: true };
			this.#options.mesh.broadcast("heartbeat", this.#nextHeartbeat());
		}
		for (const undo of this.#undo) undo();
		this.#undo = [];
	}

	/** The nodes to judge, also those that were never heard; call again whenever the set changes. */
	watch(members: readonly NodeId[]): void {
		this.#members = new Set(members.slice(0, NODES_MAX));
		for (const node of this.#members) this.#peerFor(node);
	}

	/** This node's own, as peers know it. */
	incarnation(): number {
		return this.#own.incarnation;
	}

	/** `down` for a node that is not known at all. */
	liveness(node: NodeId): Liveness {
		if (node === this.#options.mesh.self) return this.#own.left ? "left" : "alive";
		return this.#peers.get(node)?.liveness ?? "down";
	}

	/** The last one that came straight from the node (or this node's own); null before that and for a node that is down. */
	sample(node: NodeId): NodeSample | null {
		if (node === this.#options.mesh.self) return this.#sample;
		const peer = this.#peers.get(node);
		return peer === undefined || peer.liveness === "down" || peer.liveness === "left" ? null : peer.sample;
	}

	/** Milliseconds since news of the node came, straight or through others; null before the first. */
	lastHeardMs(node: NodeId): number | null {
		if (node === this.#options.mesh.self) return 0;
		const life = this.#peers.get(node)?.life;
		return life === undefined || life.count === null ? null : Math.max(0, this.#awake.awakeMs - life.newsAtMs);
	}

	/** Smoothed round trip of heartbeats, queues included; null until measured. */
	rttMs(node: NodeId): number | null {
		return node === this.#options.mesh.self ? 0 : (this.#peers.get(node)?.rttMs ?? null);
	}

	subscribe(listener: (change: LivenessChange) => void): () => void {
		this.#listeners.add(listener);
		return () => void this.#listeners.delete(listener);
	}

	#look(): void {
		if (!this.#started) return;
		const { clock, mesh } = this.#options;
		this.#undo[2] = clock.after(LOOK_MS, () => this.#look());
		this.#awake = tick(this.#awake, clock.monotonicMs());
		if (this.#looks++ % 2 === 0) {
			this.#takeSample();
			mesh.broadcast("heartbeat", this.#nextHeartbeat());
		}
		for (const [node, peer] of this.#peers) {
			this.#judge(node, peer);
			const gone = peer.liveness === "down" || peer.liveness === "left";
			if (gone && !this.#members.has(node)) this.#peers.delete(node);
		}
	}

	#onHeartbeat(from: NodeId, frame: Uint8Array): void {
		let beat: Heartbeat;
		try {
			beat = decodeHeartbeat(frame);
		} catch (thrown) {
			const error = asSwarmError(thrown, "read a heartbeat");
			this.#options.logger.warn("ignored a heartbeat", { peer: from, reason: error.message });
			this.#options.mesh.complain(from, error);
			return;
		}
		const arrivedAtMs = this.#options.clock.monotonicMs();
		this.#awake = tick(this.#awake, arrivedAtMs);
		const peer = this.#peerFor(from);
		if (peer === null) return;
		peer.echo = { sentAtMs: beat.sentAtMs, arrivedAtMs };
		peer.sample = beat.sample;
		this.#hear(from, peer, beat);
		for (const told of beat.heard) {
			if (told.node === this.#options.mesh.self) {
				this.#own = { ...this.#own, incarnation: refuted(this.#own, told) };
				if (told.echoSentAtMs !== null) measure(peer, arrivedAtMs - told.echoSentAtMs - told.echoHeldMs);
			} else if (this.#members.has(told.node)) {
				const about = this.#peerFor(told.node);
				if (about !== null) this.#hear(told.node, about, told);
			}
		}
	}

	#hear(node: NodeId, peer: Peer, count: Count): void {
		const { incarnation, sequence, left } = count;
		peer.life = heard(peer.life, { incarnation, sequence, left }, this.#awake.awakeMs);
		this.#judge(node, peer);
	}

	#judge(node: NodeId, peer: Peer): void {
		const from = peer.liveness;
		const to = livenessOf(peer.life, this.#awake.awakeMs);
		if (from === to) return;
		peer.liveness = to;
		this.#options.logger.info("liveness changed", { peer: node, from, to });
		for (const listener of this.#listeners) listener({ node, from, to });
	}

	#nextHeartbeat(): Uint8Array {
		this.#own = { ...this.#own, sequence: this.#own.sequence + 1 };
		const sentAtMs = this.#options.clock.monotonicMs();
		const told = [...this.#peers].flatMap(([node, { life, echo }]) => {
			if (life.count === null) return [];
			const echoHeldMs = echo === null ? 0 : Math.max(0, sentAtMs - echo.arrivedAtMs);
			return [{ node, ...life.count, echoSentAtMs: echo?.sentAtMs ?? null, echoHeldMs }];
		});
		return encodeHeartbeat({ ...this.#own, sentAtMs, sample: this.#sample, heard: told });
	}

	/** null when too many nodes are remembered already. */
	#peerFor(node: NodeId): Peer | null {
		const known = this.#peers.get(node);
		if (known !== undefined) return known;
		if (node === this.#options.mesh.self || this.#peers.size >= NODES_MAX) return null;
		const life = watched(this.#awake.awakeMs);
		const peer: Peer = { life, liveness: livenessOf(life, this.#awake.awakeMs), sample: null, echo: null, rttMs: null };
		this.#peers.set(node, peer);
		return peer;
	}

	/** For the next heartbeat; a slow sampler delays its own figures, not the heartbeat. */
	#takeSample(): void {
		if (this.#sampling) return;
		this.#sampling = true;
		Promise.resolve()
			.then(() => this.#options.sample())
			.then(
				(sample) => {
					const first = this.#sample === null;
					this.#sample = sample;
					if (first && this.#started) this.#options.mesh.broadcast("heartbeat", this.#nextHeartbeat());
				},
				(thrown) => {
					this.#sample = null;
					const { message } = asSwarmError(thrown, "take a sample");
					this.#options.logger.warn("no sample of this machine", { reason: message });
				},
			)
			.finally(() => {
				this.#sampling = false;
			});
	}
}

function measure(peer: Peer, rttMs: number): void {
	if (rttMs < 0) return;
	peer.rttMs = peer.rttMs === null ? rttMs : peer.rttMs * (1 - RTT_WEIGHT) + rttMs * RTT_WEIGHT;
}
