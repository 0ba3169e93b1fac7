import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ContainerId, type CpuMode, containerIdOf } from "../../../src/model.js";
import {
	CALM_MS,
	firstState,
	modeRules,
	nextQuotas,
	type QuotaChange,
	type QuotaSample,
	type QuotaState,
} from "../../../src/runtime/quota/controller.js";

const TICK_MS = 200;
const modes = Object.keys(modeRules) as CpuMode[];
const [web, job, other] = [containerIdOf("web", 0), containerIdOf("job", 0), containerIdOf("other", 0)];

function sample(container: ContainerId, mode: CpuMode, change: Partial<QuotaSample> = {}): QuotaSample {
	return { container, mode, cpus: 1, elapsedMs: TICK_MS, usageUs: 0, stallUs: 0, throttledUs: 0, ...change };
}

/** The same samples again and again; gives the percents and all changes. */
function run(samples: readonly QuotaSample[], ticks: number, from: ReadonlyMap<ContainerId, QuotaState> = new Map()) {
	let states = from;
	const changes: QuotaChange[] = [];
	for (let tick = 0; tick < ticks; tick++) {
		const next = nextQuotas(states, samples);
		states = next.states;
		changes.push(...next.changes);
	}
	return { states, changes, percentOf: (id: ContainerId) => states.get(id)?.percent };
}

const busy = { usageUs: TICK_MS * 1_000 };
const waiting = { stallUs: 50_000 };

describe("the CPU quota", () => {
	it("of a batch job goes down to its floor while a service waits, and comes back when it is calm", () => {
		const hard = run([sample(web, "low-latency", waiting), sample(job, "batch", busy)], 20);
		expect(hard.changes.map(({ before, after }) => [before, after])).toEqual([
			[50, 25],
			[25, 10],
		]);
		expect(hard.changes[0]).toMatchObject({ container: job, squeezedFor: web, waitUsPerSecond: 250_000 });
		const throttled = { ...busy, throttledUs: 100_000 };
		const calm = [sample(web, "low-latency"), sample(job, "batch", throttled)];
		const quiet = run(calm, CALM_MS / TICK_MS - 1, hard.states);
		expect(quiet.percentOf(job)).toBe(10);
		const later = run(calm, 60, quiet.states);
		expect(later.percentOf(job)).toBe(50);
		expect(later.changes.every(({ squeezedFor }) => squeezedFor === null)).toBe(true);
	});

	it("of a service is never squeezed by a job, however long that waits", () => {
		const { changes } = run([sample(web, "low-latency", busy), sample(job, "batch", { stallUs: 200_000 })], 50);
		expect(changes).toEqual([]);
	});

	it("of one that does not wait is squeezed for one of its own mode that does", () => {
		const { percentOf } = run([sample(web, "default", waiting), sample(other, "default", busy)], 50);
		expect(percentOf(other)).toBe(10);
		expect(percentOf(web)).toBe(100);
	});

	it("of one that uses little is left alone", () => {
		const little = { usageUs: TICK_MS * 50 };
		expect(run([sample(web, "low-latency", waiting), sample(job, "batch", little)], 50).changes).toEqual([]);
	});

	it("does not swing between target and half of it", () => {
		const { targetUs } = modeRules.default;
		const at = (perSecond: number) => ({ stallUs: (perSecond * TICK_MS) / 1_000 });
		const below = [sample(web, "default", at(targetUs * 0.9)), sample(job, "batch", busy)];
		expect(run(below, 50).changes).toEqual([]);
		const late = run([sample(web, "default", at(targetUs * 1.1)), sample(job, "batch", busy)], 1);
		expect(late.percentOf(job)).toBe(25);
		expect(run(below, 1, late.states).percentOf(job)).toBe(10);
	});

	const anySample = (id: ContainerId) =>
		fc.record({
			container: fc.constant(id),
			mode: fc.constantFrom(...modes),
			cpus: fc.constantFrom(0.5, 1, 4),
			elapsedMs: fc.integer({ min: 0, max: 5_000 }),
			usageUs: fc.integer({ min: 0, max: 5_000_000 }),
			stallUs: fc.integer({ min: 0, max: 5_000_000 }),
			throttledUs: fc.integer({ min: 0, max: 5_000_000 }),
		});
	const anySamples = fc.tuple(anySample(web), anySample(job), anySample(other));

	it("stays within the bounds of its mode, whatever is measured, and each change follows from the one before", () => {
		fc.assert(
			fc.property(
				fc.tuple(...[web, job, other].map(() => fc.constantFrom(...modes))),
				fc.array(anySamples),
				(own, ticks) => {
					let states: ReadonlyMap<ContainerId, QuotaState> = new Map();
					const percents = new Map(
						[web, job, other].map((id, index) => [id, firstState(own[index] as CpuMode).percent]),
					);
					for (const given of ticks) {
						const samples = given.map((one, index) => ({ ...one, mode: own[index] as CpuMode }));
						const next = nextQuotas(states, samples);
						for (const change of next.changes) {
							expect(change.before).toBe(percents.get(change.container));
							expect(change.after).not.toBe(change.before);
							percents.set(change.container, change.after);
						}
						for (const { container, mode } of samples) {
							const { floor, ceiling } = modeRules[mode];
							const percent = next.states.get(container)?.percent ?? Number.NaN;
							expect(percent).toBe(percents.get(container));
							expect(percent).toBeGreaterThanOrEqual(floor);
							expect(percent).toBeLessThanOrEqual(ceiling);
						}
						states = next.states;
					}
				},
			),
		);
	});

	it("is squeezed for nobody when all waiting comes from own quotas", () => {
		fc.assert(
			fc.property(fc.array(anySamples), (ticks) => {
				let states: ReadonlyMap<ContainerId, QuotaState> = new Map();
				for (const given of ticks) {
					const samples = given.map((one, index) => ({
						...one,
						mode: modes[index] as CpuMode,
						stallUs: Math.min(one.stallUs, one.throttledUs),
					}));
					const next = nextQuotas(states, samples);
					expect(next.changes.filter(({ squeezedFor }) => squeezedFor !== null)).toEqual([]);
					states = next.states;
				}
			}),
		);
	});

	it("settles when nothing changes, after a few steps", () => {
		fc.assert(
			fc.property(anySamples, (given) => {
				const samples = given.map((one) => ({ ...one, elapsedMs: TICK_MS }));
				const { states, changes } = run(samples, 200);
				expect(changes.length).toBeLessThan(30);
				expect(run(samples, 200, states).changes).toEqual([]);
			}),
		);
	});

	it("does not depend on the order of the containers", () => {
		fc.assert(
			fc.property(anySamples, (samples) => {
				const one = nextQuotas(new Map(), samples);
				const two = nextQuotas(new Map(), [...samples].reverse());
				expect(new Map([...one.states].sort())).toEqual(new Map([...two.states].sort()));
			}),
		);
	});
});
