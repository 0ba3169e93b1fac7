// What the CPU modes are for: a bursty service and a batch job on one core. The service's latency with the job in its way, and with both
// of them given a mode.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../src/clock.js";
import { silentLogger } from "../src/log.js";
import { type CpuMode, containerIdOf, type Digest, type Spec } from "../src/model.js";
import { loadNative } from "../src/native/binding.js";
import { nativePaths, packageDirectory } from "../src/native/paths.js";
import { validateSpec } from "../src/node/spec/validate-spec.js";
import { hasEnded } from "../src/runtime/life-cycle.js";
import { openRuntime } from "../src/runtime/native-runtime.js";
import type { CreateRequest, Runtime } from "../src/runtime/runtime.js";
import { type BenchReport, type BenchRow, boundedRow } from "./report.js";
import { makeRootfs } from "./rootfs.js";

const PERIOD_MS = 25;
const WORK_MS = 5;
const MEASURED = 240;
/** The first bursts are not counted: the quotas find their place. */
const SETTLING = 60;
const ROUNDS = 3;
/** p99 with the modes, at most this share of that without. */
const RATIO_MAX = 0.8;
const service = containerIdOf("service", 0);
const job = containerIdOf("job", 0);
const never = new AbortController().signal;

export async function quota(): Promise<BenchReport> {
	const under = mkdtempSync("/var/tmp/swarm-quota-");
	try {
		const rootfs = makeRootfs(under).directory;
		const source = join(packageDirectory(), "bench/burst.c");
		execFileSync("cc", ["-O2", "-static", "-o", join(rootfs, "bin/burst"), source]);
		const paths = nativePaths();
		const runtime = await openRuntime({
			stateDirectory: under,
			scope: `q${process.pid}`,
			native: loadNative(paths),
			paths,
			clock: systemClock,
			logger: silentLogger,
			checkpoints: null,
		});
		try {
			return await compare(runtime, rootfs);
		} finally {
			for (const { container, epoch } of runtime.list()) await runtime.remove(container, epoch);
			await runtime.close();
		}
	} finally {
		rmSync(under, { recursive: true, force: true });
	}
}

async function compare(runtime: Runtime, rootfs: string): Promise<BenchReport> {
	const found = { without: [] as Latency[], modes: [] as Latency[], alone: [] as Latency[] };
	let changes = 0;
	const stop = runtime.onQuotaChange(() => {
		changes += 1;
	});
	// In turn, so that what else the machine does falls on all of them.
	for (let round = 0; round < ROUNDS; round++) {
		found.alone.push(await measure(runtime, rootfs, { service: null, job: "none" }));
		found.without.push(await measure(runtime, rootfs, { service: null, job: null }));
		found.modes.push(await measure(runtime, rootfs, { service: "low-latency", job: "batch" }));
	}
	stop();
	const ms = (latencies: readonly Latency[], name: keyof Latency) => latencies.map((latency) => latency[name] / 1_000);
	const inform = (what: string, values: readonly number[], unit = "ms"): BenchRow => ({
		...boundedRow(what, unit, values, 0),
		goal: null,
		holds: null,
	});
	const [with99, without99] = [ms(found.modes, "p99Us"), ms(found.without, "p99Us")];
	const [mine, theirs] = [inform("", with99).ours, inform("", without99).ours];
	const ratio = mine / theirs;
	return {
		bench: "quota",
		rows: [
			{
				...inform(`p99 of ${WORK_MS} ms of work every ${PERIOD_MS} ms beside a batch job, with CPU modes`, with99),
				...{ peer: "without", theirs, ratio, goal: `≤ ${RATIO_MAX} × without`, holds: ratio <= RATIO_MAX },
			},
			inform("the same with nothing beside it", ms(found.alone, "p99Us")),
			{
				...inform("median, with CPU modes", ms(found.modes, "p50Us")),
				peer: "without",
				theirs: inform("", ms(found.without, "p50Us")).ours,
			},
			inform("changes of quotas in a round", [changes / ROUNDS], "changes"),
		],
	};
}

interface Latency {
	readonly p50Us: number;
	readonly p99Us: number;
	readonly maxUs: number;
}

interface Setting {
	readonly service: CpuMode | null;
	/** `none`: there is no job. */
	readonly job: CpuMode | "none" | null;
}

async function measure(runtime: Runtime, rootfs: string, setting: Setting): Promise<Latency> {
	const numbers = [PERIOD_MS, WORK_MS, SETTLING + MEASURED, MEASURED].map(String);
	if (setting.job !== "none") await begin(runtime, job, rootfs, ["/bin/sh", "-c", "while :; do :; done"], setting.job);
	await begin(runtime, service, rootfs, ["/bin/burst", ...numbers], setting.service);
	try {
		await ended(runtime);
		const options = { tail: 1, sinceMs: null, follow: false, stream: null };
		for await (const { text } of runtime.logs(service, options, never)) {
			const [p50Us = 0, p99Us = 0, maxUs = 0] = text.split(" ").map(Number);
			return { p50Us, p99Us, maxUs };
		}
		throw new Error("the service wrote nothing");
	} finally {
		for (const { container, epoch } of runtime.list()) await runtime.remove(container, epoch);
	}
}

async function begin(
	runtime: Runtime,
	container: CreateRequest["container"],
	rootfs: string,
	command: readonly string[],
	cpuMode: CpuMode | null,
): Promise<void> {
	const spec: Spec = validateSpec({
		name: container.split(".")[0],
		command,
		network: "none",
		// The quota of a whole CPU without a mode: then both have the same place among the cgroups of the machine.
		resources: { cpus: 1, cpusetCpus: "0", ...(cpuMode === null ? {} : { cpuMode }) },
	});
	const image = {
		name: "bench:1",
		digest: `sha256:${"0".repeat(64)}` as Digest,
		lowerDirectories: [rootfs],
		hostPaths: [],
		config: { entrypoint: [], command: [], env: {}, workdir: "/", user: "", stopSignal: 15 },
	};
	// Epochs only rise, also after a removal.
	const epoch = Math.round(systemClock.nowMs());
	await runtime.create({ container, epoch, revision: 1, spec, image, address: null }, never);
	await runtime.start(container, epoch, never);
}

function ended(runtime: Runtime): Promise<void> {
	return new Promise((resolve) => {
		const undo = runtime.subscribe(look);
		function look() {
			if (!hasEnded(runtime.get(service)?.phase ?? "stopped")) return;
			undo();
			resolve();
		}
		look();
	});
}
