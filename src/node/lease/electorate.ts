// The electorate that this node goes by, as asker and as voter, once it is on its disk, and how the next one is made when nodes join: a
// voter proposes it, a majority consents (crdt/electorates.ts), a record tells everybody. A yes counts between nodes that go by the same
// one. Two leases of one container never hold at once: under one electorate, because two majorities share a voter; under two that follow
// each other, because for as long as a lease of the earlier one can last an owner needs a majority of both; under the earliest and the
// latest of three, because the third is not accepted before leases of the first are over, or by a majority of the first that gave none.
// Must never: go by voters that the disk does not hold. A node that lost the end of its state in a power cut would
// take the few nodes that it still knows for all, and give itself a lease.

import { createHash } from "node:crypto";
import type { Chance, Clock } from "../../clock.js";
import {
	acceptedOf,
	type Consent,
	type Electorate,
	isMajority,
	noConsent,
	nodeOfVoter,
	type Proposal,
	promisedTo,
	proposalAfter,
	type Round,
} from "../../crdt/electorates.js";
import { LEASE_FOREIGN_MS } from "../../crdt/leases.js";
import { VOTERS_MAX } from "../../crdt/record-codec.js";
import type { Logger } from "../../log.js";
import type { ElectorateRecord, NodeId, VoterId } from "../../model.js";
import { type ConsentFrame, decodeConsentFrame, encodeConsentFrame, type VoterStanding } from "./consent-frames.js";
import type { Promises } from "./promises.js";

/** What a number of the wire holds. */
const DIGEST_BYTES = 6;
/** Voters propose one after the other, so that one does while the first ones live. */
const TURN_MS = 300;
const TURNS_MAX = 10;
/** An attempt that came to nothing is made again after one to two of these. */
const RETRY_MS = 1_000;

/** What a node goes by now: those who left are none of them any more. */
export interface Voters {
	readonly voters: readonly NodeId[];
	/** Of whom a lease needs a majority too; null: of none but `voters`. */
	readonly before: readonly NodeId[] | null;
	/** Names the electorate and who left; the same on every node. */
	readonly digest: number;
}

/** What the replicated state says, and who speaks for it. */
export interface ElectoratePort {
	/** The latest that was told. */
	told(): ElectorateRecord | null;
	tell(record: ElectorateRecord): void;
	/** Who should vote: members and witnesses that have not left. */
	members(): readonly VoterId[];
	/** Whether the state knows nothing of its node: it has lost it, or not heard of it yet. */
	isUnknown(voter: VoterId): boolean;
	/** Left, or forgotten by somebody; also when its node has joined again since. */
	hasLeft(voter: VoterId): boolean;
}

export interface ElectorateKeeper {
	/** null until one is on the disk. */
	current(): Voters | null;
	/** What this node votes under; null: nothing, for it has none, or has accepted the next. */
	votesUnder(): number | null;
	/** Looks at the state, and goes on with what is to be decided. `onChange` follows when others vote. */
	refresh(): void;
	take(from: NodeId, bytes: Uint8Array): void;
}

export interface ElectorateOptions {
	readonly self: NodeId;
	readonly clock: Clock;
	readonly chance: Chance;
	readonly logger: Logger;
	readonly promises: Pick<Promises, "electorate" | "consent" | "keepElectorate" | "keepConsent">;
	/** What it consented to in its last life may be lost. */
	readonly isForgetful: boolean;
	readonly state: ElectoratePort;
	/** When this node last said yes to a lease, or may have done so before it was started; -Infinity: never. */
	readonly lastYesMs: () => number;
	readonly send: (to: NodeId, frame: Uint8Array) => void;
	readonly onChange: () => void;
}

/** A round of this node's. */
interface Attempt {
	readonly round: Round;
	readonly promises: Map<NodeId, Proposal | null>;
	/** Who can accept now. */
	readonly ready: Map<NodeId, VoterStanding>;
	/** What is proposed; null: the first phase is not over. */
	voters: readonly VoterId[] | null;
	readonly accepted: Map<NodeId, VoterStanding>;
}

