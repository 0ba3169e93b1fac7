// One run of the simulator: a cluster of 2 to 50 nodes starts, a user asks for things while faults come and go, then everything is
// mended, calm returns and the checkers conclude. The seed decides all of it.

import type { Break } from "./breaks.js";
import type { Checker } from "./checkers/checker.js";
import { documentsBounded } from "./checkers/documents-bounded.js";
import { nothingLost } from "./checkers/nothing-lost.js";
import { oneExclusiveRunner } from "./checkers/one-exclusive-runner.js";
import { oneLiveCopy } from "./checkers/one-live-copy.js";
import { promisesKept } from "./checkers/promises-kept.js";
import { viewsConverge } from "./checkers/views-converge.js";
import { createFaults, type FaultKind } from "./faults.js";
import { SIM_NODES_MAX, withNames } from "./sim-names.js";
import { createUser, type User } from "./user.js";
import { drawFault, weatherOf } from "./weather.js";
import { createWorld, type World, type WorldNode } from "./world.js";

export interface ScenarioResult {
	readonly seed: string;
	/** null: every promise was kept. */
	readonly failure: Error | null;
	/** From the end of all faults until everything was as it must be, and stayed so; null when it broke. */
	readonly healedMs: number | null;
	readonly nodeCount: number;
	readonly virtualMs: number;
	readonly counts: User["counts"];
	readonly faults: ReadonlyMap<FaultKind, number>;
}

/** A simulated move takes about this long. */
const MOVE_MS = 500;
const BUSY_MS = 60_000;
/** Within this everything is as it must be again: a retry with back-off (reconcile.ts) takes half of it. */
const HEALED_MS_MAX = 75_000;
/** And it stays so. */
const STAYS_MS = 4_000;
const LOOK_MS = 500;

export interface ScenarioOptions {
	readonly trace?: ((line: string) => void) | null;
	/** Else the seed decides. */
	readonly nodeCount?: number | null;
	/** Of what the seed decides; large clusters take long. */
	readonly nodesMax?: number;
	readonly broken?: Break | null;
}

export async function runScenario(seed: string, options: ScenarioOptions = {}): Promise<ScenarioResult> {
	const { trace = null, broken = null } = options;
	let user: User | null = null;
	const userOf = () => user as User;
	const makers = [oneLiveCopy, oneExclusiveRunner, promisesKept, nothingLost, viewsConverge, documentsBounded].map(
		(make) =>
			(world: World): Checker =>
				make(world, userOf),
	);
	const nodeCount = options.nodeCount ?? Math.min(nodeCountOf(seed), options.nodesMax ?? SIM_NODES_MAX);
	const lateCount = Math.min(lateCountOf(seed), SIM_NODES_MAX - nodeCount);
	const world = createWorld({ seed, nodeCount, lateCount, checkers: makers, broken, trace });
	const weather = weatherOf(world.chance.split("weather"), nodeCount);
	user = createUser(world, weather.user);
	const faults = createFaults(world);
	const chance = world.chance.split("scenario");
	let failure: Error | null = null;
	let healedMs: number | null = null;
	const startMs = world.timeline.nowMs();
	try {
		for (const one of world.nodes.slice(0, nodeCount)) world.start(one);
		await world.run(6_000);
		const endMs = world.timeline.nowMs() + BUSY_MS;
		while (world.timeline.nowMs() < endMs) {
			const begin = (at: WorldNode) => faults.begin(drawFault(weather, chance.fraction()), at);
			if (chance.happens(weather.faultShare)) begin(chance.pick(world.nodes.filter((one) => one.hasJoined)));
			else {
				const ends = user.act();
				if (ends !== null && chance.happens(0.5)) {
					// In the middle of a move, at one of its ends.
					await world.run(chance.between(0, MOVE_MS));
					begin(chance.pick(ends));
				}
			}
			await world.run(chance.between(20, weather.stepMsMax));
		}
		world.note("calm");
		faults.mendAll();
		healedMs = await untilHealed(world);
	} catch (thrown) {
		failure = thrown instanceof Error ? thrown : new Error(String(thrown));
		failure.message = withNames(failure.message);
		world.note(`BROKEN: ${failure.message}`);
	}
	for (const one of world.nodes) one.process?.kill();
	const virtualMs = world.timeline.nowMs() - startMs;
	return { seed, failure, healedMs, nodeCount, virtualMs, counts: user.counts, faults: faults.counts };
}

/** Throws what is still wrong after HEALED_MS_MAX, or what goes wrong again. */
async function untilHealed(world: World): Promise<number> {
	const calmMs = world.timeline.nowMs();
	for (;;) {
		await world.run(LOOK_MS);
		const healedMs = world.timeline.nowMs() - calmMs;
		try {
			world.conclude();
		} catch (thrown) {
			if (healedMs >= HEALED_MS_MAX) throw thrown;
			continue;
		}
		await world.run(STAYS_MS);
		if (isConcluded(world)) return healedMs;
	}
}

function isConcluded(world: World): boolean {
	try {
		world.conclude();
		return true;
	} catch {
		return false;
	}
}

/** Mostly few, as clusters are; one in 40 has 6 to 12, one in 400 up to 50. */
function nodeCountOf(seed: string): number {
	const number = Math.abs(hashOf(seed));
	if (number % 400 === 7) return 20 + ((number >> 9) % 31);
	if (number % 40 === 3) return 6 + ((number >> 6) % 7);
	return 2 + (number % 4);
}

/** Into every third cluster more nodes come while it lives, some of them into one side of a split. */
function lateCountOf(seed: string): number {
	const number = Math.abs(hashOf(seed));
	return number % 3 === 0 ? 2 + ((number >> 4) % 4) : 0;
}

function hashOf(text: string): number {
	let value = 0;
	for (let index = 0; index < text.length; index++) value = (Math.imul(value, 31) + text.charCodeAt(index)) | 0;
	return value;
}
