// A daemon of our own for a benchmark: own state directory, loopback, gone afterwards.

import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const swarm = join(dirname(fileURLToPath(import.meta.url)), "../../bin/swarm");
const PORT = 17_946;

export function runSwarm(stateDirectory: string, ...args: readonly string[]): string {
	const ran = spawnSync(swarm, args, { encoding: "utf8", env: { ...process.env, SWARM_STATE: stateDirectory } });
	if (ran.status !== 0) throw new Error(`swarm ${args.join(" ")}: ${ran.stderr}`);
	return ran.stdout;
}

export async function withBenchNode<T>(under: string, work: (stateDirectory: string) => Promise<T>): Promise<T> {
	const directory = join(under, "state");
	runSwarm(directory, "node", "start", "--name", "bench", "--listen", `127.0.0.1:${PORT}`);
	try {
		return await work(directory);
	} finally {
		runSwarm(directory, "node", "stop");
	}
}
