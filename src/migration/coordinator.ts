// All moves of one node: makes them, finds them again after a restart, answers peers, tells the node's plan what to leave alone.
// Must never decide who owns a container: the claim in the source's document does.

import { SwarmError } from "../errors.js";
import type { MeshStream } from "../mesh/mesh.js";
import { withinMs } from "../mesh/within.js";
import type { ContainerId, MoveResult, NodeId, Verdict, VerdictCheck } from "../model.js";
import type { ContainerState } from "../runtime/runtime.js";
import { tiesOf } from "../runtime/security/launch-security.js";
import { MoveChannel } from "./channel.js";
import type { JournalEntry } from "./journal.js";
import type { MigrationPorts, Migrations, MoveOptions } from "./ports.js";
import { SourceMove } from "./source-move.js";
import { isEnded, isHandedOver, type MoveIdentity } from "./standing.js";
import { TargetMove } from "./target-move.js";
import { compare, ownChecks, refusalOf, unreachableCheck, verdictOf } from "./verdict.js";
import { readSourceFacts, readTargetFacts, volumeUsersOf } from "./verdict-facts.js";
import { MIGRATE_PROTOCOL, type MoveMessage, type Offer } from "./wire.js";

/** As source and as target together; each holds a tar process and buffers of a few hundred KiB. */
export const MOVES_MAX = 16;
const VERDICT_MS_MAX = 15_000;
const FIRST_MESSAGE_MS_MAX = 10_000;
/** A rollback on the way out: one thaw or removal. */
const STOP_MS_MAX = 15_000;
const MOVE_ID_BYTES = 12;

export function createMigrations(ports: MigrationPorts): Migrations {
	return new Coordinator(ports);
}

type Move = SourceMove | TargetMove;

class Coordinator implements Migrations {
	readonly #ports: MigrationPorts;
	readonly #moves = new Map<string, Move>();
	readonly #listeners = new Set<() => void>();
	#stopped = false;
	#unsubscribe: () => void = () => {};

	constructor(ports: MigrationPorts) {
		this.#ports = ports;
	}

