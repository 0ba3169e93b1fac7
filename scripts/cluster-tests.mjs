// The long forms of the cluster tests, which `npm test` runs in short:
//   npm run test:kills [-- --moments 10 --seed 7]   daemons killed at random moments of moves, that many for each side
//   npm run test:partition                          a partition of 30 s with changes on both sides
//   npm run test:moves                              links cut at every step of a move, and the other ways in which one fails
//   npm run test:loop [-- --count 10000]            that many containers made, started and removed, twenty at a time
//   npm run test:chaos [-- --minutes 20 --seed 1]   five nodes, one fault after the other for that long
//   npm run test:power [-- --cuts 10 --seed 1]      the power of a machine of its own (user-mode Linux) cut that often, at random moments
// Options become the environment that the tests read.

import { spawnSync } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const files = {
	kills: "kills",
	partition: "partition",
	moves: "move-failures",
	loop: "loop",
	chaos: "long/chaos",
	power: "long/power",
};

const { values, positionals } = parseArgs({
	options: {
		moments: { type: "string", default: "10" },
		seed: { type: "string", default: "1" },
		count: { type: "string", default: "10000" },
		minutes: { type: "string", default: "20" },
		cuts: { type: "string", default: "10" },
	},
	allowPositionals: true,
});
const [which = ""] = positionals;
for (const name of ["moments", "seed", "count", "minutes", "cuts"]) {
	if (/^[1-9]\d{0,5}$/.test(values[name])) continue;
	console.error(`Cannot run the tests: --${name} is ${JSON.stringify(values[name])}, wanted a whole number from 1`);
	process.exit(2);
}
if (!Object.hasOwn(files, which)) {
	console.error(`Cannot run the tests: ${JSON.stringify(which)} is none, wanted ${Object.keys(files).join(", ")}`);
	process.exit(2);
}
const long = {
	...{ SWARM_LONG: "1", SWARM_MOMENTS: values.moments, SWARM_SEED: values.seed },
	...{ SWARM_MINUTES: values.minutes, SWARM_CUTS: values.cuts },
};
const env = { ...process.env, ...long, ...(which === "loop" ? { SWARM_COUNT: values.count } : {}) };
const project = files[which].startsWith("long/") ? "long" : "cluster";
const args = ["run", "--project", project, `test/cluster/${files[which]}.kernel.test.ts`];
const ended = spawnSync(path.join(root, "node_modules/.bin/vitest"), args, { cwd: root, env, stdio: "inherit" });
process.exitCode = ended.status ?? 1;
