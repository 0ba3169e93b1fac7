// Leases on this node, both ways: asks the voters for those that it wants, and answers as a voter. Tells the guard of each
// extension, which freezes the container when they end, whatever becomes of this process. Must never: say that a lease is held which
// the guard would not let run.

import type { Chance, Clock } from "../../clock.js";
import { isMajority } from "../../crdt/electorates.js";
import { asSwarmError, SwarmError } from "../../errors.js";
import type { Logger } from "../../log.js";
import type { Mesh } from "../../mesh/mesh.js";
import type { ContainerId, NodeId } from "../../model.js";
import { createElectorate, type ElectorateKeeper, type ElectoratePort, type Voters } from "./electorate.js";
import { type Hold, newHold, outbidAbove, withRefusal, withYes } from "./hold.js";
import {
	decodeLeaseFrame,
	encodeLeaseFrame,
	LEASES_IN_FRAME_MAX,
	type LeaseAnswer,
	type LeaseFrame,
	type LeaseWish,
} from "./lease-frames.js";
import type { Promises } from "./promises.js";
import { createVoter, type Voter } from "./voter.js";

const TICK_MS = 500;
/** A lease that is held is asked for again after this, one that is not after half of it. */
const RENEW_MS = 2_000;
/** Questions whose answers still count. */
const QUESTIONS_MAX = 64;
const SUPPOSE_MS_MAX = 2_000;

/** What freezes a container whose lease is over, outside this process. */
export interface LeaseGuard {
	/** CLOCK_BOOTTIME: goes on while the machine sleeps. */
	nowMs(): number;
	/** Lets the container run until then. Nothing to do for one that is not here. */
	extend(container: ContainerId, epoch: number, untilMs: number): Promise<void>;
}

export interface LeasesOptions {
	readonly self: NodeId;
	readonly mesh: Pick<Mesh, "send" | "onFrame">;
	readonly clock: Clock;
	readonly chance: Chance;
	readonly logger: Logger;
	readonly guard: LeaseGuard;
	readonly promises: Promises;
	readonly isForgetful: boolean;
	readonly state: ElectoratePort;
}

export interface LeaseStanding {
	/** By the guard's clock. */
	readonly leftMs: number;
	readonly saidYes: readonly NodeId[];
	readonly voters: readonly NodeId[];
	readonly epochRefused: number | null;
}

export interface LeasesPort {
	holds(container: ContainerId, epoch: number): boolean;
	/** Of the epochs of others that keep voters from saying yes although nobody claims them; null: none. */
	outbidAbove(container: ContainerId, epoch: number): number | null;
	/** These and no others are asked for, but for those that were released since, and those that are being acquired. */
	keep(wanted: ReadonlyMap<ContainerId, number>): void;
	/** Whether a majority would say yes to `owner`; promises nothing. `epochPromised`: the highest that a voter named. */
	wouldGrant(
		container: ContainerId,
		epoch: number,
		owner: NodeId,
	): Promise<{ granted: boolean; epochPromised: number }>;
	/** Resolves when it is held and the guard knows. `timeout` after `withinMs`. */
	acquire(container: ContainerId, epoch: number, withinMs: number, signal: AbortSignal): Promise<void>;
	/** The guard of a container that was made just now learns of the lease. */
	arm(container: ContainerId, epoch: number): Promise<void>;
	/** Nothing of it runs here, nor will before `acquire`: the next owner need not wait for the end of the lease. */
	release(container: ContainerId): void;
	/** What was released is asked for again, if it is wanted still. */
	reclaim(container: ContainerId): void;
	/** null for one that is not asked for here. */
	standing(container: ContainerId): LeaseStanding | null;
	subscribe(listener: () => void): () => void;
	/** Promises of containers that are removed are forgotten. */
	forget(isRemoved: (container: ContainerId) => boolean): void;
}

type LeaseQuestions = Extract<LeaseFrame, { kind: "ask" }>;

interface Supposing {
	readonly yes: Set<NodeId>;
	epochPromised: number;
	readonly done: () => void;
}

