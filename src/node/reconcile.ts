// Carries out the plan: asks `plan`, runs one effect per container at a time, publishes what the runtime says, and asks
// again after every change. Must never decide what plan.ts decides; a failed effect is tried again with back-off and
// stands in the container's record until then.

import type { ClusterView } from "../crdt/state.js";
import { asSwarmError, SwarmError } from "../errors.js";
import {
	type ClaimRecord,
	type ContainerHealth,
	type ContainerId,
	type ContainerRecord,
	type NodeId,
	type SpecRecord,
	workloadOf,
} from "../model.js";
import { hasEnded } from "../runtime/life-cycle.js";
import type { ContainerState } from "../runtime/runtime.js";
import type { Draft } from "./event-draft.js";
import { supersededEvent } from "./events.js";
import { HealthChecks } from "./health/checks.js";
import { isMajorityAlive, leasesWanted } from "./lease/voters.js";
import { type Paced, paced } from "./paced.js";
import { decide, freeAddress, refusalsOf } from "./placement.js";
import { type Effect, LOCAL_RUN_PREFIX, plan } from "./plan.js";
import type { NodePorts } from "./ports.js";

const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 30_000;
/** A limit that the kernel does not take now: nothing else of the container waits for long. */
const UPDATE_RETRY_MS = 5_000;
const TICK_MS = 1_000;
/** Voters that still wait for the end of another's lease. */
const LEASE_RETRY_MS = 2_000;

interface Failure {
	readonly epoch: number;
	/** Whether the workload was removed then: a change of mind ends the wait. */
	readonly removed: boolean;
	readonly attempts: number;
	/** Monotonic; Infinity: not before something changes (a new epoch). */
	readonly untilMs: number;
}

export class Reconciler {
	readonly #ports: NodePorts;
	readonly #isSettled: () => boolean;
	readonly #tell: (event: Draft) => void;
	readonly #busy = new Set<ContainerId>();
	readonly #failures = new Map<ContainerId, Failure>();
	readonly #downSince = new Map<NodeId, number>();
	readonly #stopped = new AbortController();
	readonly #health: HealthChecks;
	readonly #undo: (() => void)[] = [];
	readonly #running = new Set<Promise<void>>();
	readonly #rounds: Paced;
	#cancelTick: () => void = () => {};

