// What a container's root could try with the powers that it has: devices that it makes, kernel switches, processes without end.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { make, makeRoot, missing, securityOf, type Trial } from "../native/support/trial.js";

const lacking = missing();
const PIDS_MAX = 20;

describe.skipIf(lacking !== null)(`a container's own powers${lacking === null ? "" : ` (needs ${lacking})`}`, () => {
	let root: ReturnType<typeof makeRoot>;
	let trial: Trial | null = null;
	beforeAll(() => {
		root = makeRoot();
	});
	afterEach(async () => {
		await trial?.dispose();
		trial = null;
	});
	afterAll(() => root.dispose());

	test("device nodes made inside cannot be opened, whatever capabilities it was given", async () => {
		const disk = /^\s+(\d+)\s+(\d+)\s+\d+\s+(?!loop)\w+$/m.exec(readFileSync("/proc/partitions", "utf8"));
		const [major, minor] = [disk?.[1] ?? "8", disk?.[2] ?? "0"];
		trial = await make(root.path, {
			args: [
				"sh",
				"-c",
				`mknod /tmp/mem c 1 1; mknod /tmp/kmsg c 1 11; mknod /tmp/disk b ${major} ${minor}; mkdir /tmp/d; ` +
					"for d in mem kmsg disk; do true < /tmp/$d && echo read $d; true > /tmp/$d && echo wrote $d; done; echo over",
			],
			security: securityOf({ capabilities: { add: ["ALL"], drop: [], ambient: [] } }),
		});
		await trial.ask("start 3");
		await trial.exited();
		expect(trial.log("stdout")).toEqual(["F over"]);
		expect(trial.log("stderr").filter((line) => /not permitted/.test(line)).length).toBeGreaterThanOrEqual(6);
	});

	test("/proc/sys and sysrq cannot be written, and not be mounted writable again", async () => {
		trial = await make(root.path, {
			args: [
				"sh",
				"-c",
				"for p in sysrq-trigger sys/kernel/core_pattern sys/vm/drop_caches; do echo x > /proc/$p && echo wrote $p; done; " +
					"mount -o remount,rw /proc/sys && echo remounted; mount -t proc proc /tmp && echo mounted; echo over",
			],
		});
		await trial.ask("start 3");
		await trial.exited();
		expect(trial.log("stdout")).toEqual(["F over"]);
	});

	test("a fork bomb meets the pids limit and leaves the node alone", async ({ skip }) => {
		trial = await make(root.path, {
			args: ["sh", "-c", "while :; do sleep 1000 & done; echo never"],
		});
		const v1 = trial.launch.cgroup1.find((path) => path.includes("/pids/"));
		const directory = v1 ?? trial.cgroup2;
		if (!existsSync(join(directory, "pids.max"))) return skip("no pids controller");
		writeFileSync(join(directory, "pids.max"), String(PIDS_MAX));
		await trial.ask("start 3");
		await trial.exited();
		expect(Number(readFileSync(join(directory, "pids.current"), "utf8"))).toBeLessThanOrEqual(PIDS_MAX);
		expect(trial.log("stderr").join()).toMatch(/can't fork|Resource temporarily/);
	});
});
