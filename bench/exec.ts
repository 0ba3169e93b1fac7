// exec of a command in a container that runs: through our daemon's API, and `crun exec` from a shell, on the same files with
// the same namespaces, taken in turns.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, connectLocal } from "../src/node/api/client.js";
import { validateSpec } from "../src/node/spec/validate-spec.js";
import { plainExec } from "../src/runtime/exec-request.js";
import { withBenchNode } from "./node.js";
import { type Peer, peerShell, preparePeer, timedBatch } from "./peer.js";
import { type BenchReport, type BenchRow, comparedRow } from "./report.js";
import { type BenchRootfs, commands, makeRootfs } from "./rootfs.js";

const ROUNDS = 15;
const BATCH = 20;
/** Of ours, before anything is measured: until then Node compiles what runs. */
const WARM_ROUNDS = 100;
/** Issue goal: the daemon's way at most this share of crun's. */
const RATIO_MAX = 0.15;
const FOREVER = ["/bin/sleep", "100000"];

export async function exec(): Promise<BenchReport> {
	const under = mkdtempSync(join(tmpdir(), "swarm-bench-"));
	try {
		const rootfs = makeRootfs(under);
		return await withBenchNode(under, (directory) =>
			measure(under, rootfs, connectLocal(directory, { keepAlive: true })),
		);
	} finally {
		rmSync(under, { recursive: true, force: true });
	}
}

async function measure(under: string, rootfs: BenchRootfs, client: Client): Promise<BenchReport> {
	await client.importImage(rootfs.layout, rootfs.imageName, () => {}, new AbortController().signal);
	const crun = preparePeer(under, rootfs, "crun", FOREVER);
	const spec = validateSpec({ name: "bench", image: rootfs.imageName, command: FOREVER, network: "none" });
	const { containers } = await client.deploy(spec);
	if (containers[0]?.phase !== "running") throw new Error(`our container is ${containers[0]?.phase}`);
	try {
		peerShell(crun, `${crun.program} --root ${crun.root} run --detach --bundle ${crun.bundle} bench >/dev/null 2>$0`);
		const rows: BenchRow[] = [];
		for (const { name, command, isCounted } of commands) {
			const { ours, peer } = await inTurns(client, crun, command);
			rows.push(comparedRow(`exec ${name}`, "ms", ours, peer, isCounted ? RATIO_MAX : null));
		}
		return { bench: "exec", rows };
	} finally {
		peerShell(crun, `${crun.program} --root ${crun.root} delete --force bench 2>$0`);
		await client.remove("bench");
	}
}

async function inTurns(client: Client, crun: Peer, command: readonly string[]) {
	const ours: number[] = [];
	const theirs: number[] = [];
	for (let round = 0; round < WARM_ROUNDS; round++) await ourBatch(client, command);
	for (let round = -1; round < ROUNDS; round++) {
		const mine = await ourBatch(client, command);
		const other = timedBatch(crun, `${crun.program} --root ${crun.root} exec bench ${command.join(" ")}`, BATCH);
		if (round < 0) continue;
		ours.push(mine);
		theirs.push(other);
	}
	return { ours, peer: { name: crun.version, values: theirs } };
}

async function ourBatch(client: Client, command: readonly string[]): Promise<number> {
	const streams = { stdin: null, onResize: null, onStdout: () => {}, onStderr: () => {} };
	const begin = performance.now();
	for (let count = 0; count < BATCH; count++) {
		const exitCode = await client.exec("bench", plainExec([...command]), streams, new AbortController().signal);
		if (exitCode !== 0) throw new Error(`our exec ended with ${exitCode}`);
	}
	return (performance.now() - begin) / BATCH;
}
