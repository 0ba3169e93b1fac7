// One move at its source: performs what source-machine.ts asks for, over the ports. Reads the peer's messages and the cluster's
// view and turns them into events.

import { SwarmError } from "../errors.js";
import type { ContainerId, MoveProgress, MoveResult, VerdictCheck } from "../model.js";
import type { DumpResult } from "../runtime/runtime.js";
import { backOffMs } from "./back-off.js";
import type { MoveChannel, Received } from "./channel.js";
import { handOver, takeBack } from "./claiming.js";
import { leaseAgain } from "./lease-again.js";
import type { MoveEffect, MoveEvent } from "./machine.js";
import { Making } from "./making.js";
import type { Packer, SentCounts } from "./move-files.js";
import { MoveRunner } from "./move-runner.js";
import { openChannel } from "./open-channel.js";
import type { MigrationPorts } from "./ports.js";
import { isBeforeClaim, type SourcePhase, sourceTable, stepSource } from "./source-machine.js";
import { SourceVolumes, VOLUME_BYTES_PER_MS } from "./source-volumes.js";
import { hasRunThere, isHandedOver, type MoveIdentity, standingOf } from "./standing.js";
import { refusalOf, volumeBytesOf } from "./verdict.js";
import type { MoveMessage, Offer } from "./wire.js";

/** Nothing but asking and answering. */
const ANSWER_MS_MAX = 30_000;
/** Fetching an image of gigabytes over a slow link. */
const READY_MS_MAX = 30 * 60_000;
/** Reading the images back and building the processes, at 20 MB/s at least. */
const RESTORE_MS_MAX = 60_000;
const RESTORE_BYTES_PER_MS = 20_000;
const REASON_MS = 200;
/** After `go` the target needs some ten milliseconds; then it is asked again. */
const CONFIRM_MS_MAX = 10_000;

export interface SourceMoveInit {
	readonly ports: MigrationPorts;
	readonly identity: MoveIdentity;
	/** null after a restart of the daemon: nobody waits for the answer. */
	readonly offer: Offer | null;
	readonly startedAtMs: number;
	readonly phase: SourcePhase;
	readonly onProgress: (progress: MoveProgress) => void;
	/** `moving` may have changed. */
	readonly onChange: () => void;
	readonly onEnd: (move: SourceMove) => void;
}

export class SourceMove {
	readonly role = "source";
	readonly identity: MoveIdentity;
	/** Resolves when the target runs it; rejects when it stays. */
	readonly result: Promise<MoveResult>;
	readonly #init: SourceMoveInit;
	readonly #ports: MigrationPorts;
	readonly #runner: MoveRunner<SourcePhase>;
	readonly #ended: Promise<void>;
	readonly #startedMonotonicMs: number;
	#answer: { resolve: (result: MoveResult) => void; reject: (error: unknown) => void } | null = null;
	#end: () => void = () => {};
	#channel: MoveChannel | null = null;
	#packer: Packer | null = null;
	readonly #making = new Making();
	readonly #volumes: SourceVolumes;
	#dump: DumpResult | null = null;
	#sent: SentCounts = { bytes: 0, imageBytes: 0, volumeBytes: 0, files: 0 };
	#runningSeenMs: number | null = null;
	#attempts = 0;
	#linkLost = false;
	#cancelTimer: () => void = () => {};

