// A daemon of our own for a benchmark: own state directory, loopback, gone afterwards.

import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const swarm = join(dirname(fileURLToPath(import.meta.url)), "../../bin/swarm");

export function runSwarm(stateDirectory: string, ...args: readonly string[]): string {
	const ran = spawnSync(swarm, args, { encoding: "utf8", env: { ...process.env, SWARM_STATE: stateDirectory } });
	if (ran.status !== 0) throw new Error(`swarm ${args.join(" ")}: ${ran.stderr}`);
	return ran.stdout;
}

export async function withBenchNode<T>(under: string, work: (stateDirectory: string) => Promise<T>): Promise<T> {
	const directory = join(under, "state");
	runSwarm(directory, "node", "start", "--name", "bench", "--listen", `127.0.0.1:${await freePort()}`);
	try {
		return await work(directory);
	} finally {
		runSwarm(directory, "node", "stop");
	}
}

/** Several benchmarks may run at once. */
async function freePort(): Promise<number> {
	const server = createServer().listen(0, "127.0.0.1");
	await once(server, "listening");
	const { port } = server.address() as AddressInfo;
	server.close();
	await once(server, "close");
	return port;
}
