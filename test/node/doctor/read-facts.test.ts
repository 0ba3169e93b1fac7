import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readFacts } from "../../../src/node/doctor/read-facts.js";

let root: string;

beforeEach(() => {
	root = mkdtempSync(path.join(tmpdir(), "stratoswarm-doctor-"));
});

afterEach(() => {
	rmSync(root, { recursive: true });
});

function machine(files: Readonly<Record<string, string>>): void {
	for (const [file, text] of Object.entries(files)) {
		mkdirSync(path.join(root, path.dirname(file)), { recursive: true });
		writeFileSync(path.join(root, file), text);
	}
}

const read = () => readFacts(root, AbortSignal.timeout(5000));

test("pure cgroup v2 as Debian 13 mounts it", async () => {
	machine({
		"proc/self/mountinfo":
			"24 30 0:22 / /proc rw,nosuid - proc proc rw\n34 25 0:29 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n",
		"sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n",
		"sys/fs/cgroup/system.slice/cgroup.freeze": "0\n",
		"proc/self/status": "Name:\tnode\nUid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n",
		"proc/sys/kernel/osrelease": "6.12.41+deb13-amd64\n",
		"proc/pressure/memory": "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
	});
	const facts = await read();
	expect(facts.cgroup).toEqual({
		mode: "v2",
		unified: "/sys/fs/cgroup",
		controllers: { cpuset: "v2", cpu: "v2", io: "v2", memory: "v2", pids: "v2" },
		freeze: true,
	});
	expect(facts).toMatchObject({ kernel: "6.12.41+deb13-amd64", uid: 0, capabilities: 0x1ffffffffffn, pressure: true });
});

test("hybrid cgroups: v1 controllers beside an empty v2 tree", async () => {
	machine({
		"proc/self/mountinfo": [
			"31 30 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu",
			"32 30 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
			"33 30 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
		].join("\n"),
		"sys/fs/cgroup/unified/cgroup.controllers": "\n",
		"sys/fs/cgroup/unified/old.slice/cgroup.procs": "",
	});
	const { cgroup } = await read();
	expect(cgroup).toMatchObject({ mode: "hybrid", unified: "/sys/fs/cgroup/unified", freeze: false });
	expect(cgroup.controllers).toMatchObject({ cpu: "/sys/fs/cgroup/cpu", memory: "/sys/fs/cgroup/memory" });
	expect(cgroup.controllers).not.toHaveProperty("pids");
});

test("a bare directory is a machine that offers nothing", async () => {
	expect(await read()).toMatchObject({
		cgroup: { mode: "none", unified: null, freeze: null },
		pressure: false,
		criu: { argv: null, problem: null },
		capabilities: 0n,
	});
});

test("the record of set-up says how to start CRIU", async () => {
	machine({
		"var/lib/stratoswarm/criu/current":
			'{"argv":["/p/ld.so","--library-path","/p/lib","/p/criu"],"version":"4.2.1","libraryPath":"/p/lib","source":"private","kernel":"6.18.1","checkedAtMs":1}\n',
	});
	expect((await read()).criu).toMatchObject({
		argv: ["/p/ld.so", "--library-path", "/p/lib", "/p/criu"],
		version: "4.2.1",
		kernel: "6.18.1",
	});
});

test.each(['{"argv":"criu"}', '{"argv":[]}', "{", "null", "7"])("a record like %s counts as none", async (record) => {
	machine({ "var/lib/stratoswarm/criu/current": record, "var/lib/stratoswarm/criu/problem": "offline\n" });
	expect((await read()).criu).toEqual({ argv: null, version: null, kernel: null, check: null, problem: "offline" });
});
