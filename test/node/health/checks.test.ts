import { describe, expect, it } from "vitest";
import { createLogger } from "../../../src/log.js";
import { type ContainerHealth, type ContainerId, containerIdOf, type HealthCheck } from "../../../src/model.js";
import { CHECKS_AT_ONCE_MAX, HealthChecks } from "../../../src/node/health/checks.js";
import type { ContainerState } from "../../../src/runtime/runtime.js";
import { createSimProcess } from "../../cluster/sim/sim-process.js";
import { createTimeline } from "../../cluster/sim/timeline.js";
import { createRequest } from "../../support/create-request.js";

const check: HealthCheck = {
	probe: { kind: "tcp", port: 80 },
	intervalMs: 5_000,
	timeoutMs: 1_000,
	retries: 2,
	startPeriodMs: 0,
};

function stateOf(container: ContainerId, change: Partial<ContainerState> = {}): ContainerState {
	const { spec, image } = createRequest(container, { health: check });
	return {
		...{ container, epoch: 1, revision: 1, phase: "running", spec, imageName: image.name, imageDigest: image.digest },
		...{ pid: 1, address: "10.99.1.1", exitCode: null, oomKilled: false, oom: null, createdAtMs: 0, startedAtMs: 0 },
		...{ finishedAtMs: null, error: null, move: null, firstId: null },
		...change,
	};
}

/** Containers, a clock that a test moves, and an answer to every check. */
function bench(known: ContainerHealth | null = null) {
	const timeline = createTimeline();
	const states = new Map<ContainerId, ContainerState>();
	const listeners = new Set<(state: ContainerState) => void>();
	const told: string[] = [];
	const asked: ContainerId[] = [];
	let answer: (signal: AbortSignal) => Promise<void> = async () => {};
	const checks = new HealthChecks({
		runtime: {
			list: () => [...states.values()],
			get: (container) => states.get(container) ?? null,
			subscribe(listener) {
				listeners.add(listener);
				return () => void listeners.delete(listener);
			},
		},
		probe: (state, _, signal) => {
			asked.push(state.container);
			return answer(signal);
		},
		clock: createSimProcess(timeline, { offsetMs: 0, rate: 1 }).clock,
		logger: createLogger(() => {}, "error"),
		known: () => known,
		onChange: (container) => void told.push(`${container} ${checks.of(container)?.status ?? null}`),
	});
	const set = (state: ContainerState) => {
		states.set(state.container, state);
		for (const listener of listeners) listener(state);
	};
	const answerWith = (next: typeof answer) => {
		answer = next;
	};
	return { timeline, checks, set, told, asked, answerWith };
}

const web0 = containerIdOf("web", 0);
const never = (signal: AbortSignal) =>
	new Promise<void>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

describe("the health checks of a node", () => {
	it("tell when a container becomes healthy, and when it fails again and again", async () => {
		const { timeline, checks, set, told, answerWith } = bench();
		checks.start();
		set(stateOf(web0));
		await timeline.run(1_500);
		answerWith(async () => {
			throw new Error("refused");
		});
		await timeline.run(20_000);
		expect(told).toEqual(["web.0 starting", "web.0 healthy", "web.0 unhealthy"]);
		expect(checks.of(web0)?.reason).toBe("refused");
	});

	it("take a check that does not answer in time for failed", async () => {
		const { timeline, checks, set, told, answerWith } = bench();
		answerWith(never);
		checks.start();
		set(stateOf(web0));
		await timeline.run(20_000);
		expect(told).toEqual(["web.0 starting", "web.0 unhealthy"]);
		expect(checks.of(web0)?.reason).toBe("No answer within 1000 ms");
	});

	it("rest while a container is paused, end with it, and begin anew with its next epoch", async () => {
		const { timeline, checks, set, told, asked } = bench();
		checks.start();
		set(stateOf(web0));
		await timeline.run(1_500);
		set(stateOf(web0, { phase: "paused" }));
		await timeline.run(60_000);
		expect(asked).toHaveLength(1);
		set(stateOf(web0, { phase: "stopped" }));
		expect(checks.of(web0)).toBeNull();
		set(stateOf(web0, { epoch: 2 }));
		expect(told.slice(1)).toEqual(["web.0 healthy", "web.0 starting"]);
	});

	it("leave containers without a check alone, with no timer", async () => {
		const { timeline, checks, set, asked } = bench();
		checks.start();
		const { spec } = createRequest(web0, {});
		set(stateOf(web0, { spec }));
		await timeline.run(60_000);
		expect(asked).toEqual([]);
		expect(checks.of(web0)).toBeNull();
	});

	it("never have more at work than they may, and come to everyone", async () => {
		const { timeline, checks, set, asked, answerWith } = bench();
		answerWith(never);
		checks.start();
		const all = Array.from({ length: CHECKS_AT_ONCE_MAX + 3 }, (_, index) => containerIdOf("web", index));
		for (const container of all) set(stateOf(container));
		await timeline.run(1_900);
		expect(asked).toHaveLength(CHECKS_AT_ONCE_MAX);
		set(stateOf(containerIdOf("web", 0), { phase: "stopped" }));
		await timeline.run(50);
		expect(asked).toHaveLength(CHECKS_AT_ONCE_MAX + 1);
		answerWith(async () => {});
		await timeline.run(1_000);
		expect(new Set(asked)).toEqual(new Set(all));
	});

	it("remember after a restart of the daemon what was healthy, not what was ill", () => {
		for (const status of ["healthy", "unhealthy"] as const) {
			const { checks, set } = bench({ status, sinceMs: 7, reason: null });
			set(stateOf(web0));
			checks.start();
			expect(checks.of(web0)?.status).toBe(status === "healthy" ? "healthy" : "starting");
			checks.stop();
		}
	});
});
