// create + start + wait + remove of /bin/true: our daemon over its socket, crun and runc from a shell, on the same files with the
// same namespaces (mount, pid, uts, ipc, cgroup, network with loopback only). Taken in turns, in batches, so that
// what else the machine does hits all alike; peers are started by a small shell, not by this process.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { wholeSpec } from "../src/model.js";
import { type Client, connectLocal } from "../src/node/api/client.js";
import { withBenchNode } from "./node.js";
import { type Peer, preparePeer, timedBatch } from "./peer.js";
import { type BenchReport, comparedRow } from "./report.js";
import { type BenchRootfs, makeRootfs } from "./rootfs.js";

const ROUNDS = 15;
const BATCH = 10;
/** Issue goal: the daemon's way at most this share of crun's. */
const RATIO_MAX = 0.7;

export async function start(): Promise<BenchReport> {
	const under = mkdtempSync(join(tmpdir(), "swarm-bench-"));
	try {
		const rootfs = makeRootfs(under);
		return await withBenchNode(under, (directory) => measure(under, rootfs, connectLocal(directory)));
	} finally {
		rmSync(under, { recursive: true, force: true });
	}
}

async function measure(under: string, rootfs: BenchRootfs, client: Client): Promise<BenchReport> {
	const signal = new AbortController().signal;
	await client.importImage(rootfs.layout, rootfs.imageName, () => {}, signal);
	const peers = ["crun", "runc"].map((program) => preparePeer(under, rootfs, program, ["/bin/true"]));
	const ours: number[] = [];
	const theirs = peers.map((): number[] => []);
	for (let round = -1; round < ROUNDS; round++) {
		const mine = await ourBatch(client, rootfs.imageName, signal);
		const other = peers.map(peerBatch);
		if (round < 0) continue;
		ours.push(mine);
		for (const [at, value] of other.entries()) theirs[at]?.push(value);
	}
	const rows = peers.map((peer, at) => {
		const values = { name: peer.version, values: theirs[at] ?? [] };
		return comparedRow(
			"create+start+wait+remove /bin/true",
			"ms",
			ours,
			values,
			peer.program === "crun" ? RATIO_MAX : null,
		);
	});
	return { bench: "start", rows };
}

async function ourBatch(client: Client, image: string, signal: AbortSignal): Promise<number> {
	const spec = wholeSpec({
		name: "bench",
		image,
		command: ["/bin/true"],
		env: {},
		workdir: null,
		user: null,
		resources: { cpus: null, memoryBytes: null, pids: null },
		labels: {},
		constraints: [],
		ports: [],
		replicas: 1,
		network: "none",
		stopGraceMs: 1_000,
	});
	const begin = performance.now();
	for (let count = 0; count < BATCH; count++) {
		const { exitCode } = await client.run({ spec }, signal);
		if (exitCode !== 0) throw new Error(`our run ended with ${exitCode}`);
	}
	return (performance.now() - begin) / BATCH;
}

function peerBatch(peer: Peer): number {
	const one = `${peer.program} --root ${peer.root} run --bundle ${peer.bundle} bench-$i`;
	return timedBatch(peer, one, BATCH);
}
