// create + start + wait + remove of a short command: our daemon over its socket, crun and runc from a shell, on the same files with the
// same namespaces (mount, pid, uts, ipc, cgroup, network with loopback only). Taken in turns, in batches, so that
// what else the machine does hits all alike; peers are started by a small shell, not by this process. What we do in the background
// (making the next ones ready, deleting what was removed) is over before each batch, and has rows of its own.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Spec } from "../src/model.js";
import { type Client, connectLocal } from "../src/node/api/client.js";
import { validateSpec } from "../src/node/spec/validate-spec.js";
import { untilInterrupted } from "./interrupt.js";
import { withBenchNode } from "./node.js";
import { type Peer, preparePeer, timedBatch } from "./peer.js";
import { type BenchReport, type BenchRow, comparedRow, informingRow } from "./report.js";
import { type BenchCommand, type BenchRootfs, commands, makeRootfs } from "./rootfs.js";

const ROUNDS = 15;
const BATCH = 10;
/** Of ours, before anything is measured: until then Node compiles what runs. */
const WARM_ROUNDS = 80;
/** More than a batch, so that none of it waits for one to be made. */
const POOL = 16;
/** Issue goals: at most these shares of crun's. */
const RATIO_MAX = 0.4;
const POOL_RATIO_MAX = 0.1;

export async function start(): Promise<BenchReport> {
	const under = mkdtempSync(join(tmpdir(), "swarm-bench-"));
	try {
		const rootfs = makeRootfs(under);
		const { signal, done } = untilInterrupted();
		try {
			return await withBenchNode(under, (directory) => measure(under, rootfs, directory, signal));
		} finally {
			done();
		}
	} finally {
		rmSync(under, { recursive: true, force: true });
	}
}

interface Measured {
	readonly ours: number[];
	/** Both together: a batch and all that follows from it in the background. */
	readonly oursWithRefill: number[];
	readonly warm: number[];
	readonly refill: number[];
	readonly peers: readonly { readonly peer: Peer; readonly values: number[] }[];
}

async function measure(
	under: string,
	rootfs: BenchRootfs,
	directory: string,
	signal: AbortSignal,
): Promise<BenchReport> {
	const client = connectLocal(directory, { keepAlive: true });
	await client.importImage(rootfs.layout, rootfs.imageName, () => {}, signal);
	const rows: BenchRow[] = [];
	for (const wish of commands) {
		const peers = ["crun", "runc"].map((program) => ({
			peer: preparePeer(join(under, wish.name), rootfs, program, wish.command),
			values: [],
		}));
		const measured: Measured = { ours: [], oursWithRefill: [], warm: [], refill: [], peers };
		const specOf = (pool: number) => shortSpec(rootfs.imageName, wish, pool);
		for (let round = 0; round < WARM_ROUNDS; round++) {
			await ourBatch(client, specOf(0), signal);
			await ourBatch(client, specOf(POOL), signal);
		}
		for (let round = -1; round < ROUNDS; round++) await oneRound(client, specOf, measured, round >= 0, signal);
		rows.push(...rowsOf(wish, measured));
	}
	return { bench: "start", rows };
}

async function oneRound(
	client: Client,
	specOf: (pool: number) => Spec,
	measured: Measured,
	counts: boolean,
	signal: AbortSignal,
) {
	const take = (values: number[], value: number) => void (counts && values.push(value));
	await client.pool({ filled: true });
	const begin = performance.now();
	take(measured.ours, await ourBatch(client, specOf(0), signal));
	await client.pool({ filled: true });
	take(measured.oursWithRefill, (performance.now() - begin) / BATCH);
	// The first one only says that there are to be more.
	await ourBatch(client, specOf(POOL), signal, 1);
	const before = await warmOf(client, specOf(POOL));
	take(measured.warm, await ourBatch(client, specOf(POOL), signal));
	const after = await warmOf(client, specOf(POOL));
	if (before !== undefined && after !== undefined)
		take(measured.refill, (after.madeMs - before.madeMs) / (after.made - before.made));
	for (const { peer, values } of measured.peers) {
		signal.throwIfAborted();
		const run = `${peer.program} --root ${peer.root} run --bundle ${peer.bundle} bench-$i`;
		take(values, timedBatch(peer, run, BATCH));
	}
}

async function warmOf(client: Client, { name }: Spec) {
	return (await client.pool({ filled: true })).warm.find(({ workload }) => workload === name);
}

function rowsOf(
	{ name, isCounted }: BenchCommand,
	{ ours, oursWithRefill, warm, refill, peers }: Measured,
): readonly BenchRow[] {
	const what = `create+start+wait+remove ${name}`;
	return [
		...peers.flatMap(({ peer, values }) => {
			const goals = isCounted && peer.program === "crun" ? [RATIO_MAX, POOL_RATIO_MAX] : [null, null];
			const theirs = { name: peer.version, values };
			return [
				comparedRow(what, "ms", ours, theirs, goals[0] ?? null),
				comparedRow(`${what}, and what follows in the background`, "ms", oursWithRefill, theirs, null),
				comparedRow(`${what}, with the pool`, "ms", warm, theirs, goals[1] ?? null),
			];
		}),
		informingRow("making one ready for the pool, in the background", "ms", refill),
	];
}

function shortSpec(image: string, { name, command }: BenchCommand, pool: number): Spec {
	return validateSpec({ name, image, command, network: "none", stopGraceMs: 1_000, pool });
}

/** Milliseconds for one. */
async function ourBatch(client: Client, spec: Spec, signal: AbortSignal, count = BATCH): Promise<number> {
	const begin = performance.now();
	for (let run = 0; run < count; run++) {
		const { exitCode } = await client.run({ spec }, signal);
		if (exitCode !== 0) throw new Error(`our run ended with ${exitCode}`);
	}
	return (performance.now() - begin) / count;
}
