// Checks the containers of this node that have a health check, each on its own timer, and tells what became of them. Without such a
// container it has no timer at all. Must never act on a container: plan.ts decides what follows.

import type { Clock } from "../../clock.js";
import type { Logger } from "../../log.js";
import { withinMs } from "../../mesh/within.js";
import type { ContainerHealth, ContainerId } from "../../model.js";
import type { ContainerState, Runtime } from "../../runtime/runtime.js";
import { LOCAL_RUN_PREFIX } from "../plan.js";
import type { ProbeHealth } from "./probe.js";
import { firstHealth, type HealthCount, healthAfter, nextCheckMs, START_INTERVAL_MS } from "./step.js";

/** The others wait: a thousand checks that come due at once must not be a thousand processes. */
export const CHECKS_AT_ONCE_MAX = 8;

export interface HealthChecksOptions {
	readonly runtime: Pick<Runtime, "list" | "get" | "subscribe">;
	readonly probe: ProbeHealth;
	readonly clock: Clock;
	readonly logger: Logger;
	/** What this node had found before its daemon was started again; null: nothing. */
	readonly known: (container: ContainerId, epoch: number) => ContainerHealth | null;
	/** The status of a container changed; `of` gives it. */
	readonly onChange: (container: ContainerId) => void;
}

interface Watch {
	readonly epoch: number;
	readonly abort: AbortController;
	count: HealthCount;
	cancelTimer: () => void;
}

export class HealthChecks {
	readonly #options: HealthChecksOptions;
	readonly #watches = new Map<ContainerId, Watch>();
	readonly #waiting: (() => void)[] = [];
	#atWork = 0;
	#unsubscribe: () => void = () => {};

	constructor(options: HealthChecksOptions) {
		this.#options = options;
	}

	start(): void {
		this.#unsubscribe = this.#options.runtime.subscribe((state) => this.#look(state));
		for (const state of this.#options.runtime.list()) this.#look(state);
	}

	stop(): void {
		this.#unsubscribe();
		for (const container of [...this.#watches.keys()]) this.#end(container);
	}

	/** null for a container that has no check, or has ended. */
	of(container: ContainerId): ContainerHealth | null {
		return this.#watches.get(container)?.count.health ?? null;
	}

	/** Checks what runs, and nothing else: a paused container answers nobody, and what it knew stays. */
	#look(state: ContainerState): void {
		const { container, epoch, phase, spec } = state;
		const watch = this.#watches.get(container);
		const isChecked = spec.health !== null && !container.startsWith(LOCAL_RUN_PREFIX);
		if (watch !== undefined && (!isChecked || watch.epoch !== epoch || hasLeft(phase))) this.#end(container);
		if (!isChecked || phase !== "running" || this.#watches.has(container)) return;
		this.#begin(state);
	}

	#begin({ container, epoch, spec }: ContainerState): void {
		const { clock, known } = this.#options;
		const before = known(container, epoch);
		const fresh = firstHealth(clock.nowMs());
		const count = before?.status === "healthy" ? { ...fresh, health: before } : fresh;
		const watch: Watch = { epoch, abort: new AbortController(), count, cancelTimer: () => {} };
		this.#watches.set(container, watch);
		this.#checkIn(container, watch, Math.min(START_INTERVAL_MS, spec.health?.intervalMs ?? START_INTERVAL_MS));
		this.#options.onChange(container);
	}

	#end(container: ContainerId): void {
		const watch = this.#watches.get(container);
		this.#watches.delete(container);
		watch?.cancelTimer();
		watch?.abort.abort(new Error("it runs no longer"));
	}

	#checkIn(container: ContainerId, watch: Watch, delayMs: number): void {
		watch.cancelTimer = this.#options.clock.after(delayMs, () => void this.#check(container, watch));
	}

	async #check(container: ContainerId, watch: Watch): Promise<void> {
		await this.#turn();
		try {
			await this.#ask(container, watch);
		} finally {
			this.#atWork -= 1;
			this.#waiting.shift()?.();
		}
	}

	/** Resolves when fewer than CHECKS_AT_ONCE_MAX are at work; each container waits at most once. */
	#turn(): Promise<void> {
		if (this.#atWork < CHECKS_AT_ONCE_MAX) {
			this.#atWork += 1;
			return Promise.resolve();
		}
		return new Promise((resolve) => {
			this.#waiting.push(() => {
				this.#atWork += 1;
				resolve();
			});
		});
	}

	async #ask(container: ContainerId, watch: Watch): Promise<void> {
		const { runtime, probe, clock } = this.#options;
		const state = runtime.get(container);
		const check = state?.spec.health ?? null;
		if (watch.abort.signal.aborted || state === null || check === null) return;
		if (state.phase !== "running") return this.#checkIn(container, watch, check.intervalMs);
		const failure = await withinMs(clock, check.timeoutMs, watch.abort.signal, (signal) =>
			probe(state, check.probe, signal),
		).then(
			() => null,
			(thrown: unknown) => (thrown instanceof Error ? thrown.message : String(thrown)),
		);
		if (watch.abort.signal.aborted) return;
		const nowMs = clock.nowMs();
		const runsForMs = Math.max(0, nowMs - (state.startedAtMs ?? nowMs));
		const before = watch.count;
		watch.count = healthAfter(before, failure, check, { nowMs, runsForMs });
		this.#checkIn(container, watch, nextCheckMs(watch.count, check, runsForMs));
		if (watch.count.health === before.health) return;
		this.#options.logger.info("health changed", { container, ...watch.count.health });
		this.#options.onChange(container);
	}
}

/** It will not run on in this epoch, or not here. */
function hasLeft(phase: ContainerState["phase"]): boolean {
	return phase === "stopping" || phase === "stopped" || phase === "failed" || phase === "checkpointing";
}
