// Keeps members connected: dials whoever is missing, with back-off and jitter, for as long as it is wanted. When one that did not
// answer is there again, a split may have healed: the others that do not answer are tried soon, too.
// Must never: dial one node twice at once, dial without a limit of time, log the same failure again and again.

import type { Chance, Clock } from "../clock.js";
import { asSwarmError, SwarmError } from "../errors.js";
import type { Logger } from "../log.js";
import type { NodeId } from "../model.js";
import type { Member } from "./join.js";
import { backOffMs } from "./pace.js";

export const DIAL_MS_MAX = 15_000;
/** A handshake costs some 10 ms of CPU at each end; many at once would all run out of time. */
const DIALS_AT_ONCE_MAX = 4;
/** Both ends know each other: the lower id dials, the higher only when nothing came. */
const YIELD_MS = 500;
/** When a peer came back, others are tried within this time … */
const HURRY_MS_MAX = 300;
/** … each no sooner again than after this, however many come back. */
const HURRY_PERIOD_MS = 2_000;
/** Between two looks whether there is room for one more dial, up to twice this. */
const ROOM_MS = 100;

export interface RedialOptions {
	readonly self: NodeId;
	readonly clock: Clock;
	readonly chance: Chance;
	readonly logger: Logger;
	isConnected(node: NodeId): boolean;
	/** Resolves when the member is connected and proved. */
	dial(member: Member, signal: AbortSignal): Promise<void>;
}

interface Wanted {
	member: Member;
	failures: number;
	lastFailure: string | null;
	cancelTimer: (() => void) | null;
	attempt: Promise<void> | null;
	hurriedAtMs: number;
	/** While an attempt was under way, which may have gone into the split: the next one follows it soon. */
	isHurried: boolean;
}

export class Redialer {
	readonly #options: RedialOptions;
	readonly #wanted = new Map<NodeId, Wanted>();
	readonly #stopped = new AbortController();
	#dialling = 0;

	constructor(options: RedialOptions) {
		this.#options = options;
	}

	/** Replaces the set; a changed address is tried at once. */
	want(members: readonly Member[]): void {
		const others = members.filter((member) => member.node !== this.#options.self);
		const keep = new Set(others.map((member) => member.node));
		for (const [node, wanted] of this.#wanted) {
			if (keep.has(node)) continue;
			wanted.cancelTimer?.();
			this.#wanted.delete(node);
		}
		for (const member of others) {
			const wanted = this.#wanted.get(member.node);
			if (wanted !== undefined && sameAddresses(wanted.member, member)) continue;
			wanted?.cancelTimer?.();
			const fresh = { member, failures: 0, lastFailure: null, cancelTimer: null };
			this.#wanted.set(member.node, Object.assign(wanted ?? unhurried(), fresh));
			this.#schedule(member.node);
		}
	}

	/** Call when a peer's last link ended. */
	lost(node: NodeId): void {
		this.#schedule(node);
	}

	/** Call when a peer has a link. */
	found(node: NodeId): void {
		const wanted = this.#wanted.get(node);
		if (wanted === undefined) return;
		const wasAway = wanted.failures > 0;
		wanted.cancelTimer?.();
		wanted.cancelTimer = null;
		wanted.failures = 0;
		wanted.lastFailure = null;
		if (wasAway) for (const other of this.#wanted.values()) this.#hurry(other);
	}

	/** One attempt now, shared with one that is under way. Code `unreachable` when it fails or nobody wants the node. */
	async now(node: NodeId): Promise<void> {
		const wanted = this.#wanted.get(node);
		if (wanted === undefined) throw new SwarmError("unreachable", `Cannot reach ${node}: no address is known`);
		wanted.cancelTimer?.();
		wanted.cancelTimer = null;
		await this.#attempt(wanted);
	}

	stop(): void {
		this.#stopped.abort(new SwarmError("aborted", "Cannot dial: the mesh stops"));
		for (const wanted of this.#wanted.values()) wanted.cancelTimer?.();
		this.#wanted.clear();
	}

	#hurry(wanted: Wanted): void {
		const { clock, chance, isConnected } = this.#options;
		const nowMs = clock.monotonicMs();
		if (wanted.failures === 0 || isConnected(wanted.member.node)) return;
		if (nowMs - wanted.hurriedAtMs < HURRY_PERIOD_MS) return;
		wanted.hurriedAtMs = nowMs;
		if (wanted.attempt !== null) wanted.isHurried = true;
		else this.#startIn(wanted, this.#yieldMs(wanted) + HURRY_MS_MAX * chance.fraction());
	}

	#yieldMs({ member }: Wanted): number {
		return this.#options.self < member.node ? 0 : YIELD_MS;
	}

	#schedule(node: NodeId): void {
		const wanted = this.#wanted.get(node);
		if (wanted === undefined || wanted.cancelTimer !== null || wanted.attempt !== null) return;
		if (this.#options.isConnected(node)) return;
		const failures = wanted.isHurried ? 0 : wanted.failures;
		wanted.isHurried = false;
		const first = failures === 0 ? this.#yieldMs(wanted) - backOffMs(0, 0) : 0;
		this.#startIn(wanted, Math.max(0, first + backOffMs(failures, this.#options.chance.fraction())));
	}

	#startIn(wanted: Wanted, delayMs: number): void {
		wanted.cancelTimer?.();
		wanted.cancelTimer = this.#options.clock.after(delayMs, () => {
			wanted.cancelTimer = null;
			if (this.#dialling < DIALS_AT_ONCE_MAX) this.#attempt(wanted).catch(() => {});
			else this.#startIn(wanted, this.#yieldMs(wanted) + ROOM_MS * (1 + this.#options.chance.fraction()));
		});
	}

	#attempt(wanted: Wanted): Promise<void> {
		const { node } = wanted.member;
		if (this.#stopped.signal.aborted || this.#options.isConnected(node)) return Promise.resolve();
		wanted.attempt ??= this.#dial(wanted).finally(() => {
			wanted.attempt = null;
			this.#schedule(node);
		});
		return wanted.attempt;
	}

	async #dial(wanted: Wanted): Promise<void> {
		const { logger, dial } = this.#options;
		const { node, addresses } = wanted.member;
		this.#dialling++;
		try {
			await dial(wanted.member, AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(DIAL_MS_MAX)]));
		} catch (thrown) {
			const error = asSwarmError(thrown, `reach ${node}`);
			wanted.failures++;
			if (error.message !== wanted.lastFailure && !this.#stopped.signal.aborted) {
				logger.info("a member does not answer", { peer: node, addresses, reason: error.message });
				wanted.lastFailure = error.message;
			}
			throw error;
		} finally {
			this.#dialling--;
		}
	}
}

function unhurried() {
	return { attempt: null, hurriedAtMs: Number.NEGATIVE_INFINITY, isHurried: false };
}

function sameAddresses(one: Member, other: Member): boolean {
	return (
		one.addresses.length === other.addresses.length && one.addresses.every((each) => other.addresses.includes(each))
	);
}