export function createElectorate(options: ElectorateOptions): ElectorateKeeper {
	return new Keeper(options);
}

class Keeper implements ElectorateKeeper {
	readonly #options: ElectorateOptions;
	readonly #startedAtMs: number;
	#decided: Electorate | null;
	#consent: Consent;
	#voters: Omit<Voters, "before"> | null = null;
	#isKeeping = false;
	#adoptedAtMs: number;
	/** The last yes under the electorate before. */
	#yesBeforeMs: number;
	#attempt: Attempt | null = null;
	#highestCount = 0;
	/** null: nothing is to be decided. */
	#tryAtMs: number | null = null;

	constructor(options: ElectorateOptions) {
		this.#options = options;
		const { promises, clock, lastYesMs } = options;
		this.#startedAtMs = clock.monotonicMs();
		this.#decided = promises.electorate;
		const next = (this.#decided?.number ?? -1) + 1;
		this.#consent = promises.consent?.number === next ? promises.consent : noConsent(next);
		[this.#adoptedAtMs, this.#yesBeforeMs] = [this.#startedAtMs, lastYesMs()];
		this.#voters = this.#decided === null ? null : this.#votersNow(this.#decided);
	}

	current(): Voters | null {
		if (this.#voters === null) return null;
		const isJoint = this.#standing() !== "settled";
		const before = isJoint ? this.#before() : [];
		return { ...this.#voters, before: before.length > 0 ? before : null };
	}

	votesUnder(): number | null {
		return this.#consent.accepted === null ? (this.#voters?.digest ?? null) : null;
	}

	refresh(): void {
		if (this.#isKeeping) return;
		const { self, state, onChange } = this.#options;
		const told = state.told();
		const decided = this.#decided;
		if (told !== null && told.number > (decided?.number ?? -1)) void this.#adopt(told);
		else if (decided !== null) {
			const voters = this.#votersNow(decided);
			if (voters.digest !== this.#voters?.digest) {
				this.#voters = voters;
				onChange();
			}
			const isTold = told !== null && told.number === decided.number;
			if (!isTold && voters.voters.includes(self)) state.tell({ kind: "electorate", ...decided, writer: self });
			if (voters.voters.length === 0) this.#beginAnew(decided.number);
			else if (voters.voters.includes(self)) this.#propose(voters.voters);
		}
	}

	/** All who voted have left or were forgotten by somebody: there is nobody to consent, and nobody to object. */
	#beginAnew(number: number): void {
		const voters = this.#wish();
		const [first] = voters;
		if (first !== undefined && nodeOfVoter(first) === this.#options.self)
			void this.#adopt({ number: number + 1, voters, before: [] });
	}

	take(from: NodeId, bytes: Uint8Array): void {
		let frame: ConsentFrame;
		try {
			frame = decodeConsentFrame(bytes);
		} catch (thrown) {
			this.#options.logger.warn("a peer sent what is no consent frame", { peer: from, reason: String(thrown) });
			return;
		}
		this.#hear(from, frame).catch((thrown: unknown) => {
			this.#options.logger.warn("a change of the voters waits: the disk takes no consent", { reason: String(thrown) });
		});
	}

	async #hear(from: NodeId, frame: ConsentFrame): Promise<void> {
		// Who is behind learns it from the record, who is ahead has told it.
		if (frame.number !== this.#consent.number || !this.#voters?.voters.includes(from)) return;
		if (frame.kind === "prepare") await this.#prepare(from, frame);
		else if (frame.kind === "accept") await this.#accept(from, frame);
		else if (frame.kind === "promise") await this.#onPromise(from, frame);
		else await this.#onAccepted(from, frame);
	}

	// As a voter who is asked.

	async #prepare(from: NodeId, { number, count }: Extract<ConsentFrame, { kind: "prepare" }>): Promise<void> {
		if (!this.#mayConsent()) return;
		const next = promisedTo(this.#consent, { count, by: from });
		if (next !== null) await this.#keep(next);
		const promised = next === null ? this.#consent.promised : null;
		const { accepted } = next ?? this.#consent;
		this.#answer(from, { kind: "promise", number, count, promised, accepted, standing: this.#standing() });
	}

	async #accept(from: NodeId, { number, count, voters }: Extract<ConsentFrame, { kind: "accept" }>): Promise<void> {
		const standing = this.#standing();
		if (!this.#mayConsent() || standing === "busy") return;
		const next = acceptedOf(this.#consent, { round: { count, by: from }, voters });
		if (next === null) return;
		await this.#keep(next);
		this.#answer(from, { kind: "accepted", number, count, standing });
	}

	/** What it had said may be lost with its file: what came of it is known to others meanwhile. */
	#mayConsent(): boolean {
		const { isForgetful, clock, self } = this.#options;
		const isQuiet = isForgetful && clock.monotonicMs() - this.#startedAtMs < LEASE_FOREIGN_MS;
		return !isQuiet && (this.#voters?.voters.includes(self) ?? false);
	}

	#standing(): VoterStanding {
		const nowMs = this.#options.clock.monotonicMs();
		if (nowMs - this.#adoptedAtMs >= LEASE_FOREIGN_MS) return "settled";
		return nowMs - this.#yesBeforeMs >= LEASE_FOREIGN_MS ? "idle" : "busy";
	}

	/** Counts at once, so that nothing lower is taken meanwhile; nobody hears of it before the disk has it. */
	async #keep(consent: Consent): Promise<void> {
		this.#consent = consent;
		await this.#options.promises.keepConsent(consent);
	}

	/** This node is asked as any other, without the mesh. */
	#answer(to: NodeId, frame: ConsentFrame): void {
		const { self, send } = this.#options;
		if (to === self) void this.#hear(self, frame);
		else send(to, encodeConsentFrame(frame));
	}

	// As the one who asks.

	#propose(voters: readonly NodeId[]): void {
		const { self, clock, chance } = this.#options;
		const { accepted, number } = this.#consent;
		const known = this.#decided?.voters ?? [];
		// Who left is none of them without more: only newcomers make another electorate.
		if (accepted === null && this.#wish().every((voter) => known.includes(voter))) {
			this.#tryAtMs = null;
			return;
		}
		const nowMs = clock.monotonicMs();
		const turn = (voters.indexOf(self) + voters.length - (number % voters.length)) % voters.length;
		const first = Math.min(turn, TURNS_MAX) * TURN_MS + (accepted === null ? 0 : RETRY_MS);
		this.#tryAtMs ??= nowMs + first;
		if (nowMs < this.#tryAtMs) return;
		this.#tryAtMs = nowMs + RETRY_MS * (1 + chance.fraction());
		this.#begin().catch((thrown: unknown) => {
			this.#options.logger.warn("a change of the voters waits: the disk takes no consent", { reason: String(thrown) });
		});
	}

	/** Rising order. */
	#wish(): readonly VoterId[] {
		const { state } = this.#options;
		const kept = (this.#decided?.voters ?? []).filter((voter) => state.isUnknown(voter));
		return [...new Set([...state.members(), ...kept])].sort().slice(0, VOTERS_MAX);
	}

	/** Its own promise is on the disk before others hear of the round: no life of this node uses one twice. */
	async #begin(): Promise<void> {
		const { self } = this.#options;
		const { number, promised } = this.#consent;
		if (!this.#mayConsent()) return;
		const round = { count: Math.max(promised?.count ?? 0, this.#highestCount) + 1, by: self };
		this.#highestCount = round.count;
		this.#attempt = { round, promises: new Map(), ready: new Map(), voters: null, accepted: new Map() };
		await this.#prepare(self, { kind: "prepare", number, count: round.count });
		this.#askOthers({ kind: "prepare", number, count: round.count });
	}

	#askOthers(frame: ConsentFrame): void {
		const { self, send } = this.#options;
		const bytes = encodeConsentFrame(frame);
		for (const voter of this.#voters?.voters ?? []) if (voter !== self) send(voter, bytes);
	}

	async #onPromise(from: NodeId, frame: Extract<ConsentFrame, { kind: "promise" }>): Promise<void> {
		const attempt = this.#attempt;
		if (attempt?.round.count !== frame.count || attempt.voters !== null) return;
		if (frame.promised !== null) {
			this.#highestCount = Math.max(this.#highestCount, frame.promised.count);
			return;
		}
		attempt.promises.set(from, frame.accepted);
		// Nobody is asked to accept what a busy one would keep waiting: who has accepted says no to leases meanwhile.
		if (frame.standing !== "busy") attempt.ready.set(from, frame.standing);
		if (!this.#isEnough(attempt.ready)) return;
		const voters = proposalAfter(attempt.promises.values(), this.#wish());
		attempt.voters = voters;
		const { number, count } = frame;
		await this.#accept(this.#options.self, { kind: "accept", number, count, voters });
		this.#askOthers({ kind: "accept", number, count, voters });
	}

	async #onAccepted(from: NodeId, { count, standing }: Extract<ConsentFrame, { kind: "accepted" }>): Promise<void> {
		const [attempt, decided] = [this.#attempt, this.#decided];
		if (attempt?.round.count !== count || attempt.voters === null || decided === null) return;
		attempt.accepted.set(from, standing);
		if (!this.#isEnough(attempt.accepted) || this.#isKeeping) return;
		await this.#adopt({ number: decided.number + 1, voters: attempt.voters, before: decided.voters });
	}

	/** A majority; and, while leases of the electorate before may hold, a majority of that one which gave none. */
	#isEnough(said: ReadonlyMap<NodeId, VoterStanding>): boolean {
		const voters = this.#voters?.voters ?? [];
		const before = this.#before();
		const settled = new Map([...said].filter(([, standing]) => standing === "settled"));
		return isMajority(said, voters) && (isMajority(settled, voters) || before.length === 0 || isMajority(said, before));
	}

	async #adopt({ number, voters, before }: Electorate): Promise<void> {
		const { promises, clock, logger, lastYesMs, onChange } = this.#options;
		this.#isKeeping = true;
		try {
			await promises.keepElectorate({ number, voters, before });
		} catch (thrown) {
			logger.warn("the voters changed and the disk does not take them: the old ones count", { reason: String(thrown) });
			return;
		} finally {
			this.#isKeeping = false;
		}
		this.#decided = { number, voters, before };
		this.#consent = noConsent(number + 1);
		[this.#adoptedAtMs, this.#yesBeforeMs] = [clock.monotonicMs(), lastYesMs()];
		[this.#attempt, this.#tryAtMs] = [null, null];
		this.#voters = this.#votersNow(this.#decided);
		logger.info("others vote on leases now", { number, voters: voters.length });
		onChange();
		this.refresh();
	}

	#votersNow({ number, voters }: Electorate): Omit<Voters, "before"> {
		const { state } = this.#options;
		return votersOf(
			number,
			voters.filter((voter) => !state.hasLeft(voter)),
		);
	}

	/** Of those who vote now, who did before too. */
	#before(): readonly NodeId[] {
		const voters = this.#voters?.voters ?? [];
		return (this.#decided?.before ?? []).map(nodeOfVoter).filter((node) => voters.includes(node));
	}
}

/** Pure. */
export function votersOf(number: number, voters: readonly VoterId[]): Omit<Voters, "before"> {
	const sorted = [...voters].sort();
	const hash = createHash("sha256")
		.update(`${number} ${sorted.join(" ")}`)
		.digest();
	return { voters: sorted.map(nodeOfVoter), digest: hash.readUIntBE(0, DIGEST_BYTES) };
}
