// One move at its target: performs what target-machine.ts asks for, over the ports. The restored copy waits until the source's
// claim is told or seen; it is given back by a claim when it cannot be released.

import { asSwarmError, SwarmError } from "../errors.js";
import type { Phase } from "../model.js";
import type { PreparedImage } from "../runtime/runtime.js";
import { backOffMs } from "./back-off.js";
import type { MoveChannel, Received } from "./channel.js";
import type { TargetEntry } from "./journal.js";
import type { MoveEffect, MoveEvent } from "./machine.js";
import { Making } from "./making.js";
import type { Unpacker } from "./move-files.js";
import { MoveRunner } from "./move-runner.js";
import { openChannel } from "./open-channel.js";
import type { MigrationPorts } from "./ports.js";
import { VOLUME_BYTES_PER_MS } from "./source-volumes.js";
import { type MoveIdentity, nextClaim, standingOf } from "./standing.js";
import { stepTarget, type TargetPhase, targetTable } from "./target-machine.js";
import { volumeBytesOf } from "./verdict.js";
import type { Offer } from "./wire.js";

/** The source freezes and dumps within this, or says why not; memory of any size is then on its way. */
const ARRIVE_MS_MAX = 60 * 60_000;
const ANSWER_MS_MAX = 10_000;
/** The source gave the lease up, so that it takes one round trip; without its word, or a majority, twice a lease. */
const LEASE_MS_MAX = 20_000;

export interface TargetMoveInit {
	readonly ports: MigrationPorts;
	readonly identity: MoveIdentity;
	readonly offer: Offer;
	readonly phase: TargetPhase;
	readonly manifest: TargetEntry["manifest"];
	readonly startedAtMs: number;
	/** null after a restart of the daemon. */
	readonly channel: MoveChannel | null;
	readonly onChange: () => void;
	readonly onEnd: (move: TargetMove) => void;
}

export class TargetMove {
	readonly role = "target";
	readonly identity: MoveIdentity;
	readonly #init: TargetMoveInit;
	readonly #ports: MigrationPorts;
	readonly #runner: MoveRunner<TargetPhase>;
	readonly #ended: Promise<void>;
	#end: () => void = () => {};
	#channel: MoveChannel | null;
	#image: PreparedImage | null = null;
	#unpacker: Unpacker | null = null;
	readonly #making = new Making();
	#manifest: TargetEntry["manifest"];
	#attempts = 0;
	#linkLost = false;
	#cancelTimer: () => void = () => {};