export class Leases implements LeasesPort {
	readonly #options: LeasesOptions;
	readonly #voter: Voter;
	readonly #electorate: ElectorateKeeper;
	readonly #session: number;
	readonly #holds = new Map<ContainerId, Hold>();
	readonly #acquiring = new Map<ContainerId, number>();
	/** Under which epoch; not asked for under that one until they are acquired again or reclaimed. */
	readonly #released = new Map<ContainerId, number>();
	/** By container the last question before its latest release: a yes to it, or to one before, is void. */
	readonly #floors = new Map<ContainerId, number>();
	readonly #sent = new Map<number, { readonly atMs: number; readonly voters: number }>();
	readonly #supposing = new Map<number, Supposing>();
	readonly #listeners = new Set<() => void>();
	#wanted: ReadonlyMap<ContainerId, number> = new Map();
	#question = 0;
	#cancelTick: () => void = () => {};
	#undo: () => void = () => {};
	#stopped = false;

	constructor(options: LeasesOptions) {
		this.#options = options;
		const { self, clock, promises, isForgetful, chance, mesh } = options;
		this.#session = Buffer.from(chance.bytes(6)).readUIntBE(0, 6);
		const mayRunHere = (container: ContainerId) =>
			(this.#holds.get(container)?.untilMs ?? Number.NEGATIVE_INFINITY) > options.guard.nowMs();
		const votesUnder = () => this.#electorate.votesUnder();
		this.#voter = createVoter({ self, clock, promises, isForgetful, mayRunHere, votesUnder });
		this.#electorate = createElectorate({
			...options,
			lastYesMs: this.#voter.lastYesMs,
			send: (to, frame) => mesh.send(to, "consent", frame),
			onChange: () => this.#onVoters(),
		});
	}

	start(): void {
		const { mesh } = this.#options;
		const undo = [
			mesh.onFrame("lease", (from, bytes) => this.#take(from, bytes)),
			mesh.onFrame("consent", (from, bytes) => !this.#stopped && this.#electorate.take(from, bytes)),
		];
		this.#undo = () => {
			for (const step of undo) step();
		};
		this.#tick();
	}

	async stop(): Promise<void> {
		this.#stopped = true;
		this.#cancelTick();
		this.#undo();
		await this.#options.promises.close();
	}

	holds(container: ContainerId, epoch: number): boolean {
		const hold = this.#holds.get(container);
		return hold !== undefined && hold.epoch === epoch && hold.untilMs > this.#options.guard.nowMs();
	}

	outbidAbove(container: ContainerId, epoch: number): number | null {
		const hold = this.#holds.get(container);
		return hold?.epoch === epoch ? outbidAbove(hold, this.#options.guard.nowMs()) : null;
	}

	keep(wanted: ReadonlyMap<ContainerId, number>): void {
		this.#wanted = wanted;
		for (const container of this.#released.keys()) if (!wanted.has(container)) this.#released.delete(container);
		this.#refresh();
	}

	async wouldGrant(container: ContainerId, epoch: number, owner: NodeId) {
		const electorate = this.#electorate.current();
		if (electorate === null) return { granted: false, epochPromised: 0 };
		const question = ++this.#question;
		const supposing = await new Promise<Supposing>((resolve) => {
			const cancel = this.#options.clock.after(SUPPOSE_MS_MAX, () => finish());
			const finish = () => {
				cancel();
				this.#supposing.delete(question);
				resolve(one);
			};
			const one: Supposing = {
				yes: new Set(),
				epochPromised: 0,
				done: () => hasMajority(one.yes, electorate) && finish(),
			};
			this.#supposing.set(question, one);
			const wishes = [{ container, epoch }];
			this.#askAll(electorate, { question, owner, wishes });
		});
		return { granted: hasMajority(supposing.yes, electorate), epochPromised: supposing.epochPromised };
	}

	async acquire(container: ContainerId, epoch: number, withinMs: number, signal: AbortSignal): Promise<void> {
		this.#released.delete(container);
		this.#acquiring.set(container, epoch);
		try {
			this.#refresh();
			await this.#held(container, epoch, withinMs, signal);
			await this.arm(container, epoch);
		} finally {
			this.#acquiring.delete(container);
		}
	}

	async arm(container: ContainerId, epoch: number): Promise<void> {
		const untilMs = this.#holds.get(container)?.untilMs ?? 0;
		if (this.holds(container, epoch)) await this.#options.guard.extend(container, epoch, untilMs);
	}

	release(container: ContainerId): void {
		const epoch = this.#holds.get(container)?.epoch ?? this.#wanted.get(container);
		if (epoch === undefined) return;
		this.#holds.delete(container);
		const question = this.#question;
		this.#released.set(container, epoch);
		this.#floors.set(container, question);
		const frame = { kind: "release", session: this.#session, question, containers: [container] } as const;
		this.#voter.release(this.#options.self, frame);
		this.#send(frame, this.#voters());
	}

	reclaim(container: ContainerId): void {
		if (this.#released.delete(container)) this.#refresh();
	}

	standing(container: ContainerId): LeaseStanding | null {
		const hold = this.#holds.get(container);
		if (hold === undefined) return null;
		const nowMs = this.#options.guard.nowMs();
		const voters = this.#voters();
		const saidYes = voters.filter((voter) => (hold.yesToSentMs.get(voter) ?? 0) > nowMs - 2 * RENEW_MS);
		return { leftMs: Math.max(0, hold.untilMs - nowMs), saidYes, voters, epochRefused: hold.refused?.epoch ?? null };
	}

	subscribe(listener: () => void): () => void {
		this.#listeners.add(listener);
		return () => void this.#listeners.delete(listener);
	}

	forget(isRemoved: (container: ContainerId) => boolean): void {
		this.#voter.forget(isRemoved);
	}

	#held(container: ContainerId, epoch: number, withinMs: number, signal: AbortSignal): Promise<void> {
		return new Promise((resolve, reject) => {
			const undo: (() => void)[] = [];
			const finish = (act: () => void) => {
				for (const step of undo.splice(0)) step();
				act();
			};
			const look = () => this.holds(container, epoch) && finish(resolve);
			const onAbort = () => finish(() => reject(signal.reason));
			undo.push(
				this.subscribe(look),
				this.#options.clock.after(withinMs, () => finish(() => reject(noMajority(container)))),
				() => signal.removeEventListener("abort", onAbort),
			);
			signal.addEventListener("abort", onAbort, { once: true });
			if (signal.aborted) onAbort();
			else look();
		});
	}

	#voters(): readonly NodeId[] {
		return this.#electorate.current()?.voters ?? [];
	}

	/** What others voters said counts for nothing among these; a lease that was had ends when it ends. */
	#onVoters(): void {
		for (const [container, hold] of this.#holds)
			this.#holds.set(container, { ...hold, yesToSentMs: new Map(), askedAtMs: Number.NEGATIVE_INFINITY });
		if (!this.#stopped) this.#refresh();
	}

	#tick(): void {
		if (this.#stopped) return;
		this.#refresh();
		this.#cancelTick = this.#options.clock.after(TICK_MS, () => this.#tick());
	}

	/** Asks for what is new and for what is due; lets go of what is not wanted any more. */
	#refresh(): void {
		this.#electorate.refresh();
		const electorate = this.#electorate.current();
		if (electorate === null) return;
		const nowMs = this.#options.guard.nowMs();
		const wanted = new Map([...this.#wanted, ...this.#acquiring]);
		for (const container of this.#holds.keys()) if (!wanted.has(container)) this.#holds.delete(container);
		const due: LeaseWish[] = [];
		for (const [container, epoch] of wanted) {
			if (this.#released.get(container) === epoch) continue;
			let hold = this.#holds.get(container);
			if (hold === undefined || hold.epoch !== epoch) hold = newHold(epoch);
			const isDue = nowMs - hold.askedAtMs >= (hold.untilMs > nowMs ? RENEW_MS : RENEW_MS / 2);
			if (isDue) due.push({ container, epoch });
			this.#holds.set(container, isDue ? { ...hold, askedAtMs: nowMs } : hold);
		}
		for (let at = 0; at < due.length; at += LEASES_IN_FRAME_MAX)
			this.#ask(electorate, due.slice(at, at + LEASES_IN_FRAME_MAX), nowMs);
	}

	#ask(electorate: Voters, wishes: readonly LeaseWish[], nowMs: number): void {
		const question = ++this.#question;
		this.#sent.set(question, { atMs: nowMs, voters: electorate.digest });
		const [oldest] = this.#sent.keys();
		if (this.#sent.size > QUESTIONS_MAX && oldest !== undefined) {
			this.#sent.delete(oldest);
			for (const [container, floor] of this.#floors) if (floor <= oldest) this.#floors.delete(container);
		}
		this.#askAll(electorate, { question, owner: null, wishes });
	}

	/** This node is asked as any other, without the mesh. */
	#askAll({ voters, digest }: Voters, about: Pick<LeaseQuestions, "question" | "owner" | "wishes">): void {
		const { self } = this.#options;
		const frame = { kind: "ask", session: this.#session, voters: digest, ...about } as const;
		this.#send(frame, voters);
		if (voters.includes(self)) this.#answer(self, frame);
	}

	#send(frame: LeaseFrame, to: readonly NodeId[]): void {
		const { self, mesh } = this.#options;
		const bytes = encodeLeaseFrame(frame);
		for (const voter of to) if (voter !== self) mesh.send(voter, "lease", bytes);
	}

	#take(from: NodeId, bytes: Uint8Array): void {
		if (this.#stopped) return;
		let frame: LeaseFrame;
		try {
			frame = decodeLeaseFrame(bytes);
		} catch (thrown) {
			this.#options.logger.warn("a peer sent what is no lease frame", { peer: from, reason: String(thrown) });
			return;
		}
		if (frame.kind === "ask") this.#answer(from, frame);
		else if (frame.kind === "release") this.#voter.release(from, frame);
		else this.#hear(from, frame);
	}

	#answer(from: NodeId, asked: LeaseQuestions): void {
		const { self, mesh, logger } = this.#options;
		const { session, question } = asked;
		this.#voter.answer(from, asked).then(
			(answers) => {
				const frame = { kind: "answer", session, question, answers } as const;
				if (this.#stopped) return;
				if (from === self) this.#hear(self, frame);
				else mesh.send(from, "lease", encodeLeaseFrame(frame));
			},
			(thrown) => {
				const { message } = asSwarmError(thrown, "keep a promise");
				logger.warn("a question for a lease is not answered: the disk takes no promise", { reason: message });
			},
		);
	}

	#hear(from: NodeId, { session, question, answers }: Extract<LeaseFrame, { kind: "answer" }>): void {
		if (session !== this.#session || !this.#voters().includes(from)) return;
		const supposing = this.#supposing.get(question);
		for (const answer of answers) {
			if (supposing !== undefined) {
				if (answer.granted) supposing.yes.add(from);
				supposing.epochPromised = Math.max(supposing.epochPromised, answer.epochPromised);
			} else this.#count(from, question, answer);
		}
		supposing?.done();
	}

	#count(from: NodeId, question: number, { container, epoch, granted, epochPromised }: LeaseAnswer): void {
		const { guard, logger } = this.#options;
		const hold = this.#holds.get(container);
		const sent = this.#sent.get(question);
		if (hold === undefined || hold.epoch !== epoch || sent === undefined) return;
		const electorate = this.#electorate.current();
		if (electorate === null || sent.voters !== electorate.digest) return;
		if (question <= (this.#floors.get(container) ?? 0)) return;
		const nowMs = guard.nowMs();
		const next = granted ? withYes(hold, from, sent.atMs, electorate) : withRefusal(hold, epochPromised, nowMs);
		this.#holds.set(container, next);
		if (next.untilMs <= hold.untilMs) return;
		guard.extend(container, epoch, next.untilMs).catch((thrown: unknown) => {
			logger.debug("the guard of a container does not answer", { container, reason: String(thrown) });
		});
		if (hold.untilMs <= nowMs && next.untilMs > nowMs) for (const listener of [...this.#listeners]) listener();
	}
}

function hasMajority(yes: ReadonlySet<NodeId>, { voters, before }: Voters): boolean {
	return isMajority(yes, voters) && (before === null || isMajority(yes, before));
}

function noMajority(container: ContainerId): SwarmError {
	const wanted = "a majority of the members and witnesses must agree that it runs here";
	return new SwarmError("timeout", `Cannot run ${container}: it has no lease, ${wanted}`, { retryable: true });
}
