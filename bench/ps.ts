// How long `swarm ps` takes from being typed to its last line, asked of a node of three that runs a few containers.

import { spawnSync } from "node:child_process";
import { labCommand } from "../src/node/lab/lab.js";
import { withBenchLab } from "./lab.js";
import { type BenchReport, boundedRow } from "./report.js";

const RUNS = 15;
const REPLICAS = "3";
const PS_MS_MAX = 200;

export async function ps(): Promise<BenchReport> {
	return withBenchLab(async (lab) => {
		const deploy = ["swarm", "deploy", "idle", "--replicas", REPLICAS, "--", "sleep", "1000"];
		await typed(lab.name, deploy);
		const times: number[] = [];
		for (let run = -1; run < RUNS; run++) {
			const tookMs = await typed(lab.name, ["swarm", "ps"]);
			if (run >= 0) times.push(tookMs);
		}
		return { bench: "ps", rows: [boundedRow("swarm ps, typed to last line", "ms", times, PS_MS_MAX)] };
	});
}

/** Milliseconds; throws when the command fails. */
async function typed(lab: string, argv: readonly string[]): Promise<number> {
	const { file, args, env } = await labCommand(lab, "n1", argv);
	const beganMs = performance.now();
	const ran = spawnSync(file, args, { env, encoding: "utf8" });
	if (ran.status !== 0) throw new Error(`${argv.join(" ")}: ${ran.stderr}`);
	return performance.now() - beganMs;
}