	constructor(ports: NodePorts, isSettled: () => boolean, tell: (event: Draft) => void) {
		this.#ports = ports;
		this.#tell = tell;
		this.#rounds = paced(ports.clock, () => this.#round());
		this.#isSettled = isSettled;
		const { runtime, probe, clock, logger, state } = ports;
		this.#health = new HealthChecks({
			...{ runtime, probe, clock, logger },
			known(container, epoch) {
				const record = state.own(`container/${container}`);
				return record?.kind === "container" && record.epoch === epoch ? record.health : null;
			},
			onChange: (container) => this.#onHealth(container),
		});
	}

	start(): void {
		const { state, runtime, membership, migrations, leases } = this.#ports;
		this.#undo.push(
			leases.subscribe(() => this.ask()),
			state.subscribe(() => this.ask()),
			runtime.subscribe((changed) => {
				if (changed.container.startsWith(LOCAL_RUN_PREFIX)) return;
				this.#publish(changed);
				this.ask();
			}),
			membership.subscribe(() => this.ask()),
			migrations.subscribe(() => this.ask()),
		);
		this.#health.start();
		this.#publishAll();
		this.#tick();
	}

	/** Plans again soon; calls in between are one. */
	ask(): void {
		if (!this.#stopped.signal.aborted) this.#rounds.ask();
	}

	/** Waits for the effects under way; starts no more. */
	async stop(): Promise<void> {
		this.#stopped.abort(new Error("the daemon is stopping"));
		this.#rounds.stop();
		this.#cancelTick();
		this.#health.stop();
		for (const undo of this.#undo.splice(0)) undo();
		await Promise.allSettled([...this.#running]);
	}

	#tick(): void {
		if (this.#stopped.signal.aborted) return;
		this.ask();
		this.#cancelTick = this.#ports.clock.after(TICK_MS, () => this.#tick());
	}

	#round(): void {
		const { state, runtime, membership, migrations, leases, clock } = this.#ports;
		const view = state.view();
		this.#noteDown(view);
		const readOnly = state.readOnly();
		const isTwin = readOnly?.code === "conflict";
		const leased = isTwin ? new Map<ContainerId, number>() : leasesWanted(view, state.self);
		leases.keep(leased);
		// One that was removed for a spec that lost since: what its removal released is wanted again.
		for (const container of leased.keys())
			if (runtime.get(container) === null && !this.#busy.has(container)) leases.reclaim(container);
		if (isTwin) this.#freezeAll(view);
		// What it cannot read may say anything: what runs goes on as it is.
		if (readOnly !== null) return;
		leases.forget((container) => view.specs.get(workloadOf(container))?.removed === true);
		const liveness = (node: NodeId) => (node === state.self ? "alive" : membership.liveness(node));
		const effects = plan({
			self: state.self,
			view,
			states: new Map(
				runtime
					.list()
					.filter((held) => !held.container.startsWith(LOCAL_RUN_PREFIX))
					.map((held) => [held.container, held]),
			),
			health: (container) => this.#health.of(container),
			liveness,
			leases: {
				holds: (container, epoch) => leases.holds(container, epoch),
				outbidAbove: (container, epoch) => leases.outbidAbove(container, epoch),
				isMajorityAlive: isMajorityAlive(view, (node) => liveness(node) === "alive"),
			},
			downForMs: (node) => this.#downForMs(node),
			moving: migrations.moving(),
			backingOff: this.#backingOff(view),
			settled: this.#isSettled(),
			nowMs: clock.nowMs(),
		});
		for (const effect of effects) if (!this.#busy.has(effect.container)) this.#launch(effect, view);
	}

	/** Whoever runs as this node elsewhere has the right to its containers. */
	#freezeAll(view: ClusterView): void {
		for (const { container, epoch, phase } of this.#ports.runtime.list()) {
			if (phase !== "running" || this.#busy.has(container)) continue;
			this.#launch({ kind: "pause", container, epoch }, view);
		}
	}

	#noteDown(view: ClusterView): void {
		for (const record of view.nodes.values()) {
			const liveness = record.left ? "left" : this.#ports.membership.liveness(record.node);
			const gone = record.node !== this.#ports.state.self && (liveness === "down" || liveness === "left");
			if (!gone) this.#downSince.delete(record.node);
			else if (!this.#downSince.has(record.node))
				this.#downSince.set(record.node, liveness === "left" ? -Infinity : this.#ports.clock.monotonicMs());
		}
	}

	#downForMs(node: NodeId): number {
		const since = this.#downSince.get(node);
		return since === undefined ? 0 : this.#ports.clock.monotonicMs() - since;
	}

	#backingOff(view: ClusterView): ReadonlySet<ContainerId> {
		const nowMs = this.#ports.clock.monotonicMs();
		const waiting = new Set<ContainerId>();
		for (const [container, failure] of this.#failures) {
			const epoch = view.claims.get(container)?.epoch ?? 0;
			if (epoch !== failure.epoch || isRemoved(view, container) !== failure.removed) this.#failures.delete(container);
			else if (nowMs < failure.untilMs) waiting.add(container);
		}
		return waiting;
	}

	#launch(effect: Effect, view: ClusterView): void {
		this.#busy.add(effect.container);
		const run = this.#carryOut(effect, view)
			.then(
				() => {
					this.#failures.delete(effect.container);
				},
				(thrown: unknown) => this.#failed(effect, asSwarmError(thrown, `${effect.kind} ${effect.container}`)),
			)
			.finally(() => {
				this.#busy.delete(effect.container);
				this.#running.delete(run);
				this.ask();
			});
		this.#running.add(run);
	}

	#failed(effect: Effect, error: SwarmError): void {
		if (this.#stopped.signal.aborted) return;
		const view = this.#ports.state.view();
		const epoch = view.claims.get(effect.container)?.epoch ?? 0;
		const held = this.#ports.runtime.get(effect.container);
		if (effect.kind === "run" && held?.epoch === epoch && hasEnded(held.phase)) {
			// Its end is on record: from here on its restart policy decides.
			this.#failures.delete(effect.container);
			this.#ports.logger.warn("a container cannot be started", { container: effect.container, epoch, error });
			return;
		}
		const removed = isRemoved(view, effect.container);
		const attempts = (this.#failures.get(effect.container)?.attempts ?? 0) + 1;
		const delayMs = retryDelayMs(effect, attempts);
		const final = effect.kind === "run" && !error.retryable;
		const untilMs = final ? Number.POSITIVE_INFINITY : this.#ports.clock.monotonicMs() + delayMs;
		this.#failures.set(effect.container, { epoch, removed, attempts, untilMs });
		this.#ports.logger.warn("effect failed", { effect: effect.kind, container: effect.container, attempts, error });
		if (effect.kind === "run" && held === null && !this.#isGone(effect.claim.workload))
			this.#ports.state.put([failedRecord(effect.claim, this.#ports.state.self, error, this.#ports.clock.nowMs())]);
	}

	async #carryOut(effect: Effect, view: ClusterView): Promise<void> {
		const { runtime, leases } = this.#ports;
		switch (effect.kind) {
			case "run":
				return this.#runOrOutbid(effect, view);
			case "stop":
				await runtime.stop(effect.container, effect.epoch, effect.graceMs, this.#stopped.signal);
				leases.release(effect.container);
				return;
			case "pause":
				await runtime.pause(effect.container, effect.epoch);
				return;
			case "resume":
				await leases.arm(effect.container, effect.epoch);
				await runtime.resume(effect.container, effect.epoch);
				return;
			case "update":
				await runtime.update(effect.container, effect.epoch, effect.spec.revision, effect.spec.spec.resources);
				return;
			case "remove":
				return this.#remove(effect.container, effect.epoch);
			case "supersede":
				return this.#supersede(effect.container, effect.winner);
			case "place":
				return this.#place(effect, view);
			case "claim":
				return this.#claim(effect);
		}
	}

	/** This machine may have seen higher epochs than the view has (a removed workload's name again): then claim above them. */
	async #runOrOutbid(effect: Extract<Effect, { kind: "run" }>, view: ClusterView): Promise<void> {
		const { claim, container, spec } = effect;
		try {
			await this.#run(claim, spec, view);
		} catch (thrown) {
			const seen = thrown instanceof SwarmError && thrown.code === "fenced" ? thrown.details.seen : null;
			if (typeof seen !== "number" || seen < claim.epoch) throw thrown;
			const { restarts, restartsInRow } = claim;
			const epoch = seen + 1;
			await this.#claim({ kind: "claim", container, epoch, spec, reason: "restarted", restarts, restartsInRow });
		}
	}

	async #run(claim: ClaimRecord, spec: SpecRecord, view: ClusterView): Promise<void> {
		const { runtime, images, chance } = this.#ports;
		const signal = this.#stopped.signal;
		const held = runtime.get(claim.container);
		// `swarm start` keeps what the container wrote; any other claim begins anew.
		const again = held !== null && held.epoch < claim.epoch && claim.reason === "restarted";
		if (held !== null && held.epoch < claim.epoch) {
			// Of the same revision: the losing copy of a split, on the node that the winning one comes to.
			if (!again && held.revision === claim.revision) await this.#supersede(claim.container, claim);
			else if (!again) await runtime.remove(claim.container, held.epoch);
			else {
				if (held.phase === "running" || held.phase === "paused")
					await runtime.stop(claim.container, held.epoch, spec.spec.stopGraceMs, signal);
				await runtime.reset(claim.container, claim.epoch, claim.revision, signal);
			}
		}
		if (runtime.get(claim.container) === null) {
			const holders = view.images.filter((image) => image.name === spec.spec.image).map((image) => image.node);
			const image = await images.ensure(spec.spec.image, holders, signal);
			if (this.#isGone(claim.workload)) return;
			const address =
				spec.spec.network === "bridge" ? freeAddress(view, runtime.addresses(), () => chance.fraction()) : null;
			const { container, epoch, revision } = claim;
			await runtime.create({ container, epoch, revision, spec: spec.spec, image, address }, signal);
			if (this.#isGone(claim.workload)) return this.#remove(container, epoch);
		}
		await this.#ports.leases.arm(claim.container, claim.epoch);
		await runtime.start(claim.container, claim.epoch, signal);
	}

	/** Of one that was wanted: an image can take longer to come than a tombstone stays, and then nothing says any more that it is unwanted. */
	#isGone(workload: string): boolean {
		return this.#ports.state.view().specs.get(workload)?.removed !== false;
	}

	async #remove(container: ContainerId, epoch: number): Promise<void> {
		const { runtime, leases, state } = this.#ports;
		await runtime.remove(container, epoch);
		leases.release(container);
		state.put([], [`container/${container}`]);
	}

	async #supersede(container: ContainerId, winner: ClaimRecord): Promise<void> {
		const { runtime, keepSuperseded, logger, state, leases } = this.#ports;
		const held = runtime.get(container);
		if (held === null) return;
		const kept = await keepSuperseded(held, runtime);
		await runtime.remove(container, held.epoch);
		if (winner.owner !== state.self) leases.release(container);
		state.put([], [`container/${container}`]);
		logger.warn("another copy won: this one is stopped and kept", { container, winner: winner.owner, kept });
		this.#tell(supersededEvent(state.view(), held, winner, state.self, kept));
	}

	async #place(effect: Extract<Effect, { kind: "place" }>, view: ClusterView): Promise<void> {
		const { membership, state } = this.#ports;
		const facts = { view, membership, pending: [] };
		const before = view.claims.get(effect.container);
		const carried = effect.reason === "adopted" ? before : undefined;
		const decision = decide(facts, effect.spec.spec, effect.container, effect.exclude);
		if (decision.node === null) {
			const message = `Cannot place ${effect.container}: no node fits: ${refusalsOf(decision)}`;
			throw new SwarmError("refused", message, { retryable: true });
		}
		const epoch = await this.#grantable(effect, decision.node);
		await state.commit([
			{
				kind: "claim",
				container: effect.container,
				epoch,
				owner: decision.node,
				writer: state.self,
				workload: effect.spec.name,
				revision: effect.spec.revision,
				reason: effect.reason,
				move: null,
				restarts: carried?.restarts ?? 0,
				restartsInRow: carried?.restartsInRow ?? 0,
				time: state.time(),
			},
		]);
	}

	/** The epoch to claim it under for `owner`. Of an exclusive one only when a majority would give it the lease: a claim ends what runs. */
	async #grantable(effect: Extract<Effect, { kind: "place" | "claim" }>, owner: NodeId): Promise<number> {
		const { container, spec, reason, epoch } = effect;
		if (spec.spec.policy !== "exclusive" || reason !== "adopted") return epoch;
		const { granted, epochPromised } = await this.#ports.leases.wouldGrant(container, epoch, owner);
		if (granted) return epoch;
		const above = epochPromised + 1;
		if (above > epoch && (await this.#ports.leases.wouldGrant(container, above, owner)).granted) return above;
		const message = `Cannot take ${container} over: no majority gives a lease for it, the one of its last owner may hold`;
		throw new SwarmError("refused", message, { retryable: true });
	}

	async #claim(effect: Extract<Effect, { kind: "claim" }>): Promise<void> {
		const { state, runtime } = this.#ports;
		const { container, spec, reason, restarts, restartsInRow } = effect;
		const epoch = await this.#grantable(effect, state.self);
		const claim: ClaimRecord = {
			kind: "claim",
			container,
			epoch,
			owner: state.self,
			writer: state.self,
			workload: spec.name,
			revision: spec.revision,
			reason,
			move: null,
			restarts,
			restartsInRow,
			time: state.time(),
		};
		await state.commit([claim]);
		if (runtime.get(container)?.phase === "checkpointing") await runtime.checkpoints?.thaw(container, epoch);
	}

	#publish(changed: ContainerState): void {
		this.#ports.state.put([recordOf(changed, this.#ports.state.self, this.#health.of(changed.container))]);
	}

	#onHealth(container: ContainerId): void {
		const held = this.#ports.runtime.get(container);
		if (held === null) return;
		this.#publish(held);
		this.ask();
	}

	/** After a boot: what ended or vanished while no daemon looked. */
	#publishAll(): void {
		const { runtime, state } = this.#ports;
		for (const held of runtime.list()) this.#publish(held);
		const gone = [...state.view().containers].filter(
			([container, records]) => runtime.get(container) === null && records.some((record) => record.node === state.self),
		);
		state.put(
			[],
			gone.map(([container]) => `container/${container}` as const),
		);
	}
}

