// One run of the simulator: a cluster of 2 to 5 nodes starts, a user asks for things while faults come and go, then everything is
// mended, calm returns and the checkers conclude. The seed decides all of it.

import type { Checker } from "./checkers/checker.js";
import { nothingLost } from "./checkers/nothing-lost.js";
import { oneExclusiveRunner } from "./checkers/one-exclusive-runner.js";
import { oneLiveCopy } from "./checkers/one-live-copy.js";
import { viewsConverge } from "./checkers/views-converge.js";
import { createFaults, type FaultKind } from "./faults.js";
import { withNames } from "./sim-names.js";
import { createUser, type User } from "./user.js";
import { createWorld, type World, type WorldNode } from "./world.js";

export interface ScenarioResult {
	readonly seed: string;
	/** null: every promise was kept. */
	readonly failure: Error | null;
	readonly nodeCount: number;
	readonly virtualMs: number;
	readonly counts: User["counts"];
	readonly faults: ReadonlyMap<FaultKind, number>;
}

/** How often each fault is drawn, against the others. A third of the seeds has none that can split a cluster. */
const WEIGHTS: readonly (readonly [FaultKind, number])[] = [
	["partition", 3],
	["one-way", 2],
	["daemon killed", 3],
	["daemon restarted", 3],
	["power cut", 2],
	["daemon paused", 2],
	["broken connection", 3],
	["disk full", 1],
	["slow network", 1],
	["failing runtime", 1],
];
const GENTLE: readonly FaultKind[] = [
	"daemon restarted",
	"broken connection",
	"slow network",
	"failing runtime",
	"disk full",
];

/** A simulated move takes about this long. */
const MOVE_MS = 500;
const BUSY_MS = 60_000;
/** Longer than every bound of the checkers, and than a retry with back-off (reconcile.ts). */
const CALM_MS = 75_000;

export async function runScenario(seed: string, trace: ((line: string) => void) | null): Promise<ScenarioResult> {
	let user: User | null = null;
	const userOf = () => user as User;
	const makers = [oneLiveCopy, oneExclusiveRunner, nothingLost, viewsConverge].map(
		(make) =>
			(world: World): Checker =>
				make(world, userOf),
	);
	const nodeCount = 2 + (Math.abs(hashOf(seed)) % 4);
	const world = createWorld({ seed, nodeCount, checkers: makers, trace });
	user = createUser(world);
	const faults = createFaults(world);
	const chance = world.chance.split("scenario");
	const isGentle = chance.happens(0.33);
	let failure: Error | null = null;
	const startMs = world.timeline.nowMs();
	try {
		for (const one of world.nodes) world.start(one);
		await world.run(6_000);
		const endMs = world.timeline.nowMs() + BUSY_MS;
		while (world.timeline.nowMs() < endMs) {
			const begin = (at: WorldNode) => faults.begin(isGentle ? chance.pick(GENTLE) : drawFault(chance.fraction()), at);
			if (chance.happens(0.3)) begin(chance.pick(world.nodes));
			else {
				const ends = user.act();
				if (ends !== null && chance.happens(0.5)) {
					// In the middle of a move, at one of its ends.
					await world.run(chance.between(0, MOVE_MS));
					begin(chance.pick(ends));
				}
			}
			await world.run(chance.between(20, 2_500));
		}
		world.note("calm");
		faults.mendAll();
		await world.run(CALM_MS);
		world.conclude();
	} catch (thrown) {
		failure = thrown instanceof Error ? thrown : new Error(String(thrown));
		failure.message = withNames(failure.message);
		world.note(`BROKEN: ${failure.message}`);
	}
	for (const one of world.nodes) one.process?.kill();
	const virtualMs = world.timeline.nowMs() - startMs;
	return { seed, failure, nodeCount, virtualMs, counts: user.counts, faults: faults.counts };
}

function drawFault(fraction: number): FaultKind {
	const total = WEIGHTS.reduce((sum, [, weight]) => sum + weight, 0);
	let left = fraction * total;
	for (const [kind, weight] of WEIGHTS) {
		left -= weight;
		if (left < 0) return kind;
	}
	return "broken connection";
}

function hashOf(text: string): number {
	let value = 0;
	for (let index = 0; index < text.length; index++) value = (Math.imul(value, 31) + text.charCodeAt(index)) | 0;
	return value;
}
