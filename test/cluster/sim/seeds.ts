// The seeds of `npm test` (SWARM_SEEDS says how many), dealt to two test files so that two cores share them.

import { test } from "vitest";
import { runScenario } from "./scenario.js";

const SEEDS = Number(process.env.SWARM_SEEDS ?? 20);
/** `npm run sim` has clusters of up to 50. */
const NODES_MAX = 6;
const PARTS = 2;
/** Seeds of one test, so that a report shows how far it got. */
const BLOCK = 10;

/** `part` 0 or 1: every second block of seeds. */
export function testSeeds(part: number): void {
	const blocks = Array.from({ length: Math.ceil(SEEDS / BLOCK) }, (_, index) => ({
		first: index * BLOCK + 1,
		last: Math.min(SEEDS, (index + 1) * BLOCK),
	}));
	const mine = blocks.filter((_, index) => index % PARTS === part);
	test.each(mine)("no promise is broken in seeds $first to $last", async ({ first, last }) => {
		for (let seed = first; seed <= last; seed++) {
			const { failure } = await runScenario(`${seed}`, { nodesMax: NODES_MAX });
			if (failure !== null) throw new Error(`seed ${seed}: ${failure.message}; npm run sim -- --seed ${seed} --trace`);
		}
	});
}