	constructor(init: TargetMoveInit) {
		this.#init = init;
		this.#ports = init.ports;
		this.identity = init.identity;
		this.#channel = init.channel;
		this.#manifest = init.manifest;
		this.#ended = new Promise((resolve) => {
			this.#end = resolve;
		});
		this.#runner = new MoveRunner<TargetPhase>({
			phase: init.phase,
			name: init.identity.move,
			logger: init.ports.logger.with({ container: init.identity.container, role: "target" }),
			step: stepTarget,
			entered: (phase, event) => this.#entered(phase, event),
			perform: (effect, signal) => this.#perform(effect, signal),
		});
	}

	get phase(): TargetPhase {
		return this.#runner.phase;
	}

	get ended(): Promise<void> {
		return this.#ended;
	}

	/** What it holds of this machine, for the verdicts of other moves. */
	get memoryBytesReserved(): number {
		const { facts } = this.#init.offer;
		return Math.max(facts.memoryBytes, facts.memoryBytesRequested ?? 0);
	}

	get offer(): Offer {
		return this.#init.offer;
	}

	/** Waits for a source that does not answer, and nobody has claimed the container since: the node's plan may decide. */
	get adrift(): boolean {
		return this.phase === "prepared" && this.#linkLost && this.#standing().kind === "before";
	}

	/** Journalled before anything is made, so that a new daemon knows what to remove. */
	begin(): void {
		try {
			this.#journal(this.phase, true);
			this.#runner.run(["fetch"]);
		} catch (thrown) {
			this.cancel(thrown);
		}
	}

	resume(): void {
		this.#linkLost = true;
		const { kind } = this.#standing();
		// Copies that ran on are found by the runtime; a copy that is not whole is not here any more.
		if (kind === "target") this.#runner.post("go");
		else if (kind !== "before") this.#runner.post("superseded");
		this.#runner.post("boot");
	}

	cancel(reason: unknown): void {
		if (["fetching", "receiving", "restoring"].includes(this.phase)) this.#runner.post("failed", reason);
	}

	halt(reason: Error): void {
		this.#cancelTimer();
		this.#unpacker?.cancel();
		this.#runner.halt(reason);
		this.#channel?.abort(reason);
	}

	onView(): void {
		const standing = this.#standing();
		if (standing.kind === "target") this.#runner.post("go");
		else if (standing.kind === "source" && this.phase === "returning")
			return; // by this node's own claim
		else if (standing.kind !== "before") this.#runner.post("superseded");
	}

	/** `go` on a new stream: the answer that can be given at once; the stream is kept for the one that follows. */
	async attend(channel: MoveChannel): Promise<void> {
		if (this.phase === "settling" || this.phase === "arrived") return await channel.send({ kind: "running" });
		if (this.phase === "returning" || this.phase === "undoing" || this.phase === "refused")
			return await channel.send({ kind: "returned" });
		const former = this.#channel;
		this.#channel = channel;
		this.#linkLost = false;
		former?.abort(new Error("the source opened another stream"));
		await channel.send({ kind: "pending" });
		this.#goTold();
		await this.#read(channel);
	}

	#standing() {
		return standingOf(this.identity, this.#ports.state.view());
	}

	#entered(phase: TargetPhase, event: MoveEvent): void {
		this.#cancelTimer();
		this.#cancelTimer = () => {};
		const retrying = event === "failed" || event === "link-lost" || event === "boot";
		this.#attempts = retrying ? this.#attempts + 1 : 0;
		if (targetTable[phase].final !== true) this.#note(phase);
		if (phase === "undoing") this.#unpacker?.cancel();
		if (phase === "receiving") this.#limit(ARRIVE_MS_MAX + volumeBytesOf(this.#init.offer.facts) / VOLUME_BYTES_PER_MS);
		this.#init.onChange();
		if (targetTable[phase].final === true) queueMicrotask(() => this.#finish());
	}

	/** An entry that is out of date costs at most a copy that the source still has: what is here is then given back. */
	#note(phase: TargetPhase): void {
		try {
			this.#journal(phase, false);
		} catch (thrown) {
			const { move } = this.identity;
			this.#ports.logger.error("a move's journal entry cannot be written", { move, phase, error: String(thrown) });
		}
	}

	#journal(phase: TargetPhase, durable: boolean): void {
		const { move, container, epoch, source } = this.identity;
		const { offer, startedAtMs } = this.#init;
		const entry = { version: 1, role: "target", move, container, epoch, peer: source, startedAtMs } as const;
		this.#ports.journal.write({ ...entry, phase, offer, manifest: this.#manifest }, durable);
	}

	#limit(limitMs: number): void {
		this.#cancelTimer = this.#ports.clock.after(limitMs, () =>
			this.#runner.post("failed", new SwarmError("timeout", `Nothing came from the source for ${limitMs} ms`)),
		);
	}

	#perform(effect: MoveEffect, signal: AbortSignal): Promise<MoveEvent | null> | MoveEvent | null {
		switch (effect) {
			case "fetch":
				return this.#making.follow(this.#fetch(signal));
			case "receive":
				return this.#receive();
			case "restore":
				return this.#making.follow(this.#restore(signal));
			case "say-prepared":
				return this.#say();
			case "query":
				return this.#query(signal);
			case "release":
				return this.#release(signal);
			case "say-running":
				void this.#channel?.send({ kind: "running" }).catch(() => {});
				return null;
			case "give-back":
				return this.#giveBack(signal);
			case "remove":
				return this.#remove(signal);
			case "clean":
				this.#ports.runtime.volumes.moves.settle(this.identity.move);
				return this.#ports.files.remove(this.identity.move).then(() => "done");
			case "dismiss":
				void this.#dismiss();
				return null;
			case "forget":
				this.#ports.journal.forget(this.identity.move);
				return null;
			default:
				throw new SwarmError("failed", `Cannot perform ${effect}: it is not for the target`);
		}
	}

	async #fetch(signal: AbortSignal): Promise<MoveEvent> {
		const { images, files, state } = this.#ports;
		const { offer } = this.#init;
		const holders = state
			.view()
			.images.filter(({ name, digest }) => name === offer.imageName && digest === offer.imageDigest);
		const nodes = [this.identity.source, ...holders.map(({ node }) => node)];
		const image = await images.ensure(
			offer.imageName,
			[...new Set(nodes)].filter((node) => node !== state.self),
			signal,
		);
		if (image.digest !== offer.imageDigest)
			throw new SwarmError("refused", `Cannot take ${offer.container}: ${offer.imageName} is another image here`);
		signal.throwIfAborted();
		const directory = await files.make(offer.move);
		signal.throwIfAborted();
		this.#image = image;
		const { moves } = this.#ports.runtime.volumes;
		const offered = offer.facts.volumes.map(({ name }) => name);
		const incoming = (name: string) => (offered.includes(name) ? moves.incoming(offer.move, name) : null);
		this.#unpacker = files.unpacker(directory, incoming);
		await this.#channel?.send({ kind: "ready" });
		return "done";
	}

	async #receive(): Promise<MoveEvent> {
		const [channel, unpacker] = [this.#channel, this.#unpacker];
		if (channel === null || unpacker === null) throw new SwarmError("unreachable", "The source's stream is gone");
		const { manifest } = await unpacker.receive(channel);
		this.#manifest = manifest;
		void this.#read(channel);
		return "done";
	}

	async #restore(signal: AbortSignal): Promise<MoveEvent> {
		const { runtime, files } = this.#ports;
		const { offer } = this.#init;
		const [image, manifest] = [this.#image, this.#manifest];
		if (runtime.checkpoints === null || image === null || manifest === null)
			throw new SwarmError("unsupported", `Cannot restore ${offer.container}: a part of it is not here`);
		const { container, revision, spec, address } = offer;
		const at = files.at(offer.move);
		await runtime.volumes.moves.arrive(offer.move, offer.facts.volumes);
		signal.throwIfAborted();
		await runtime.checkpoints.restore(
			{
				create: { container, epoch: offer.epoch + 1, revision, spec, image, address },
				imageDirectory: at.images,
				upperDirectory: at.upper,
				logDirectory: at.log,
				manifest,
				source: { createdAtMs: offer.createdAtMs, startedAtMs: offer.startedAtMs },
				move: offer.move,
			},
			signal,
		);
		return "done";
	}

	async #say(): Promise<MoveEvent | null> {
		try {
			if (this.#channel === null) return "link-lost";
			await this.#channel.send({ kind: "prepared" });
			return null;
		} catch {
			return "link-lost";
		}
	}

	/** Asks the source; without an answer the copy waits on, stopped. */
	async #query(signal: AbortSignal): Promise<MoveEvent | null> {
		const { clock, chance } = this.#ports;
		const { move, container, source } = this.identity;
		await clock.sleep(backOffMs(this.#attempts, chance), signal);
		try {
			const channel = await openChannel(this.#ports, source, { limitMs: ANSWER_MS_MAX, signal, bulk: false });
			const onAbort = () => channel.abort(new Error("the answer is no longer needed"));
			signal.addEventListener("abort", onAbort, { once: true });
			const cancel = clock.after(ANSWER_MS_MAX, onAbort);
			try {
				await channel.send({ kind: "query", move, container });
				const answer = await channel.receive();
				void channel.end().catch(() => {});
				if (answer?.kind === "decision" && answer.decision !== "undecided")
					return answer.decision === "go" ? "go" : "abort";
			} finally {
				cancel();
				signal.removeEventListener("abort", onAbort);
			}
		} catch {
			// The next attempt, or the view, may tell.
		}
		return "link-lost";
	}

	async #release(signal: AbortSignal): Promise<MoveEvent> {
		const { runtime, leases } = this.#ports;
		const { container, epoch } = this.identity;
		const standing = this.#standing();
		const held = runtime.get(container);
		if (held !== null && hasRun(held.phase)) return "done";
		if (held === null || held.phase !== "restoring" || runtime.checkpoints === null)
			throw new SwarmError("failed", `Cannot release ${container}: its copy is ${held?.phase ?? "gone"}`);
		const owned = standing.kind === "target" ? standing.epoch : epoch + 1;
		if (held.spec.policy === "exclusive") await leases.acquire(container, owned, LEASE_MS_MAX, signal);
		await runtime.checkpoints.release(container, owned, signal);
		return "done";
	}

	/** What is here goes first: once the source is told, it runs its own copy. */
	async #giveBack(signal: AbortSignal): Promise<MoveEvent> {
		const { state } = this.#ports;
		await this.#removeCopy(signal);
		const standing = this.#standing();
		if (standing.kind === "source") return "done";
		if (standing.kind === "other") return "superseded";
		const wish = { owner: this.identity.source, writer: state.self, reason: "handover", time: state.time() } as const;
		// The hand-over's own claim may still be on its way: the source's word came first.
		await state.commit([nextClaim(this.identity, state.view(), wish, this.identity.epoch + 1)]);
		return "done";
	}

	async #remove(signal: AbortSignal): Promise<MoveEvent> {
		const { runtime, files, state } = this.#ports;
		const { container, move } = this.identity;
		await this.#removeCopy(signal);
		if (runtime.get(container) === null) state.put([], [`container/${container}`]);
		await files.remove(move);
		return "done";
	}

	async #removeCopy(signal: AbortSignal): Promise<void> {
		const { runtime, clock, chance } = this.#ports;
		const { container, epoch, move } = this.identity;
		if (this.#attempts > 1) await clock.sleep(backOffMs(this.#attempts, chance), signal);
		// A restore that was given up clears up by itself, but not at once.
		await this.#making.over();
		const held = runtime.get(container);
		// Only what this move made: a container that was here before is not its own.
		if (held !== null && held.move === move && held.epoch > epoch) await runtime.remove(container, held.epoch);
		// None of these ran here, or what did is gone: the source's are the ones that count.
		runtime.volumes.moves.discard(move);
	}

	async #dismiss(): Promise<void> {
		const error = this.#runner.error ?? new SwarmError("aborted", "the target gave up");
		const channel = this.#channel;
		this.#channel = null;
		try {
			await channel?.send({ kind: "failed", error: asSwarmError(error, "take the container").toJSON() });
			await channel?.end();
		} catch {
			// The source finds out by itself.
		}
	}

	#finish(): void {
		this.#cancelTimer();
		const channel = this.#channel;
		this.#channel = null;
		void channel?.end().catch(() => {});
		this.#end();
		this.#init.onEnd(this);
	}

	/** Of the source, after its files: nothing but the decision. */
	async #read(channel: MoveChannel): Promise<void> {
		try {
			for (let message = await channel.receive(); message !== null; message = await channel.receive())
				this.#take(message);
			this.#lost(channel, new SwarmError("unreachable", `The source of ${this.identity.container} ended the stream`));
		} catch (thrown) {
			this.#lost(channel, thrown);
		}
	}

	#take(message: Received): void {
		if (message.kind === "go") this.#goTold();
		else if (message.kind === "dismiss") this.#runner.post("abort", new SwarmError("aborted", message.reason));
	}

	/** A word that is older than what the view shows changes nothing. */
	#goTold(): void {
		const { kind } = this.#standing();
		if (kind === "before" || kind === "target") this.#runner.post("go");
	}

	#lost(channel: MoveChannel, cause: unknown): void {
		void channel.end().catch(() => {});
		if (this.#channel !== channel) return;
		this.#channel = null;
		this.#linkLost = true;
		this.#runner.post("link-lost", cause);
		this.#init.onChange();
	}
}

function hasRun(phase: Phase): boolean {
	return !["created", "starting", "restoring", "failed", "checkpointing"].includes(phase);
}