function retryDelayMs(effect: Effect, attempts: number): number {
	if (effect.kind === "update") return UPDATE_RETRY_MS;
	const waitsForVoters =
		(effect.kind === "place" || effect.kind === "claim") && effect.spec.spec.policy === "exclusive";
	if (waitsForVoters || effect.kind === "resume") return Math.min(LEASE_RETRY_MS, RETRY_FIRST_MS * attempts);
	return Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** (attempts - 1));
}

function isRemoved(view: ClusterView, container: ContainerId): boolean {
	return view.specs.get(workloadOf(container))?.removed !== false;
}

function recordOf(state: ContainerState, self: NodeId, health: ContainerHealth | null): ContainerRecord {
	return {
		kind: "container",
		container: state.container,
		node: self,
		epoch: state.epoch,
		revision: state.revision,
		phase: state.phase,
		exitCode: state.exitCode,
		address: state.address,
		imageDigest: state.imageDigest,
		createdAtMs: state.createdAtMs,
		startedAtMs: state.startedAtMs,
		finishedAtMs: state.finishedAtMs,
		error: state.error,
		oom: state.oom,
		health,
	};
}

function failedRecord(claim: ClaimRecord, self: NodeId, error: SwarmError, nowMs: number): ContainerRecord {
	return {
		kind: "container",
		container: claim.container,
		node: self,
		epoch: claim.epoch,
		revision: claim.revision,
		phase: "failed",
		exitCode: null,
		address: null,
		imageDigest: null,
		createdAtMs: nowMs,
		startedAtMs: null,
		finishedAtMs: nowMs,
		error: error.message,
		health: null,
	};
}
