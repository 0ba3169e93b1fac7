// Three groups of tests: `unit` (pure and in-process, in parallel), `sim` (seeded cluster simulation; SWARM_SEEDS sets
// how many seeds) and `kernel` (real namespaces, cgroups, CRIU; needs root; one file at a time).

import { defineConfig } from "vitest/config";

const kernel = ["test/**/*.kernel.test.ts"];
const sim = ["test/cluster/sim/**/*.test.ts"];

export default defineConfig({
	test: {
		projects: [
			{ test: { name: "unit", include: ["test/**/*.test.ts"], exclude: [...kernel, ...sim], testTimeout: 60_000 } },
			{ test: { name: "sim", include: sim, exclude: kernel, testTimeout: 300_000 } },
			{
				test: {
					name: "kernel",
					include: kernel,
					testTimeout: 120_000,
					hookTimeout: 60_000,
					fileParallelism: false,
					maxWorkers: 1,
					pool: "forks",
				},
			},
		],
	},
});
