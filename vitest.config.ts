// Five groups of tests: `unit` (pure and in-process, in parallel), `sim` (seeded cluster simulation; SWARM_SEEDS sets how many
// seeds), `kernel` (real namespaces, cgroups, CRIU on this machine) and `cluster` (several nodes on it, each in its own
// network namespace), and `long`, which only scripts/cluster-tests.mjs runs. The last three need root; files of `kernel` run one
// at a time, of `cluster`, which mostly wait, two; they do not disturb each other.

import { defineConfig } from "vitest/config";

const cluster = ["test/cluster/*.kernel.test.ts", "test/node/lab*.kernel.test.ts"];
const kernel = ["test/**/*.kernel.test.ts"];
const long = ["test/cluster/long/*.kernel.test.ts"];
const sim = ["test/cluster/sim/**/*.test.ts"];
/** Vitest's own number leaves one core idle. */
const allCores = { maxWorkers: "100%" } as const;
const oneByOne = {
	testTimeout: 120_000,
	hookTimeout: 60_000,
	fileParallelism: false,
	maxWorkers: 1,
	pool: "forks",
} as const;

export default defineConfig({
	test: {
		projects: [
			{
				test: {
					name: "unit",
					include: ["test/**/*.test.ts"],
					exclude: [...kernel, ...sim],
					testTimeout: 60_000,
					...allCores,
				},
			},
			{ test: { name: "sim", include: sim, exclude: kernel, testTimeout: 300_000, ...allCores } },
			{ test: { name: "kernel", include: kernel, exclude: [...cluster, ...long], ...oneByOne } },
			{ test: { name: "cluster", include: cluster, ...oneByOne, fileParallelism: true, maxWorkers: 2 } },
			{ test: { name: "long", include: long, ...oneByOne } },
		],
	},
});