	async migrate(container: ContainerId, to: NodeId, { onProgress, signal }: MoveOptions): Promise<MoveResult> {
		signal.throwIfAborted();
		const refusals = (await this.#ownChecks(container, to)).filter(({ ok }) => !ok);
		if (refusals.length > 0) throw refused(container, this.#nameOf(to), refusals);
		const offer = await this.#offer(container, false);
		if (this.#holds(container)) throw movesAlready(container);
		this.#checkRoom();
		const move = new SourceMove({
			ports: this.#ports,
			identity: identityOf(offer, this.#ports.state.self, to),
			offer,
			startedAtMs: this.#ports.clock.nowMs(),
			phase: "checking",
			onProgress,
			onChange: () => this.#changed(),
			onEnd: (ended) => this.#ended(ended),
		});
		this.#add(move);
		const onAbort = () => move.cancel(signal.reason);
		signal.addEventListener("abort", onAbort, { once: true });
		move.begin();
		try {
			return await move.result;
		} finally {
			signal.removeEventListener("abort", onAbort);
		}
	}

	async verdict(container: ContainerId, to: NodeId, signal: AbortSignal): Promise<Verdict> {
		const parties = { container, from: this.#ports.state.self, to };
		const own = await this.#ownChecks(container, to);
		if (own.some(({ check, ok }) => !ok && check === "self")) return verdictOf(parties, own);
		return verdictOf(parties, [...own, ...(await this.#askTarget(container, to, signal))]);
	}

	moving(): ReadonlySet<ContainerId> {
		const held = [...this.#moves.values()].filter((move) => !move.adrift);
		return new Set(held.map(({ identity }) => identity.container));
	}

	async resumeAll(heard: Promise<void>): Promise<void> {
		const { journal, logger, state, mesh } = this.#ports;
		const entries = journal.read((file, why) => logger.error("a move's journal entry is dropped", { file, why }));
		for (const entry of entries) this.#add(this.#found(entry));
		await this.#sweep();
		this.#unsubscribe = state.subscribe(() => this.#onView());
		for (const move of [...this.#moves.values()]) {
			const own = state.own(`claim/${move.identity.container}`);
			if (move.role === "target" || isHandedOver(move.identity, own)) move.resume();
			else void heard.then(() => this.#stopped || move.resume());
		}
		mesh.handle(MIGRATE_PROTOCOL, (stream) => this.#answer(stream), { bulk: true });
	}

	subscribe(listener: () => void): () => void {
		const own = () => listener();
		this.#listeners.add(own);
		return () => void this.#listeners.delete(own);
	}

	async stop(): Promise<void> {
		this.#stopped = true;
		this.#unsubscribe();
		const reason = new SwarmError("aborted", "The daemon is stopping");
		const givenUp = [...this.#moves.values()].filter((move) => {
			move.cancel(reason);
			return move.phase === "undoing";
		});
		const { clock } = this.#ports;
		const over = Promise.all(givenUp.map(({ ended }) => ended));
		await withinMs(clock, STOP_MS_MAX, new AbortController().signal, (signal) => settled(over, signal));
		for (const move of this.#moves.values()) move.halt(reason);
		this.#moves.clear();
	}

	// ---- source ----------------------------------------------------------------------------------------------------

	async #ownChecks(container: ContainerId, to: NodeId): Promise<readonly VerdictCheck[]> {
		const { state, facts } = this.#ports;
		const held = this.#held(container);
		const owner = state.view().claims.get(container)?.owner ?? null;
		const { machine } = await facts();
		const volumeUsers = volumeUsersOf(this.#ports, held);
		const about = { phase: held.phase, owner, criuVersion: machine.criuVersion, ties: tiesOf(held.spec), volumeUsers };
		return ownChecks({ container, from: state.self, to }, about);
	}

	async #askTarget(container: ContainerId, to: NodeId, signal: AbortSignal): Promise<readonly VerdictCheck[]> {
		const { mesh, clock } = this.#ports;
		const offer = await this.#offer(container, true);
		try {
			return await withinMs(clock, VERDICT_MS_MAX, signal, async (within) => {
				const channel = new MoveChannel(await mesh.open(to, MIGRATE_PROTOCOL, within));
				within.addEventListener("abort", () => channel.abort(within.reason), { once: true });
				await channel.send(offer);
				const answer = await channel.receive();
				void channel.end().catch(() => {});
				if (answer?.kind === "verdict") return answer.checks;
				if (answer?.kind === "failed") throw SwarmError.fromJSON(answer.error);
				throw new SwarmError("unreachable", "it did not answer");
			});
		} catch (thrown) {
			signal.throwIfAborted();
			return [unreachableCheck(to, thrown instanceof Error ? thrown.message : String(thrown))];
		}
	}

	async #offer(container: ContainerId, dryRun: boolean): Promise<Offer> {
		const held = this.#held(container);
		const { chance } = this.#ports;
		const { epoch, revision, spec, imageName, imageDigest, address, createdAtMs, startedAtMs } = held;
		return {
			...{ kind: "offer", move: Buffer.from(chance.bytes(MOVE_ID_BYTES)).toString("hex"), dryRun },
			...{ container, epoch, revision, spec, imageName, imageDigest, address, createdAtMs, startedAtMs },
			facts: await readSourceFacts(this.#ports, held),
		};
	}

	#nameOf(node: NodeId): string {
		return this.#ports.state.view().nodes.get(node)?.name ?? node;
	}

	#held(container: ContainerId): ContainerState {
		const held = this.#ports.runtime.get(container);
		if (held !== null) return held;
		throw new SwarmError("not-found", `Cannot move ${container}: it is not on this node`);
	}

	// ---- target ----------------------------------------------------------------------------------------------------

	/** The first message says what a stream is for. */
	async #answer(stream: MeshStream): Promise<void> {
		const channel = new MoveChannel(stream);
		const { clock } = this.#ports;
		const first = await withinMs(clock, FIRST_MESSAGE_MS_MAX, new AbortController().signal, (signal) => {
			signal.addEventListener("abort", () => channel.abort(signal.reason), { once: true });
			return channel.receive();
		});
		switch (first?.kind) {
			case "offer":
				return await this.#consider(first, stream.peer, channel);
			case "go":
				return await this.#goTold(first, stream.peer, channel);
			case "query":
				await channel.send({ kind: "decision", decision: this.#decisionOn(first, stream.peer) });
				return await channel.end();
			default:
				throw new SwarmError("corrupt", `Cannot answer a move: it began with ${first?.kind ?? "nothing"}`);
		}
	}

	async #consider(offer: Offer, source: NodeId, channel: MoveChannel): Promise<void> {
		const checked = { ...offer, spec: this.#ports.validateSpec(offer.spec) };
		const reserved = [...this.#moves.values()].reduce(
			(sum, move) => sum + (move.role === "target" ? move.memoryBytesReserved : 0),
			0,
		);
		const facts = await readTargetFacts(this.#ports, checked, this.#holds(offer.container), reserved);
		const checks = compare(offer.facts, facts);
		// Looked at again: reading the facts took a while.
		const full = this.#stopped || this.#moves.size >= MOVES_MAX || this.#holds(offer.container) !== facts.holdsMove;
		if (offer.dryRun || full || checks.some(({ ok }) => !ok)) {
			await channel.send(full ? busy(offer.container) : { kind: "verdict", checks });
			return await channel.end();
		}
		const move = new TargetMove({
			ports: this.#ports,
			identity: identityOf(checked, source, this.#ports.state.self),
			offer: checked,
			phase: "fetching",
			manifest: null,
			startedAtMs: this.#ports.clock.nowMs(),
			channel,
			onChange: () => this.#changed(),
			onEnd: (ended) => this.#ended(ended),
		});
		this.#add(move);
		await channel.send({ kind: "verdict", checks }).catch((thrown: unknown) => move.cancel(thrown));
		const next = await channel.receive().catch(() => null);
		if (next?.kind === "ready") move.begin();
		else move.cancel(new SwarmError("aborted", "the source did not go on"));
		// The stream lives as long as its handler.
		await move.ended;
	}

	async #goTold(go: Extract<MoveMessage, { kind: "go" }>, source: NodeId, channel: MoveChannel): Promise<void> {
		const move = this.#moves.get(go.move);
		if (move?.role === "target" && move.identity.source === source) {
			await move.attend(channel);
			return await channel.end();
		}
		const held = this.#ports.runtime.get(go.container);
		const arrived = held !== null && held.move === go.move && held.phase !== "restoring" && held.phase !== "failed";
		await channel.send({ kind: arrived || this.#wentOn(go) ? "running" : "unknown" });
		await channel.end();
	}

	/** It ran here and is on its way to a third node, has been claimed since, or has ended: the source's copy is out of date. */
	#wentOn({ container, epoch }: Extract<MoveMessage, { kind: "go" }>): boolean {
		if (epoch === 0) return false;
		const view = this.#ports.state.view();
		const moves = [...this.#moves.values()].some(({ role, identity }) => {
			return role === "source" && identity.container === container && identity.epoch >= epoch;
		});
		return moves || isEnded(container, view) || (view.claims.get(container)?.epoch ?? 0) > epoch;
	}

	/** Without a move in hand the own document says it: only a hand-over that stands in it was decided. */
	#decisionOn(query: Extract<MoveMessage, { kind: "query" }>, target: NodeId): "go" | "abort" | "undecided" {
		const { state } = this.#ports;
		const move = this.#moves.get(query.move);
		if (move?.role === "source" && move.identity.target === target) return move.decision();
		const identity = { move: query.move, container: query.container, epoch: 0, source: state.self, target };
		return isHandedOver(identity, state.own(`claim/${query.container}`)) ? "go" : "abort";
	}

	// ---- both ------------------------------------------------------------------------------------------------------

	#found(entry: JournalEntry): Move {
		const { move, container, epoch, peer, startedAtMs } = entry;
		const { self } = this.#ports.state;
		const common = {
			ports: this.#ports,
			startedAtMs,
			onChange: () => this.#changed(),
			onEnd: (ended: Move) => this.#ended(ended),
		};
		if (entry.role === "source") {
			const identity = { move, container, epoch, source: self, target: peer };
			return new SourceMove({ ...common, identity, offer: null, phase: entry.phase, onProgress: () => {} });
		}
		const identity = { move, container, epoch, source: peer, target: self };
		const { offer, phase, manifest } = entry;
		return new TargetMove({ ...common, identity, offer, phase, manifest, channel: null });
	}

	/** What a move left of which no journal knows: frozen copies that this node owns run again, half-made ones go. */
	async #sweep(): Promise<void> {
		const { files, runtime, state, logger } = this.#ports;
		for (const move of await files.list()) if (!this.#moves.has(move)) await files.remove(move);
		this.#sweepVolumes();
		for (const held of runtime.list()) {
			if (this.#holds(held.container)) continue;
			const owner = state.view().claims.get(held.container)?.owner ?? null;
			try {
				if (held.phase === "checkpointing" && owner === state.self)
					await runtime.checkpoints?.thaw(held.container, held.epoch);
				if (held.phase === "restoring" && owner !== state.self) await runtime.remove(held.container, held.epoch);
			} catch (thrown) {
				logger.error("what a move left cannot be cleared", { container: held.container, error: String(thrown) });
			}
		}
	}

	/** What a container here runs on is a volume, whatever its mark says. */
	#sweepVolumes(): void {
		const { volumes } = this.#ports.runtime;
		for (const [move, names] of volumes.moves.list()) {
			if (this.#moves.has(move)) continue;
			const users = names.flatMap((name) => volumes.usersOf(name));
			const isUsed = users.some((container) => this.#ports.runtime.get(container)?.phase !== "restoring");
			if (isUsed) volumes.moves.settle(move);
			else {
				volumes.moves.discard(move);
				volumes.moves.left(move);
			}
		}
	}

	#holds(container: ContainerId): boolean {
		return [...this.#moves.values()].some(({ identity }) => identity.container === container);
	}

	#checkRoom(): void {
		if (this.#stopped) throw new SwarmError("aborted", "The daemon is stopping");
		if (this.#moves.size >= MOVES_MAX)
			throw new SwarmError("refused", `Cannot move another: ${MOVES_MAX} moves are under way here`, {
				retryable: true,
			});
	}

	#add(move: Move): void {
		this.#moves.set(move.identity.move, move);
		this.#changed();
	}

	#ended(move: Move): void {
		this.#moves.delete(move.identity.move);
		this.#changed();
	}

	#onView(): void {
		for (const move of [...this.#moves.values()]) move.onView();
	}

	#changed(): void {
		for (const listener of [...this.#listeners]) listener();
	}
}

function identityOf(offer: Offer, source: NodeId, target: NodeId): MoveIdentity {
	return { move: offer.move, container: offer.container, epoch: offer.epoch, source, target };
}

function refused(container: ContainerId, to: string, checks: readonly VerdictCheck[]): SwarmError {
	return new SwarmError("refused", `Cannot move ${container} to ${to}: ${refusalOf(checks)}`, { details: { checks } });
}

function movesAlready(container: ContainerId): SwarmError {
	return new SwarmError("conflict", `Cannot move ${container}: a move of it is under way`, { retryable: true });
}

function busy(container: ContainerId): MoveMessage {
	const error = new SwarmError("refused", `Cannot take ${container}: too many moves are under way on the target`, {
		retryable: true,
	});
	return { kind: "failed", error: error.toJSON() };
}

async function settled(over: Promise<unknown>, signal: AbortSignal): Promise<void> {
	const limit = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
	await Promise.race([over, limit]);
}