	constructor(init: SourceMoveInit) {
		this.#init = init;
		this.#ports = init.ports;
		this.identity = init.identity;
		this.#volumes = new SourceVolumes(init.ports, init.identity);
		this.#startedMonotonicMs = init.ports.clock.monotonicMs();
		this.result = new Promise((resolve, reject) => {
			this.#answer = { resolve, reject };
		});
		this.result.catch(() => {});
		this.#ended = new Promise((resolve) => {
			this.#end = resolve;
		});
		this.#runner = new MoveRunner<SourcePhase>({
			phase: init.phase,
			name: init.identity.move,
			logger: init.ports.logger.with({ container: init.identity.container, role: "source" }),
			step: stepSource,
			entered: (phase, event) => this.#entered(phase, event),
			perform: (effect, signal) => this.#perform(effect, signal),
		});
	}

	get phase(): SourcePhase {
		return this.#runner.phase;
	}

	/** Resolves when no row of the machine leads further. */
	get ended(): Promise<void> {
		return this.#ended;
	}

	/** Handed over, the target does not answer, and nobody has claimed it since: the node's plan may decide. */
	get adrift(): boolean {
		return this.phase === "handed" && this.#linkLost && this.#standing().kind === "target";
	}

	begin(): void {
		this.#limit(ANSWER_MS_MAX);
		this.#runner.run(["check"]);
	}

	/** After a restart: the claim in this node's own document says on which side of the point of no return it stopped. */
	resume(): void {
		const { container } = this.identity;
		const own = this.#ports.state.own(`claim/${container}`);
		this.#linkLost = true;
		this.#volumes.hold();
		this.#runner.post(isHandedOver(this.identity, own) ? "go" : "boot");
		this.onView();
	}

	/** Gives up; from the claim on it has no effect. */
	cancel(reason: unknown): void {
		if (isBeforeClaim(this.phase)) this.#runner.post("failed", reason);
	}

	halt(reason: Error): void {
		this.#cancelTimer();
		this.#packer?.cancel();
		this.#runner.halt(reason);
		this.#channel?.abort(reason);
		this.#answer?.reject(reason);
	}

	onView(): void {
		const standing = this.#standing();
		if (standing.kind === "source") this.#runner.post("taken-back");
		else if (standing.kind === "other") this.#runner.post("superseded");
		else if (hasRunThere(this.identity, this.#ports.state.view())) this.#runner.post("running");
	}

	/** The target's daemon came back and asks. */
	decision(): "go" | "abort" | "undecided" {
		if (this.phase === "handed" || this.phase === "removing" || this.phase === "moved") return "go";
		return this.phase === "undoing" || this.phase === "unmoved" || this.phase === "gone" ? "abort" : "undecided";
	}

	#standing() {
		return standingOf(this.identity, this.#ports.state.view());
	}

	#entered(phase: SourcePhase, event: MoveEvent): void {
		this.#cancelTimer();
		this.#cancelTimer = () => {};
		if (event === "running") this.#runningSeenMs = this.#ports.clock.monotonicMs();
		if (phase === "handed") this.#linkLost = event === "link-lost" || event === "failed" || event === "boot";
		if (phase !== "dumping" && phase !== "sending") this.#packer?.cancel();
		const retrying = event === "failed" || event === "link-lost" || event === "boot";
		this.#attempts = retrying ? this.#attempts + 1 : 0;
		this.#journal(phase);
		this.#armFor(phase);
		this.#init.onChange();
		if (sourceTable[phase].final === true) queueMicrotask(() => this.#finish());
	}

	/**
	 * Before `dumping` nothing has happened that a new daemon would have to undo. That entry must be there; the later ones only
	 * save it questions, for the claim decides.
	 */
	#journal(phase: SourcePhase): void {
		if (phase === "checking" || phase === "readying" || sourceTable[phase].final === true) return;
		const { move, container, epoch, target } = this.identity;
		const { startedAtMs } = this.#init;
		const entry = { version: 1, role: "source", move, container, epoch, peer: target, startedAtMs, phase } as const;
		try {
			this.#ports.journal.write(entry, phase === "dumping");
		} catch (thrown) {
			if (phase === "dumping") throw thrown;
			this.#ports.logger.error("a move's journal entry cannot be written", { move, phase, error: String(thrown) });
		}
	}

	#armFor(phase: SourcePhase): void {
		if (phase === "readying") this.#limit(READY_MS_MAX);
		if (phase === "restoring") this.#limit(RESTORE_MS_MAX + this.#sent.bytes / RESTORE_BYTES_PER_MS);
		if (phase === "handed") this.#limit(CONFIRM_MS_MAX);
	}

	#limit(withinMs: number): void {
		const { phase } = this;
		this.#cancelTimer = this.#ports.clock.after(withinMs, () => {
			const event = phase === "handed" ? "link-lost" : "failed";
			this.#runner.post(event, tookTooLong(this.identity.container, phase, withinMs));
		});
	}

	#perform(effect: MoveEffect, signal: AbortSignal): Promise<MoveEvent | null> | MoveEvent | null {
		switch (effect) {
			case "check":
				return this.#check(signal);
			case "ready":
				return this.#ready();
			case "dump":
				return this.#making.follow(this.#dumpNow(signal));
			case "send":
				return this.#send();
			case "commit":
				return this.#commit(signal);
			case "announce":
				return this.#announce(signal, 0);
			case "ask":
				return this.#announce(signal, backOffMs(this.#attempts, this.#ports.chance));
			case "discard":
				return this.#discard(signal);
			case "thaw":
				return this.#thaw(signal);
			case "reclaim":
				return this.#reclaim();
			case "dismiss":
				void this.#dismiss();
				return null;
			case "forget":
				return this.#forget();
			case "report":
				this.#report();
				return null;
			default:
				throw new SwarmError("failed", `Cannot perform ${effect}: it is not for the source`);
		}
	}

	async #check(signal: AbortSignal): Promise<MoveEvent | null> {
		const { offer } = this.#init;
		if (offer === null) throw new SwarmError("failed", "Cannot offer a move of an earlier daemon");
		const { target } = this.identity;
		this.#progress("verdict", `asking ${this.#ports.state.view().nodes.get(target)?.name ?? target}`);
		try {
			await this.#open(offer, signal);
		} catch (thrown) {
			this.#runner.post("failed", thrown);
		}
		return null; // the answer is an event of the channel
	}

	#ready(): null {
		this.#progress("image", `${this.#init.offer?.imageName} on the target`);
		const paths = this.#ports.runtime.checkpoints?.files(this.identity.container);
		this.#volumes.holdAlone();
		if (paths !== undefined) this.#packer = this.#ports.files.packer(paths.upperDirectory, this.#volumes.sources());
		void this.#channel?.send({ kind: "ready" }).catch((thrown: unknown) => this.#runner.post("link-lost", thrown));
		return null;
	}

	/** The target is ready: volumes are copied before anything is frozen. */
	async #copyVolumes(): Promise<void> {
		const [channel, packer, offer] = [this.#channel, this.#packer, this.#init.offer];
		if (channel === null || packer === null || offer === null) return;
		const bytesTotal = volumeBytesOf(offer.facts);
		this.#cancelTimer();
		this.#limit(READY_MS_MAX + bytesTotal / VOLUME_BYTES_PER_MS);
		const sent = packer.sendVolumes(channel, (bytes) => this.#progress("volumes", `${bytes} bytes`, bytes, bytesTotal));
		await sent.then(
			() => this.phase === "readying" && this.#runner.post("done"),
			(thrown: unknown) => this.phase === "readying" && this.#runner.post("failed", thrown),
		);
	}

	async #dumpNow(signal: AbortSignal): Promise<MoveEvent> {
		const { container, epoch, move } = this.identity;
		const { runtime, files } = this.#ports;
		this.#progress("dump", "freezing and writing memory");
		const { images } = await files.make(move);
		signal.throwIfAborted();
		const { checkpoints } = runtime;
		if (checkpoints === null) throw new SwarmError("unsupported", `Cannot move ${container}: no CRIU works here`);
		this.#dump = await checkpoints.dump(container, epoch, images, move, signal);
		return "done";
	}

	async #send(): Promise<MoveEvent> {
		const { container, move } = this.identity;
		const paths = this.#ports.runtime.checkpoints?.files(container);
		const [channel, packer, dump] = [this.#channel, this.#packer, this.#dump];
		if (paths === undefined || channel === null || packer === null || dump === null)
			throw new SwarmError("failed", `Cannot send ${container}: its checkpoint is not there`);
		const parts = { images: this.#ports.files.at(move).images, upper: paths.upperDirectory, log: paths.logDirectory };
		try {
			const told = (bytes: number) => this.#progress("transfer", `${bytes} bytes`, bytes, null);
			this.#sent = await packer.send(channel, parts, told);
			await channel.send({ kind: "manifest", files: this.#sent.files, manifest: dump.manifest });
		} catch (thrown) {
			// A target that refused says why on the channel; its words come before the broken stream's.
			await this.#ports.clock.sleep(REASON_MS, new AbortController().signal);
			throw thrown;
		}
		this.#progress("restore", "on the target", this.#sent.bytes, this.#sent.bytes);
		return "done";
	}

	async #commit(signal: AbortSignal): Promise<MoveEvent> {
		this.#progress("handover", "writing the claim");
		// It is frozen, and thawed only under a lease that is asked for anew.
		if (this.#isExclusive()) this.#ports.leases.release(this.identity.container);
		await handOver(this.#ports, this.identity, signal);
		return "go";
	}

	async #announce(signal: AbortSignal, pauseMs: number): Promise<MoveEvent | null> {
		const { container, move } = this.identity;
		try {
			if (pauseMs > 0) {
				this.#drop(new Error("asking again on a new stream"));
				await this.#ports.clock.sleep(pauseMs, signal);
			}
			const standing = this.#standing();
			const go: MoveMessage = { kind: "go", move, container, epoch: standing.kind === "target" ? standing.epoch : 0 };
			if (this.#channel === null) await this.#open(go, signal);
			else await this.#channel.send(go);
			this.#progress("release", "on the target");
			return null; // `running` is an event of the channel
		} catch (thrown) {
			if (signal.aborted) return null;
			this.#drop(new Error("the target does not answer"));
			this.#runner.post("link-lost", thrown);
			return null;
		}
	}

	async #discard(signal: AbortSignal): Promise<MoveEvent> {
		await this.#pauseBeforeRetry(signal);
		await this.#volumes.discard();
		const { container } = this.identity;
		if (this.#ports.runtime.get(container) === null) this.#ports.state.put([], [`container/${container}`]);
		return "done";
	}

	async #thaw(signal: AbortSignal): Promise<MoveEvent> {
		await this.#pauseBeforeRetry(signal);
		// A dump that was given up rolls back by itself, but not at once.
		await this.#making.over();
		const { container, epoch } = this.identity;
		const { runtime, leases } = this.#ports;
		const standing = this.#standing();
		// Somebody else runs it by now: the frozen copy is put aside as any loser's.
		if (standing.kind === "other" || standing.kind === "target") return "superseded";
		const owned = standing.kind === "source" ? standing.epoch : epoch;
		if (this.#isExclusive()) await leaseAgain(leases, container, owned, signal);
		// It may have ended, or been removed by hand, while it was frozen.
		if (runtime.get(container)?.phase === "checkpointing") await runtime.checkpoints?.thaw(container, owned);
		return "done";
	}

	#isExclusive(): boolean {
		return this.#ports.runtime.get(this.identity.container)?.spec.policy === "exclusive";
	}

	async #reclaim(): Promise<MoveEvent> {
		await takeBack(this.#ports, this.identity);
		return "done";
	}

	async #dismiss(): Promise<void> {
		const reason = this.#runner.error?.message ?? "the source gave up";
		const channel = this.#channel;
		this.#channel = null;
		try {
			await channel?.send({ kind: "dismiss", reason: reason.slice(0, 1024) });
			await channel?.end();
		} catch {
			// The target finds out by itself.
		}
	}

	#forget(): null {
		const { journal, files, logger } = this.#ports;
		journal.forget(this.identity.move);
		void files
			.remove(this.identity.move)
			.catch((thrown: unknown) => logger.warn("a move's directory stays behind", { error: String(thrown) }));
		return null;
	}

	#report(): void {
		const { move, container, source, target } = this.identity;
		const { clock } = this.#ports;
		if (this.phase !== "removing") {
			const error = this.#runner.error ?? new SwarmError("failed", `Cannot move ${container}: it stays where it is`);
			this.#answer?.reject(error);
			return;
		}
		const nowMs = this.#runningSeenMs ?? clock.monotonicMs();
		this.#progress("done", "runs on the target");
		this.#answer?.resolve({
			...{ move, container, from: source, to: target },
			...{ bytes: this.#sent.bytes, imageBytes: this.#sent.imageBytes, volumeBytes: this.#sent.volumeBytes },
			durationMs: nowMs - this.#startedMonotonicMs,
			downtimeMs: this.#dump === null ? 0 : nowMs - this.#dump.frozenAtMonotonicMs,
		});
	}

	#finish(): void {
		this.#cancelTimer();
		this.#packer?.cancel();
		this.#volumes.letGo();
		const channel = this.#channel;
		this.#channel = null;
		void channel?.end().catch(() => {});
		this.#answer?.reject(this.#runner.error ?? new SwarmError("failed", "The move is over"));
		this.#end();
		this.#init.onEnd(this);
	}

	async #open(first: MoveMessage, signal: AbortSignal): Promise<void> {
		const within = { limitMs: ANSWER_MS_MAX, signal, bulk: first.kind === "offer" };
		const channel = await openChannel(this.#ports, this.identity.target, within);
		this.#channel = channel;
		await channel.send(first);
		void this.#read(channel);
	}

	async #read(channel: MoveChannel): Promise<void> {
		try {
			for (let message = await channel.receive(); message !== null; message = await channel.receive())
				this.#take(message);
			this.#lost(channel, new SwarmError("unreachable", `The target of ${this.identity.container} ended the stream`));
		} catch (thrown) {
			this.#lost(channel, thrown);
		}
	}

	#lost(channel: MoveChannel, cause: unknown): void {
		void channel.end().catch(() => {});
		if (this.#channel !== channel) return;
		this.#channel = null;
		this.#linkLost = true;
		this.#runner.post("link-lost", cause);
		this.#init.onChange();
	}

	#drop(reason: Error): void {
		const channel = this.#channel;
		this.#channel = null;
		this.#linkLost = true;
		channel?.abort(reason);
	}

	#take(message: Received): void {
		switch (message.kind) {
			case "verdict":
				this.#judge(message.checks);
				return;
			case "ready":
				if (this.phase === "readying") void this.#copyVolumes();
				return;
			case "prepared":
				this.#runner.post("prepared");
				return;
			case "running":
				this.#runner.post("running");
				return;
			case "unknown":
				this.#runner.post("unknown");
				return;
			case "failed":
				// After the claim the target's word is no decision: it hands back by a claim of its own.
				if (isBeforeClaim(this.phase)) this.#runner.post("failed", SwarmError.fromJSON(message.error));
				return;
			case "dismiss":
				if (isBeforeClaim(this.phase)) this.#runner.post("failed", new SwarmError("aborted", message.reason));
				return;
			default:
				return;
		}
	}

	#judge(checks: readonly VerdictCheck[]): void {
		if (this.phase !== "checking") return;
		if (checks.every(({ ok }) => ok)) this.#runner.post("done");
		else
			this.#runner.post(
				"failed",
				new SwarmError("refused", `Cannot move ${this.identity.container}: ${refusalOf(checks)}`, {
					details: { checks },
				}),
			);
	}

	async #pauseBeforeRetry(signal: AbortSignal): Promise<void> {
		if (this.#attempts > 1) await this.#ports.clock.sleep(backOffMs(this.#attempts, this.#ports.chance), signal);
	}

	#progress(step: string, message: string, bytesDone: number | null = null, bytesTotal: number | null = null): void {
		this.#init.onProgress({ step, message, bytesDone, bytesTotal });
	}
}

function tookTooLong(container: ContainerId, phase: string, withinMs: number): SwarmError {
	return new SwarmError("timeout", `Cannot move ${container}: ${phase} took longer than ${Math.round(withinMs)} ms`);
}
