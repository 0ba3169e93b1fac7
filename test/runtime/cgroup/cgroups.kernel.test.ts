import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../../../src/clock.js";
import { silentLogger } from "../../../src/log.js";
import { containerIdOf } from "../../../src/model.js";
import { type Cgroups, openCgroups } from "../../../src/runtime/cgroup/cgroups.js";
import { detectCgroups } from "../../../src/runtime/cgroup/layout.js";
import { isRoot, tracesOf } from "../../support/kernel.js";
import { until } from "../../support/until.js";

const MIB = 2 ** 20;
const scope = `cgrouptest${process.pid}`;
const web = containerIdOf("web", 0);
const limits = { cpus: 0.5, memoryBytes: 64 * MIB, pids: 20 };
const none = { cpus: null, memoryBytes: null, pids: null };

describe.skipIf(!isRoot)("cgroups (needs root)", () => {
	let cgroups: Cgroups;
	const children: ChildProcess[] = [];
	const open = () => {
		const signal = (pid: number, number: number) => process.kill(pid, number);
		cgroups = openCgroups({ layout: detectCgroups(), scope, clock: systemClock, logger: silentLogger, signal });
	};
	/** A process in all cgroups of the container. */
	const enter = async (request = none) => {
		const { unified, legacy } = cgroups.of(web, request);
		const child = spawn("/bin/sh", ["-c", "read line; exec sleep 1000"], { stdio: ["pipe", "ignore", "ignore"] });
		children.push(child);
		for (const path of [unified, ...legacy]) writeFileSync(join(path, "cgroup.procs"), String(child.pid));
		child.stdin?.end("\n");
		return child;
	};
	afterEach(async () => {
		await cgroups.remove(web);
		cgroups.close();
		for (const child of children.splice(0))
			if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
		expect(tracesOf(scope).cgroups).toEqual([]);
	});

	it("writes limits that the kernel shows, and removes the cgroups again", async () => {
		open();
		const cgroup = cgroups.create(web, limits);
		const paths = [cgroup.unified, ...cgroup.legacy];
		const read = (...names: string[]) => {
			const files = paths.flatMap((path) => names.map((name) => join(path, name)));
			const found = files.find((file) => existsSync(file));
			return found === undefined ? null : readFileSync(found, "utf8").trim();
		};
		expect(read("memory.max", "memory.limit_in_bytes")).toBe(String(64 * MIB));
		expect(["50000", "50000 100000"]).toContain(read("cpu.max", "cpu.cfs_quota_us"));
		expect(read("pids.max")).toBe("20");
		expect(cgroups.list()).toEqual([web]);
		const [pids] = cgroups.statFiles(web, none).filter(({ name }) => name === "pids");
		expect(readFileSync(pids?.path ?? "", "utf8")).toBe("0\n");
		await cgroups.remove(web);
		expect(paths.filter((path) => existsSync(path))).toEqual([]);
	});

	it("counts and kills what runs inside, then removes", async () => {
		open();
		cgroups.create(web, none);
		const child = await enter();
		expect(cgroups.isEmpty(web)).toBe(false);
		const ended = once(child, "exit");
		await cgroups.remove(web);
		expect((await ended)[1]).toBe("SIGKILL");
		expect(cgroups.list()).toEqual([]);
	});

	it("removes a frozen container", async () => {
		open();
		const { unified } = cgroups.create(web, none);
		await enter();
		writeFileSync(join(unified, "cgroup.freeze"), "1");
		await until("the cgroup to freeze", () => cgroups.isFrozen(web));
		await cgroups.remove(web);
		expect(existsSync(unified)).toBe(false);
	});

	it("removes cgroups that the workload made below its own", async () => {
		open();
		const { unified, legacy } = cgroups.create(web, none);
		for (const path of [unified, ...legacy]) mkdirSync(join(path, "inner/innermost"), { recursive: true });
		await cgroups.remove(web);
		expect(existsSync(unified)).toBe(false);
	});

	it("makes nothing twice and removes what is absent without complaint", async () => {
		open();
		cgroups.create(web, none);
		expect(() => cgroups.create(web, none)).toThrow(/File exists|EEXIST/);
		await cgroups.remove(web);
		await cgroups.remove(web);
	});

	it("refuses a limit whose controller the machine lacks, and makes nothing", () => {
		const layout = detectCgroups();
		const homes = { ...layout.homes, memory: null };
		const signal = () => false;
		cgroups = openCgroups({ layout: { ...layout, homes }, scope, clock: systemClock, logger: silentLogger, signal });
		expect(() => cgroups.create(web, limits)).toThrow(expect.objectContaining({ code: "unsupported" }));
		expect(existsSync(cgroups.of(web, limits).unified)).toBe(false);
	});
});
