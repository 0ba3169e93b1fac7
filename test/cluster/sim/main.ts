// `npm run sim -- --seeds 200` runs seeds 1 to 200; `--seed N` one of them, with `--trace` every line of what happened. Ends with
// code 1 when a promise was broken, and says how to see it again.

import { parseArgs } from "node:util";
import { runScenario, type ScenarioResult } from "./scenario.js";

const { values } = parseArgs({
	options: {
		seeds: { type: "string", default: "200" },
		seed: { type: "string" },
		trace: { type: "boolean", default: false },
	},
});

const startedAtMs = performance.now();
const failed: ScenarioResult[] = [];
const total = { virtualMs: 0, deployed: 0, moved: 0, removed: 0, refused: 0, faults: 0 };
const seeds =
	values.seed !== undefined
		? [values.seed]
		: Array.from({ length: Number(values.seeds) }, (_, index) => `${index + 1}`);
for (const seed of seeds) {
	const result = await runScenario(seed, values.trace ? (line) => console.log(line) : null);
	total.virtualMs += result.virtualMs;
	total.deployed += result.counts.deployed;
	total.moved += result.counts.moved;
	total.removed += result.counts.removed;
	total.refused += result.counts.refused;
	for (const count of result.faults.values()) total.faults += count;
	if (result.failure === null) continue;
	failed.push(result);
	console.log(`seed ${seed} (${result.nodeCount} nodes): ${result.failure.message}`);
	if (result.failure.name !== "BrokenPromise") console.log(result.failure.stack, result.failure.cause ?? "");
}
const tookS = (performance.now() - startedAtMs) / 1000;
const { deployed, moved, removed, refused, faults } = total;
console.log(
	`${seeds.length} seeds, ${(total.virtualMs / 60_000).toFixed(0)} virtual minutes in ${tookS.toFixed(1)} s: ` +
		`${deployed} deployed, ${moved} moved, ${removed} removed, ${refused} refused, ${faults} faults`,
);
if (failed.length > 0)
	console.log(`${failed.length} broken; see one again: npm run sim -- --seed ${failed[0]?.seed} --trace`);
process.exitCode = failed.length > 0 ? 1 : 0;
