// Pause and resume of a container with 1, 10 and 100 processes: through the runtime port as the daemon calls it, and `crun pause` and
// `crun resume` from a shell, in turns, on the same files with the same namespaces. The way of `swarm pause` has rows of its own: there the
// wish is written to the disk and to the cluster first.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../src/clock.js";
import { silentLogger } from "../src/log.js";
import { containerIdOf, type Digest } from "../src/model.js";
import { loadNative } from "../src/native/binding.js";
import { nativePaths } from "../src/native/paths.js";
import { type Client, connectLocal } from "../src/node/api/client.js";
import { validateSpec } from "../src/node/spec/validate-spec.js";
import { openRuntime } from "../src/runtime/native-runtime.js";
import type { PreparedImage, Runtime } from "../src/runtime/runtime.js";
import { untilInterrupted } from "./interrupt.js";
import { withBenchNode } from "./node.js";
import { type Peer, peerShell, preparePeer, timedBatch } from "./peer.js";
import { type BenchReport, type BenchRow, comparedRow } from "./report.js";
import { type BenchRootfs, makeRootfs } from "./rootfs.js";

const ROUNDS = 15;
const BATCH = 10;
const PROCESSES = [1, 10, 100] as const;
/** Issue goal: at most this share of crun's. */
const RATIO_MAX = 0.1;

export async function pause(): Promise<BenchReport> {
	const under = mkdtempSync(join(tmpdir(), "swarm-bench-"));
	const { signal, done } = untilInterrupted();
	try {
		const rootfs = makeRootfs(under);
		return await withBenchNode(under, (directory) =>
			withRuntime(under, (runtime) =>
				measureAll({ under, rootfs, runtime, client: connectLocal(directory, { keepAlive: true }), signal }),
			),
		);
	} finally {
		done();
		rmSync(under, { recursive: true, force: true });
	}
}

interface World {
	readonly under: string;
	readonly rootfs: BenchRootfs;
	readonly runtime: Runtime;
	readonly client: Client;
	readonly signal: AbortSignal;
}

/** A runtime without a daemon around it; what is in it ends with it. */
async function withRuntime<T>(under: string, work: (runtime: Runtime) => Promise<T>): Promise<T> {
	const stateDirectory = join(under, "runtime");
	mkdirSync(stateDirectory);
	const parts = { native: loadNative(), paths: nativePaths(), clock: systemClock, logger: silentLogger };
	const scope = `bench${process.pid}`;
	const runtime = await openRuntime({ stateDirectory, scope, ...parts, checkpoints: null });
	try {
		return await work(runtime);
	} finally {
		for (const { container, epoch } of runtime.list()) await runtime.remove(container, epoch);
		await runtime.close();
	}
}

async function measureAll(world: World): Promise<BenchReport> {
	await world.client.importImage(world.rootfs.layout, world.rootfs.imageName, () => {}, world.signal);
	const rows: BenchRow[] = [];
	for (const count of PROCESSES) rows.push(...(await measure(world, count)));
	return { bench: "pause", rows };
}

/** As many processes as told, the shell that waits for them included. */
function commandOf(count: number): readonly string[] {
	if (count === 1) return ["/bin/sleep", "100000"];
	return ["/bin/sh", "-c", `i=1; while [ $i -lt ${count} ]; do i=$((i+1)); sleep 100000 & done; wait`];
}

async function measure({ under, rootfs, runtime, client, signal }: World, count: number): Promise<readonly BenchRow[]> {
	const name = `pause-${count}`;
	const id = containerIdOf(name, 0);
	const command = commandOf(count);
	const spec = validateSpec({ name, image: rootfs.imageName, command, network: "none", stopGraceMs: 0 });
	const crun = preparePeer(join(under, name), rootfs, "crun", command);
	await runtime.create({ container: id, epoch: 1, revision: 1, spec, image: imageOf(rootfs), address: null }, signal);
	await runtime.start(id, 1, signal);
	await client.deploy(spec);
	peerShell(crun, `${crun.program} --root ${crun.root} run --detach --bundle ${crun.bundle} ${name} >/dev/null 2>$0`);
	try {
		await untilPids(runtime, name, count);
		const port: number[] = [];
		const api: number[] = [];
		const theirs: number[] = [];
		for (let round = -1; round < ROUNDS; round++) {
			signal.throwIfAborted();
			const ours = await pairOf(
				() => runtime.pause(id, 1),
				() => runtime.resume(id, 1),
				BATCH,
			);
			const wished = await pairOf(
				() => client.pause(name),
				() => client.resume(name),
				1,
			);
			const other = crunPair(crun, name);
			if (round < 0) continue;
			port.push(ours);
			api.push(wished);
			theirs.push(other);
		}
		const peer = { name: crun.version, values: theirs };
		const what = `pause+resume of ${count} ${count === 1 ? "process" : "processes"}`;
		return [
			comparedRow(what, "ms", port, peer, RATIO_MAX),
			comparedRow(`${what}, as a wish on the disk`, "ms", api, peer, null),
		];
	} finally {
		peerShell(crun, `${crun.program} --root ${crun.root} delete --force ${name} 2>$0`);
		await client.remove(name);
		await runtime.remove(id, 1);
	}
}

function imageOf(rootfs: BenchRootfs): PreparedImage {
	return {
		name: rootfs.imageName,
		digest: `sha256:${"0".repeat(64)}` as Digest,
		lowerDirectories: [rootfs.directory],
		hostPaths: [],
		config: { entrypoint: [], command: [], env: { PATH: "/bin" }, workdir: "/", user: "", stopSignal: 15 },
	};
}

async function untilPids(runtime: Runtime, name: string, count: number): Promise<void> {
	for (let look = 0; look < 1_000; look++) {
		const { pids } = await runtime.stats(containerIdOf(name, 0));
		if (pids >= count) return;
		await systemClock.sleep(10, new AbortController().signal);
	}
	throw new Error(`${name} has not made its ${count} processes`);
}

/** Milliseconds for one pair. */
async function pairOf(freeze: () => Promise<unknown>, thaw: () => Promise<unknown>, count: number): Promise<number> {
	const begin = performance.now();
	for (let pair = 0; pair < count; pair++) {
		await freeze();
		await thaw();
	}
	return (performance.now() - begin) / count;
}

function crunPair({ program, root, ...crun }: Peer, name: string): number {
	const command = (verb: string) => `${program} --root ${root} ${verb} ${name}`;
	return timedBatch({ program, root, ...crun }, `{ ${command("pause")} && ${command("resume")}; }`, BATCH);
}
