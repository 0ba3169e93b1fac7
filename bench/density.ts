// 1,000 idle containers on one node: what each takes besides its workload (its monitor, the daemon's share, what the kernel keeps), how
// much longer the last ones take to start than the first, and whether anything is left when all are removed. `--count N` makes fewer.

import { globSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { systemClock } from "../src/clock.js";
import { type Client, connectLocal } from "../src/node/api/client.js";
import { scopeOf } from "../src/node/scope.js";
import { validateSpec } from "../src/node/spec/validate-spec.js";
import { untilInterrupted } from "./interrupt.js";
import { withBenchNode } from "./node.js";
import { type BenchReport, type BenchRow, boundedRow, informingRow, median } from "./report.js";
import { makeRootfs } from "./rootfs.js";

const COUNT_DEFAULT = "1000";
/** Starts whose median stands for the first ones (from the 10th on) and for the last. */
const WINDOW = 50;
const FIRST = 9;
const REMOVED_AT_A_TIME = 20;
const SETTLE_MS_MAX = 60_000;
/** Issue goals. */
const MEMORY_MB_MAX = 1;
const GROWTH_MAX = 1.5;

export async function density(): Promise<BenchReport> {
	const { values } = parseArgs({ options: { count: { type: "string", default: COUNT_DEFAULT } }, strict: false });
	const count = Number(values.count);
	if (!Number.isInteger(count) || count < FIRST + 2 * WINDOW || count > 10_000)
		throw new Error(`Cannot run density: --count is ${values.count}, wanted ${FIRST + 2 * WINDOW} to 10000`);
	const under = mkdtempSync(join(tmpdir(), "swarm-bench-"));
	const { signal, done } = untilInterrupted();
	try {
		const { layout, imageName } = makeRootfs(under);
		return await withBenchNode(under, async (directory) => {
			const client = connectLocal(directory, { keepAlive: true });
			await client.importImage(layout, imageName, () => {}, signal);
			// The cluster is told in the next batch of changes.
			while (!(await client.images()).some(({ name }) => name === imageName)) await systemClock.sleep(10, signal);
			return { bench: "density", rows: await measure(client, { directory, imageName, count, signal }) };
		});
	} finally {
		done();
		rmSync(under, { recursive: true, force: true });
	}
}

interface Wish {
	readonly directory: string;
	readonly imageName: string;
	readonly count: number;
	readonly signal: AbortSignal;
}

async function measure(client: Client, { directory, imageName, count, signal }: Wish): Promise<readonly BenchRow[]> {
	const { node, pid } = await client.ping();
	const place = { directory, scope: scopeOf(node), daemon: pid };
	const nameOf = (index: number) => `idle-${index}`;
	// What the first container brings with it is not the others'.
	await client.deploy(specOf("first", imageName));
	await client.remove("first");
	await client.pool({ filled: true });
	const before = memoryOf(place);
	const times: number[] = [];
	let removedMs = 0;
	let full = before;
	try {
		for (let index = 0; index < count; index++) {
			signal.throwIfAborted();
			const begin = performance.now();
			const { containers } = await client.deploy(specOf(nameOf(index), imageName));
			times.push(performance.now() - begin);
			if (containers[0]?.phase !== "running") throw new Error(`${nameOf(index)} does not run: ${containers[0]?.error}`);
		}
		await client.clearPool();
		full = memoryOf(place);
	} finally {
		const begin = performance.now();
		await removeAll(client, times.length, nameOf);
		removedMs = performance.now() - begin;
		await client.pool({ filled: true });
		await client.clearPool();
	}
	const left = await leftOf(place);
	const first = times.slice(FIRST, FIRST + WINDOW);
	const last = times.slice(-WINDOW);
	const each = (bytes: (memory: Memory) => number) => (bytes(full) - bytes(before)) / count / 1e6;
	return [
		boundedRow(
			`memory for each of ${count} besides its workload: monitor and daemon`,
			"MB",
			[each(({ monitors, daemon }) => monitors + daemon)],
			MEMORY_MB_MAX,
		),
		informingRow("of this, its monitor", "MB", [each(({ monitors }) => monitors)]),
		informingRow("kernel memory of the machine for each (slabs, stacks, page tables, per CPU)", "MB", [
			each((m) => m.kernel),
		]),
		informingRow(`start of one, from the ${FIRST + 1}th on`, "ms", first),
		informingRow(`start of one, the last ${WINDOW} of ${count}`, "ms", last),
		boundedRow("the last starts against the first", "times", [median(last) / median(first)], GROWTH_MAX),
		informingRow("stopping and removing all", "s", [removedMs / 1_000]),
		boundedRow("processes, cgroups, mounts and directories left", "things", [left], 0),
	];
}

function specOf(name: string, image: string) {
	return validateSpec({ name, image, command: ["/bin/sleep", "100000"], network: "none", stopGraceMs: 0 });
}

async function removeAll(client: Client, count: number, nameOf: (index: number) => string): Promise<void> {
	let next = 0;
	const line = async () => {
		while (next < count) await client.remove(nameOf(next++));
	};
	await Promise.all(Array.from({ length: REMOVED_AT_A_TIME }, line));
}

interface Place {
	readonly directory: string;
	readonly scope: string;
	readonly daemon: number;
}

interface Memory {
	/** Bytes: each page in equal shares of those who have it (proc_pid_smaps(5), Pss). */
	readonly monitors: number;
	readonly daemon: number;
	readonly kernel: number;
}

function memoryOf(place: Place): Memory {
	const monitors = processesOf(place).filter(({ command }) => command.includes("swarm-monitor"));
	return {
		monitors: monitors.reduce((sum, { pid }) => sum + pssOf(pid), 0),
		daemon: pssOf(place.daemon),
		kernel: ["SUnreclaim", "KernelStack", "PageTables", "Percpu"].reduce((sum, name) => sum + kernelBytes(name), 0),
	};
}

function pssOf(pid: number): number {
	return kibIn(`/proc/${pid}/smaps_rollup`, "Pss");
}

function kernelBytes(name: string): number {
	return kibIn("/proc/meminfo", name);
}

/** Bytes; 0 for a process that ended meanwhile. */
function kibIn(path: string, name: string): number {
	try {
		return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(readFileSync(path, "utf8"))?.[1] ?? 0) * 1024;
	} catch {
		return 0;
	}
}

/** Everything that has the state directory in its command line. */
function processesOf({ directory }: Place): readonly { readonly pid: number; readonly command: string }[] {
	return readdirSync("/proc").flatMap((name) => {
		if (!/^\d+$/.test(name)) return [];
		try {
			const command = readFileSync(`/proc/${name}/cmdline`, "utf8");
			return command.includes(directory) ? [{ pid: Number(name), command }] : [];
		} catch {
			return [];
		}
	});
}

/** Monitors that were told to end take a moment. */
async function leftOf(place: Place): Promise<number> {
	const endMs = systemClock.monotonicMs() + SETTLE_MS_MAX;
	for (;;) {
		const processes = processesOf(place).filter(({ command }) => /swarm-(monitor|init)/.test(command)).length;
		const cgroups = globSync(`/sys/fs/cgroup/{,*/}swarm/${place.scope}/*/cgroup.procs`).length;
		const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
		const mounted = mounts.filter((line) => line.includes(`${place.directory}/`) || line.includes(`/${place.scope}/`));
		const directories = readdirSync(join(place.directory, "containers")).length;
		const left = processes + cgroups + mounted.length + directories;
		if (left === 0 || systemClock.monotonicMs() > endMs) return left;
		await systemClock.sleep(100, new AbortController().signal);
	}
}
