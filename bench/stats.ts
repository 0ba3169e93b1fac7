// What it costs to read what a thousand containers use: cgroups of their own, as the runtime makes them, without processes.

import { systemClock } from "../src/clock.js";
import { silentLogger } from "../src/log.js";
import { containerIdOf } from "../src/model.js";
import { loadNative } from "../src/native/binding.js";
import { openCgroups } from "../src/runtime/cgroup/cgroups.js";
import { detectCgroups } from "../src/runtime/cgroup/layout.js";
import { statsOf } from "../src/runtime/stats/container-stats.js";
import { StatsReader } from "../src/runtime/stats/stats-reader.js";
import { type BenchReport, boundedRow } from "./report.js";

const CONTAINERS = 1_000;
const RUNS = 20;
const READ_MS_MAX = 100;
const resources = { cpus: null, memoryBytes: null, pids: null };

export async function stats(): Promise<BenchReport> {
	const native = loadNative();
	const signal = (pid: number, number: number) => native.signal(pid, number);
	const scope = `bench${process.pid}`;
	const cgroups = openCgroups({
		layout: detectCgroups(),
		scope,
		clock: systemClock,
		logger: silentLogger,
		signal,
	});
	const ids = Array.from({ length: CONTAINERS }, (_, index) => containerIdOf("bench", index));
	const reader = new StatsReader(native);
	const read = async () => {
		const beganMs = systemClock.monotonicMs();
		const readings = await reader.read(new Map(ids.map((id) => [id, cgroups.statFiles(id, resources)])));
		const found = ids.map((id) =>
			statsOf({ spec: { resources } }, readings.get(id) ?? {}, {
				link: null,
				takenAtMonotonicMs: beganMs,
				quotaPercent: null,
			}),
		);
		if (found.includes(null)) throw new Error("a container could not be read");
		return systemClock.monotonicMs() - beganMs;
	};
	try {
		for (const id of ids) cgroups.create(id, resources);
		const firstMs = await read();
		const times: number[] = [];
		for (let run = 0; run < RUNS; run++) times.push(await read());
		const first = {
			...boundedRow("the first reading, which opens the files", "ms", [firstMs], 0),
			goal: null,
			holds: null,
		};
		const again = boundedRow(`each further reading of ${CONTAINERS} containers`, "ms", times, READ_MS_MAX);
		return { bench: "stats", rows: [again, first] };
	} finally {
		await reader.close();
		for (const id of ids) await cgroups.remove(id);
		cgroups.close();
	}
}
