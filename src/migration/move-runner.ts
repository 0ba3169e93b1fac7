// Runs one machine: takes events one after the other, writes the journal before the effects of a phase, runs the effects and
// turns their ends into events. What an effect of an earlier phase says comes too late and is dropped.

import { asSwarmError, type SwarmError } from "../errors.js";
import type { Logger } from "../log.js";
import type { MoveEffect, MoveEvent, Step } from "./machine.js";

export interface RunnerInit<P extends string> {
	readonly phase: P;
	readonly name: string;
	readonly logger: Logger;
	readonly step: (phase: P, event: MoveEvent) => Step<P> | null;
	/** Before the effects of the new phase. A throw counts as `failed` of it; a phase that fails into itself must not throw. */
	readonly entered: (phase: P, event: MoveEvent) => void;
	/** Gives the event that ends it, or null when another source of events will. Aborted when the phase is left. */
	readonly perform: (effect: MoveEffect, signal: AbortSignal) => Promise<MoveEvent | null> | MoveEvent | null;
}

export class MoveRunner<P extends string> {
	readonly #init: RunnerInit<P>;
	#phase: P;
	#leaving = new AbortController();
	#stopped = false;
	/** Why the move failed: the first failure counts. */
	error: SwarmError | null = null;

	constructor(init: RunnerInit<P>) {
		this.#init = init;
		this.#phase = init.phase;
	}

	get phase(): P {
		return this.#phase;
	}

	/** Events that the phase has no row for change nothing. Returns whether it had one. */
	post(event: MoveEvent, cause?: unknown): boolean {
		const { name, logger, step } = this.#init;
		if (this.#stopped) return false;
		if (cause !== undefined) this.error ??= asSwarmError(cause, `move ${name}`);
		const next = step(this.#phase, event);
		if (next === null) return false;
		// A row that stays and does nothing: what is under way goes on.
		if (next.phase === this.#phase && next.effects.length === 0) return true;
		const again = next.phase === this.#phase;
		const fields = { move: name, from: this.#phase, event, to: next.phase };
		const details = cause === undefined ? fields : { ...fields, error: String(cause) };
		if (cause === undefined || again) logger.debug("move", details);
		else logger.warn("move", details);
		this.#leaving.abort(new Error(`the move left phase ${this.#phase}`));
		this.#leaving = new AbortController();
		this.#phase = next.phase;
		try {
			this.#init.entered(next.phase, event);
		} catch (thrown) {
			queueMicrotask(() => this.post("failed", thrown));
			return true;
		}
		this.run(next.effects);
		return true;
	}

	/** Effects of the present phase. */
	run(effects: readonly MoveEffect[]): void {
		const { signal } = this.#leaving;
		for (const effect of effects) {
			if (signal.aborted) break;
			this.#run(effect, signal);
		}
	}

	/** Drops everything: no event and no effect counts any more. */
	halt(reason: Error): void {
		this.#stopped = true;
		this.#leaving.abort(reason);
	}

	#run(effect: MoveEffect, signal: AbortSignal): void {
		const settle = (event: MoveEvent | null, cause?: unknown) => {
			if (event !== null && !signal.aborted) this.post(event, cause);
		};
		try {
			const result = this.#init.perform(effect, signal);
			if (result instanceof Promise) result.then(settle, (thrown: unknown) => settle("failed", thrown));
			else if (result !== null) queueMicrotask(() => settle(result));
		} catch (thrown) {
			queueMicrotask(() => settle("failed", thrown));
		}
	}
}
