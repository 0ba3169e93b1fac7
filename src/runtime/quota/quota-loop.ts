// Samples the containers whose spec chose a CPU mode and gives each the quota that the controller decides. Costs nothing while there
// is none. Must never touch the quota of a container without a mode.

import type { Clock } from "../../clock.js";
import type { Logger } from "../../log.js";
import type { ContainerId, CpuMode } from "../../model.js";
import type { Native } from "../../native/native.js";
import type { Cgroups } from "../cgroup/cgroups.js";
import type { ContainerState } from "../runtime.js";
import { keyIn, pressureIn, type Readings, throttlingIn } from "../stats/readings.js";
import { StatsReader } from "../stats/stats-reader.js";
import { firstState, nextQuotas, type QuotaChange, type QuotaSample, type QuotaState } from "./controller.js";

/** A reading of one container takes about 50 us. */
export const SAMPLE_MS = 200;

export interface QuotaLoopParts {
	readonly native: Pick<Native, "readDescriptors">;
	readonly cgroups: Cgroups;
	readonly clock: Clock;
	readonly logger: Logger;
	readonly containers: () => readonly ContainerState[];
}

interface Counters {
	readonly atMs: number;
	readonly usageUs: number;
	readonly stallUs: number;
	readonly throttledUs: number;
}

/** What its state rests on: another start, mode or number of CPUs begins anew. */
interface Known {
	readonly basis: string;
	readonly counters: Counters | null;
	readonly state: QuotaState;
}

type Chosen = { readonly state: ContainerState; readonly mode: CpuMode };

export class QuotaLoop {
	readonly #parts: QuotaLoopParts;
	readonly #reader: StatsReader;
	readonly #known = new Map<ContainerId, Known>();
	readonly #listeners = new Set<(change: QuotaChange) => void>();
	#cancel: (() => void) | null = null;
	#stopped = false;

	constructor(parts: QuotaLoopParts) {
		this.#parts = parts;
		this.#reader = new StatsReader(parts.native);
	}

	subscribe(listener: (change: QuotaChange) => void): () => void {
		this.#listeners.add(listener);
		return () => void this.#listeners.delete(listener);
	}

	/** Present share of its CPUs in percent; null without a mode. */
	percentOf(container: ContainerId): number | null {
		return this.#known.get(container)?.state.percent ?? null;
	}

	/** Call when a container may have begun to run or got another mode. */
	ask(): void {
		if (this.#stopped || this.#cancel !== null || this.#chosen().length === 0) return;
		this.#cancel = this.#parts.clock.after(SAMPLE_MS, () => void this.#round());
	}

	async stop(): Promise<void> {
		this.#stopped = true;
		this.#cancel?.();
		await this.#reader.close();
	}

	#chosen(): readonly Chosen[] {
		return this.#parts.containers().flatMap((state) => {
			const mode = state.spec.resources.cpuMode ?? null;
			return mode === null || state.phase !== "running" ? [] : [{ state, mode }];
		});
	}

	async #round(): Promise<void> {
		try {
			await this.#sample();
		} catch (thrown) {
			this.#parts.logger.error("CPU quotas cannot be adapted", { error: String(thrown) });
		}
		this.#cancel = null;
		this.ask();
	}

	async #sample(): Promise<void> {
		const { cgroups, clock } = this.#parts;
		const chosen = this.#chosen();
		this.#forgetOthers(chosen);
		const wanted = new Set(["cpu", "quota", "cpuPressure"]);
		const files = chosen.map(
			({ state: { container, spec } }) =>
				[container, cgroups.statFiles(container, spec.resources).filter(({ name }) => wanted.has(name))] as const,
		);
		const readings = await this.#reader.read(new Map(files));
		if (this.#stopped) return;
		const atMs = clock.monotonicMs();
		const samples = chosen.flatMap((one) => this.#sampleOf(one, readings.get(one.state.container) ?? {}, atMs));
		const states = new Map([...this.#known].map(([container, { state }]) => [container, state]));
		const next = nextQuotas(states, samples);
		for (const [container, state] of next.states) this.#keep(container, state);
		for (const change of next.changes) this.#apply(change);
	}

	#forgetOthers(chosen: readonly Chosen[]): void {
		const present = new Set(chosen.map(({ state }) => state.container));
		for (const container of [...this.#known.keys()]) {
			if (present.has(container)) continue;
			this.#known.delete(container);
			this.#reader.forget(container);
		}
	}

	/** None at the first sight of a container: there is nothing to compare with. */
	#sampleOf({ state, mode }: Chosen, readings: Readings, atMs: number): readonly QuotaSample[] {
		const { container, epoch, startedAtMs, spec } = state;
		const cpus = this.#parts.cgroups.cpusOf(spec.resources);
		const basis = `${epoch} ${startedAtMs} ${mode} ${cpus}`;
		const counters = countersOf(readings, atMs);
		const known = this.#known.get(container);
		if (known === undefined || known.basis !== basis || known.counters === null || counters === null) {
			const percent = this.#parts.cgroups.quotaPercent(container, spec.resources);
			const kept = known?.basis === basis ? known.state : firstState(mode, percent);
			this.#known.set(container, { basis, counters, state: kept });
			return [];
		}
		this.#known.set(container, { ...known, counters });
		const { counters: before } = known;
		return [
			{
				...{ container, mode, cpus, elapsedMs: atMs - before.atMs },
				usageUs: counters.usageUs - before.usageUs,
				stallUs: counters.stallUs - before.stallUs,
				throttledUs: counters.throttledUs - before.throttledUs,
			},
		];
	}

	#keep(container: ContainerId, state: QuotaState): void {
		const known = this.#known.get(container);
		if (known !== undefined) this.#known.set(container, { ...known, state });
	}

	#apply(change: QuotaChange): void {
		const { cgroups, logger, containers } = this.#parts;
		const state = containers().find(({ container }) => container === change.container);
		if (state === undefined) return;
		try {
			cgroups.setQuota(change.container, state.spec.resources, change.after);
		} catch (thrown) {
			logger.warn("a CPU quota cannot be set", { container: change.container, error: String(thrown) });
			return;
		}
		for (const listener of this.#listeners) listener(change);
	}
}

function countersOf(readings: Readings, atMs: number): Counters | null {
	const usageUs = keyIn(readings.cpu, "usage_usec");
	const stallUs = pressureIn(readings.cpuPressure)?.stallUs ?? null;
	const throttledUs = throttlingIn(readings.quota)?.us ?? null;
	return usageUs === null || stallUs === null || throttledUs === null ? null : { atMs, usageUs, stallUs, throttledUs };
}
