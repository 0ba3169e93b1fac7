import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, type TestContext } from "vitest";
import { type ContainerId, containerIdOf, type LimitName, type ResourceRequest } from "../../src/model.js";
import { blockDeviceOf } from "../../src/runtime/cgroup/block-device.js";
import { type Controller, detectCgroups } from "../../src/runtime/cgroup/layout.js";
import { plainExec } from "../../src/runtime/exec-request.js";
import { linkNameOf } from "../../src/runtime/network/names.js";
import type { QuotaChange } from "../../src/runtime/runtime.js";
import { createRequest } from "../support/create-request.js";
import { hasNftables, noTraces, pathOf, tracesOf } from "../support/kernel.js";
import { missingForContainers, type NativeWorld, openNativeWorld, untilEnded } from "../support/native-world.js";
import { until } from "../support/until.js";

const missing = missingForContainers();
const MIB = 2 ** 20;
const web = containerIdOf("web", 0);
const never = new AbortController().signal;
const shell = (script: string) => ["/bin/sh", "-c", script];
const spin = shell("while :; do :; done");
const noRates = {
	readBytesPerSecond: null,
	writeBytesPerSecond: null,
	readOperationsPerSecond: null,
	writeOperationsPerSecond: null,
};

describe.skipIf(missing !== null)(`limits bite${missing === null ? "" : ` (needs ${missing})`}`, () => {
	let world: NativeWorld;
	beforeEach(async () => {
		world = await openNativeWorld();
	});
	afterEach(async () => {
		const { scope } = world;
		await world.dispose();
		expect(tracesOf(scope)).toEqual(noTraces);
	});

	const run = async (command: readonly string[], limits: Partial<ResourceRequest>, id: ContainerId = web) => {
		const resources = { cpus: null, memoryBytes: null, pids: null, ...limits };
		await world.runtime.create(createRequest(id, { command, resources, image: world.image }), never);
		return world.runtime.start(id, 1, never);
	};
	const output = async () => {
		await untilEnded(world.runtime, web);
		const texts: string[] = [];
		const options = { tail: null, sinceMs: null, follow: true, stream: null };
		for await (const line of world.runtime.logs(web, options, never)) texts.push(line.text);
		return texts;
	};
	/** A number of a file of the container's cgroup, by its key where the file has keys. */
	const cgroupNumber = (controller: Controller, file: string, key: string | null = null) => {
		const { mount = "", version } = detectCgroups().homes[controller] ?? {};
		const name = version === 2 ? "" : controller === "io" ? "blkio" : controller;
		const memberships = readFileSync(`/proc/${world.runtime.get(web)?.pid}/cgroup`, "utf8");
		const path = new RegExp(`^\\d+:${name}:(.*)$`, "m").exec(memberships)?.[1] ?? "";
		const text = readFileSync(join(mount, path, file), "utf8");
		return key === null ? Number(text) : Number(new RegExp(`^${key} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
	};
	const needs = (test: TestContext, ...limits: readonly LimitName[]) => {
		const lacking = limits.filter((name) => !world.runtime.limits.includes(name));
		if (lacking.length > 0) test.skip(`this machine cannot limit ${lacking.join(", ")}`);
	};

	it("a CPU quota throttles", async (test) => {
		needs(test, "cpu");
		await run(spin, { cpus: 0.1 });
		await until("the kernel to throttle it", () => cgroupNumber("cpu", "cpu.stat", "nr_throttled") >= 2, 60_000);
	});

	it("of two on one CPU the heavier gets more", async (test) => {
		needs(test, "cpu", "cpuset");
		const other = containerIdOf("other", 0);
		const spinThrice = shell("(while :; do :; done) & (while :; do :; done) & while :; do :; done");
		await run(spinThrice, { cpuWeight: 50, cpusetCpus: "0" });
		await run(spinThrice, { cpuWeight: 1_000, cpusetCpus: "0" }, other);
		const used = async (id: ContainerId) => (await world.runtime.stats(id)).cpuUsageUs;
		const before = [await used(web), await used(other)] as const;
		const gained = await until(
			"the heavier to have run for half a second",
			async () => {
				const gains = [(await used(web)) - before[0], (await used(other)) - before[1]] as const;
				return gains[1] > 500_000 ? gains : null;
			},
			60_000,
		);
		expect(gained[1]).toBeGreaterThan(4 * gained[0]);
	});

	it("a CPU set holds the process on its CPUs and memory nodes", async (test) => {
		needs(test, "cpuset");
		await run(shell("while read name value; do echo $name $value; done < /proc/self/status"), {
			cpusetCpus: "0",
			cpusetMems: "0",
		});
		expect(await output()).toEqual(expect.arrayContaining(["Cpus_allowed_list: 0", "Mems_allowed_list: 0"]));
	});

	it("more memory than the limit is a kill that the state tells of", async (test) => {
		needs(test, "memory");
		await run(["/bin/tail", "/dev/zero"], { memoryBytes: 16 * MIB });
		const { oom, ...state } = await untilEnded(world.runtime, web);
		expect(state).toMatchObject({ exitCode: 137, oomKilled: true });
		expect(oom).toMatchObject({ kills: 1, limitBytes: 16 * MIB });
		expect(oom?.peakBytes ?? 16 * MIB).toBe(16 * MIB);
		// Null where the kernel's log is not for us.
		expect(["tail", undefined]).toContain(oom?.process?.name);
	});

	it("a kill that the container outlives is told as well", async (test) => {
		needs(test, "memory");
		await run(shell("tail /dev/zero; sleep 1000"), { memoryBytes: 16 * MIB });
		await until("the kill to be told", () => world.runtime.get(web)?.oom?.kills === 1, 60_000);
		expect(world.runtime.get(web)?.phase).toBe("running");
		const runtime = await world.reopen();
		expect(runtime.get(web)).toMatchObject({ phase: "running", oom: { kills: 1 } });
	});

	it("more than memory.high slows down and is counted, without a kill", async (test) => {
		needs(test, "memory.high");
		await run(shell("dd if=/dev/zero of=/dev/null bs=24M count=1; sleep 1000"), { memoryHighBytes: 16 * MIB });
		await until("the kernel to count it", () => cgroupNumber("memory", "memory.events", "high") > 0, 60_000);
		expect(world.runtime.get(web)?.phase).toBe("running");
	});

	it("swap has the limit that was asked for", async (test) => {
		needs(test, "memory", "swap");
		await run(spin, { memoryBytes: 16 * MIB, swapBytes: 4 * MIB });
		const { version } = detectCgroups().homes.memory ?? {};
		if (version === 2) expect(cgroupNumber("memory", "memory.swap.max")).toBe(4 * MIB);
		else expect(cgroupNumber("memory", "memory.memsw.limit_in_bytes")).toBe(20 * MIB);
	});

	it("no more processes than allowed can be made", async (test) => {
		needs(test, "pids");
		await run(shell("for n in 1 2 3 4 5 6 7 8; do sleep 1000 & done; echo made all"), { pids: 5 });
		const lines = await output();
		expect(lines).toContainEqual(expect.stringMatching(/fork/));
		expect(lines).not.toContain("made all");
	});

	it("a disk is written to no faster than allowed", async (test) => {
		needs(test, "io");
		const device = diskOf(world.stateDirectory);
		if (device === null) return test.skip("the state directory is on no block device");
		await run(shell("dd if=/dev/zero of=/file bs=1M count=3 oflag=direct 2>&1; echo ended"), {
			io: [{ ...noRates, device: world.stateDirectory, writeBytesPerSecond: 2 * MIB }],
		});
		const startedAtMs = world.runtime.get(web)?.startedAtMs ?? 0;
		expect(await output()).toContain("ended");
		const state = await untilEnded(world.runtime, web);
		if (!existsSync(join(world.stateDirectory, "containers", web, "upper/file")))
			return test.skip("dd without direct I/O");
		expect((state.finishedAtMs ?? 0) - startedAtMs).toBeGreaterThan(1_000);
	});

	it("huge pages above the limit are refused to the process", async (test) => {
		needs(test, "hugepages");
		if (pathOf("cc") === null) return test.skip("no C compiler");
		if (!reserveHugepages(8)) return test.skip("8 free huge pages of 2 MB");
		const program = join(world.image.lowerDirectories[0] ?? "", "bin/hugepages");
		execFileSync("cc", ["-static", "-x", "c", "-o", program, "-"], { input: takesHugepages });
		await run(["/bin/hugepages"], { hugepages: [{ pageSize: "2MB", bytes: 4 * MIB }] });
		expect(await output()).toEqual(["2 pages", "refused: Cannot allocate memory"]);
	});

	describe.skipIf(!hasNftables())("over the network (needs nftables)", () => {
		const address = "10.99.211.7";
		const runOnNetwork = async (script: string, limits: Partial<ResourceRequest>) => {
			const resources = { cpus: null, memoryBytes: null, pids: null, ...limits };
			const request = createRequest(web, { command: shell(script), resources, address, image: world.image });
			await world.runtime.create(request, never);
			await world.runtime.start(web, 1, never);
		};

		it("a container sends and gets no faster than allowed, and changes of that bite at once", async (test) => {
			needs(test, "bandwidth");
			await runOnNetwork("nc -l -p 7 < /dev/zero > /dev/null", {
				egressBytesPerSecond: MIB / 2,
				ingressBytesPerSecond: MIB / 2,
			});
			const socket = await until("it to listen", () => connectTo(address, 7), 60_000);
			onTestFinished(() => void socket.destroy());
			const receive = receiving(socket);
			const sent = () => bytesSentBy(linkNameOf(world.scope, web));
			socket.write(Buffer.alloc(8 * MIB));
			// What the bucket holds passes at once.
			await receive(MIB / 4);
			const [before, startedAtMs] = [sent(), performance.now()];
			expect(await timed(() => receive(MIB / 2))).toBeGreaterThan(500);
			const bytesPerSecond = (sent() - before) / ((performance.now() - startedAtMs) / 1_000);
			expect(bytesPerSecond).toBeGreaterThan(MIB / 16);
			expect(bytesPerSecond).toBeLessThan(MIB);
			await world.runtime.update(web, 1, 2, { cpus: null, memoryBytes: null, pids: null });
			// 32 MiB take more than a minute at the old rate.
			const fastMs = await timed(() => receive(32 * MIB));
			expect(fastMs).toBeLessThan(20_000);
		}, 60_000);
	});

	it("a batch job makes room for a service that waits, within its bounds, and nobody without a mode is touched", async (test) => {
		needs(test, "cpu", "cpu.mode", "cpuset");
		const [job, plain] = [containerIdOf("job", 0), containerIdOf("plain", 0)];
		const onOne = { cpus: 1, cpusetCpus: "0" };
		const changes: QuotaChange[] = [];
		onTestFinished(world.runtime.onQuotaChange((change) => void changes.push(change)));
		// Little, so that it uses more than its least share of it also where others keep the CPU busy.
		await run(spin, { ...onOne, cpus: 0.3, cpuMode: "batch" }, job);
		await run(shell("sleep 1000; true"), onOne, plain);
		const bursts = "while :; do n=0; while [ $n -lt 3000 ]; do n=$((n+1)); done; sleep 0.01; done";
		await run(shell(bursts), { ...onOne, cpuMode: "low-latency" });
		const quotaOf = async (id: ContainerId) => (await world.runtime.stats(id)).cpuQuotaPercent;
		await until("the job to have its least", async () => (await quotaOf(job)) === 10, 60_000);
		expect(changes[0]).toMatchObject({ container: job, before: 50, after: 25, squeezedFor: web, mode: "batch" });
		expect(changes.filter(({ container, after }) => container !== job || after < 10 || after > 50)).toEqual([]);
		expect(await quotaOf(plain)).toBeNull();
		// Another daemon goes on from where it stands; without the mode its quota is its own again.
		const runtime = await world.reopen();
		await until("the new daemon to know it", async () => (await runtime.stats(job)).cpuQuotaPercent === 10, 60_000);
		await runtime.update(job, 1, 2, { cpus: 4, memoryBytes: null, pids: null });
		const throttled = async () => (await runtime.stats(job)).throttledPeriods ?? 0;
		const before = await throttled();
		await until("it to run without the mode", async () => (await runtime.stats(job)).cpuQuotaPercent === null, 60_000);
		expect((await throttled()) - before).toBeLessThan(20);
	});

	it("what is used can be read of all at once, again after some have gone and come", async (test) => {
		needs(test, "cpu", "pids");
		const other = containerIdOf("other", 0);
		await run(spin, { cpus: 0.1, pids: 9 });
		await run(shell("sleep 1000; true"), {}, other);
		const first = await world.runtime.allStats();
		expect([...first.keys()].sort()).toEqual([other, web]);
		await until(
			"throttling to be counted",
			async () => ((await world.runtime.stats(web)).throttledUs ?? 0) > 0,
			60_000,
		);
		const stats = await world.runtime.stats(web);
		expect(stats).toMatchObject({ pids: 1, pidsLimit: 9, networkSentBytes: null });
		expect(stats.memoryBytes).toBeGreaterThan(0);
		expect((await world.runtime.stats(other)).throttledUs).toBeNull();
		await world.runtime.stop(other, 1, 0, never);
		expect([...(await world.runtime.allStats()).keys()]).toEqual([web]);
		await world.runtime.reset(other, 2, 1, never);
		await world.runtime.start(other, 2, never);
		// The descriptors of its first life show themselves to be stale, once.
		await until("its new life to be read", async () => (await world.runtime.allStats()).has(other), 60_000);
	});

	it("all of them change while it runs, without a start, and stay changed for the next daemon", async (test) => {
		needs(test, "cpu", "memory", "pids");
		const onOneCpu = world.runtime.limits.includes("cpuset") ? { cpusetCpus: "0" } : {};
		const before = await run(shell("while read line; do echo $line; done; sleep 1000"), {});
		const limits = { cpus: 0.5, memoryBytes: 64 * MIB, pids: 20, cpuWeight: 20, ...onOneCpu };
		const after = await world.runtime.update(web, 1, 2, limits);
		expect(after).toMatchObject({ pid: before.pid, startedAtMs: before.startedAtMs, revision: 2, phase: "running" });
		const allowed = /^Cpus_allowed_list:\s+(.*)$/m.exec(readFileSync(`/proc/${before.pid}/status`, "utf8"))?.[1];
		if ("cpusetCpus" in onOneCpu) expect(allowed).toBe("0");
		expect(cgroupNumber("pids", "pids.max")).toBe(20);
		const { version } = detectCgroups().homes.memory ?? {};
		expect(cgroupNumber("memory", version === 2 ? "memory.max" : "memory.limit_in_bytes")).toBe(64 * MIB);
		const runtime = await world.reopen();
		expect(runtime.get(web)).toMatchObject({ pid: before.pid, revision: 2, spec: { resources: limits } });
		// What is executed in it afterwards has the same limits.
		const session = await runtime.exec(web, plainExec(["/bin/cat", "/proc/self/status"]));
		session.stdin.end();
		const status = await text(session.stdout);
		if ("cpusetCpus" in onOneCpu) expect(status).toMatch(/^Cpus_allowed_list:\s+0$/m);
		const lifted = await runtime.update(web, 1, 3, { cpus: null, memoryBytes: null, pids: null });
		expect(lifted.pid).toBe(before.pid);
		if (availableParallelism() > 1)
			expect(readFileSync(`/proc/${before.pid}/status`, "utf8")).not.toMatch(/^Cpus_allowed_list:\s+0$/m);
	});

	it("a limit that cannot be had changes nothing and says why", async (test) => {
		needs(test, "memory", "pids");
		// Without a command after it, the shell would become the sleep and give all back.
		const script = "a=$(cat /file /file); echo ready; sleep 1000; true";
		await run(shell(`dd if=/dev/zero bs=1M count=8 2>/dev/null | tr '\\0' x > /file; ${script}`), { pids: 50 });
		const options = { tail: null, sinceMs: null, follow: true, stream: null };
		for await (const line of world.runtime.logs(web, options, never)) if (line.text === "ready") break;
		const wish = { cpus: null, memoryBytes: 4 * MIB, pids: 10 };
		const refused = world.runtime.update(web, 1, 2, wish);
		await expect(refused).rejects.toMatchObject({ code: "refused" });
		await expect(refused).rejects.toThrow(/Cannot limit web\.0 to 4\.0 MiB of memory: it uses \d+\.\d MiB/);
		expect(world.runtime.get(web)).toMatchObject({ revision: 1, phase: "running", spec: { resources: { pids: 50 } } });
		expect(cgroupNumber("pids", "pids.max")).toBe(50);
	});

	it.each([
		["a CPU that is not there", { cpusetCpus: "4000" }, "cpuset", /cpuset\.cpus does not take 4000: it is not valid/],
		[
			"a disk that is not there",
			{ io: [{ ...noRates, device: "/dev/nothing", readBytesPerSecond: 1 }] },
			"io",
			/I\/O of \/dev\/nothing: there is no such path/,
		],
		["a page size that is not there", { hugepages: [{ pageSize: "3MB", bytes: 0 }] }, "hugepages", /3MB/],
	] as const)("%s is refused in words, and nothing stays", async (_, limits, needed, sentence) => {
		if (!world.runtime.limits.includes(needed)) return;
		await expect(run(spin, limits)).rejects.toThrow(sentence);
		expect(world.runtime.list()).toEqual([]);
	});
});

async function connectTo(host: string, port: number): Promise<Socket | null> {
	const socket = connect({ host, port });
	return new Promise((resolve) => {
		socket.once("connect", () => resolve(socket));
		socket.once("error", () => resolve(null));
	});
}

async function timed(work: () => Promise<void>): Promise<number> {
	const startedAtMs = performance.now();
	await work();
	return performance.now() - startedAtMs;
}

/** Resolves when that many more bytes have come. */
function receiving(socket: Socket): (bytes: number) => Promise<void> {
	let received = 0;
	socket.on("data", (part) => {
		received += part.length;
	});
	return async (bytes) => {
		const end = received + bytes;
		while (received < end) await once(socket, "data");
	};
}

/** proc(5), net/dev: the ninth number of a link's line. */
function bytesSentBy(link: string): number {
	const line = readFileSync("/proc/self/net/dev", "utf8")
		.split("\n")
		.find((text) => text.trim().startsWith(`${link}:`));
	return Number(line?.split(":")[1]?.trim().split(/\s+/)[8]);
}

function diskOf(path: string): string | null {
	try {
		return blockDeviceOf(path);
	} catch {
		return null;
	}
}

/** As many free huge pages of the default size (2 MB) for the rest of the test; false when there are none to be had. */
function reserveHugepages(pages: number): boolean {
	const path = "/proc/sys/vm/nr_hugepages";
	if (!existsSync(path)) return false;
	const before = readFileSync(path, "utf8");
	onTestFinished(() => writeFileSync(path, before));
	writeFileSync(path, String(Number(before) + pages));
	const info = readFileSync("/proc/meminfo", "utf8");
	const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(info)?.[1] ?? 0);
	return field("HugePages_Free") >= pages && field("Hugepagesize") === 2048;
}

const takesHugepages = `
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
static void *take(size_t pages)
{
	return mmap(NULL, pages << 21, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
}
int main(void)
{
	char *two = take(2);
	if (two == MAP_FAILED)
		return printf("none: %s\\n", strerror(errno)), 1;
	memset(two, 1, 2 << 21);
	printf("2 pages\\n");
	if (take(2) == MAP_FAILED)
		printf("refused: %s\\n", strerror(errno));
	return 0;
}
`;
