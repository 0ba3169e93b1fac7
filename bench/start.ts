// create + start + wait + remove of /bin/true: our daemon over its socket, crun and runc from a shell, on the same files with the
// same namespaces (mount, pid, uts, ipc, cgroup, network with loopback only). Taken in turns, in batches, so that
// what else the machine does hits all alike; peers are started by a small shell, not by this process.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { wholeSpec } from "../src/model.js";
import { type Client, connectLocal } from "../src/node/api/client.js";
import { withBenchNode } from "./node.js";
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
	const peers = ["crun", "runc"].map((program) => preparePeer(under, rootfs, program));
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

interface Peer {
	readonly program: string;
	readonly version: string;
	readonly bundle: string;
	readonly root: string;
}

function preparePeer(under: string, rootfs: BenchRootfs, program: string): Peer {
	const version = spawnSync(program, ["--version"], { encoding: "utf8" });
	if (version.status !== 0) throw new Error(`${program} is missing: apt-get install ${program}`);
	const bundle = join(under, program);
	mkdirSync(bundle);
	const made = spawnSync(program, ["spec"], { cwd: bundle, encoding: "utf8" });
	if (made.status !== 0) throw new Error(`${program} spec: ${made.stderr}`);
	const config = JSON.parse(spawnSync("cat", [join(bundle, "config.json")], { encoding: "utf8" }).stdout) as PeerConfig;
	config.process.args = ["/bin/true"];
	config.process.terminal = false;
	// What this machine's root may not raise (no CAP_SYS_RESOURCE) would only make the peer fail.
	config.process.rlimits = [];
	config.root = { path: rootfs.directory, readonly: false };
	config.linux.namespaces = ["mount", "pid", "uts", "ipc", "cgroup", "network"].map((type) => ({ type }));
	writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
	return { program, version: version.stdout.split("\n")[0] ?? program, bundle, root: join(under, `${program}-root`) };
}

interface PeerConfig {
	process: { args: string[]; terminal: boolean; rlimits: unknown[] };
	root: { path: string; readonly: boolean };
	linux: { namespaces: { type: string }[] };
}

/** Milliseconds for one, measured around a loop in a shell that forks quickly. */
function peerBatch(peer: Peer): number {
	// crun refuses a hybrid tree with a controller in v2: where there is one, it does not see it.
	const hide = "if [ -d /sys/fs/cgroup/unified ]; then umount -l /sys/fs/cgroup/unified; fi";
	const one = `${peer.program} --root ${peer.root} run --bundle ${peer.bundle} bench-$i >/dev/null 2>$0 </dev/null || exit 1`;
	const loop = `a=$(date +%s%N); i=0; while [ $i -lt ${BATCH} ]; do i=$((i+1)); ${one}; done; b=$(date +%s%N); echo $((b-a))`;
	const ran = spawnSync("unshare", ["-m", "sh", "-c", `${hide}; ${loop}`, join(peer.bundle, "stderr")], {
		encoding: "utf8",
	});
	const nanoseconds = Number(ran.stdout.trim());
	if (ran.status !== 0 || !(nanoseconds > 0)) {
		const said = spawnSync("cat", [join(peer.bundle, "stderr")], { encoding: "utf8" }).stdout;
		throw new Error(`${peer.program} run failed: ${said} ${ran.stderr}`);
	}
	return nanoseconds / 1e6 / BATCH;
}
