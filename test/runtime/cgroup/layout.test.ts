import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { detectCgroups } from "../../../src/runtime/cgroup/layout.js";

const made: string[] = [];
afterEach(() => {
	for (const path of made.splice(0)) rmSync(path, { recursive: true });
});

/** A root with the given mountinfo lines and v2 controllers. */
function machine(mountinfo: readonly string[], unified: string | null, controllers = ""): string {
	const root = mkdtempSync(join(tmpdir(), "swarm-cgroup-"));
	made.push(root);
	mkdirSync(join(root, "proc/self"), { recursive: true });
	writeFileSync(join(root, "proc/self/mountinfo"), `${mountinfo.join("\n")}\n`);
	if (unified !== null) {
		mkdirSync(join(root, unified), { recursive: true });
		writeFileSync(join(root, unified, "cgroup.controllers"), `${controllers}\n`);
	}
	return root;
}

const v1 = (name: string) => `33 31 0:30 / /sys/fs/cgroup/${name} rw,relatime shared:9 - cgroup cgroup rw,${name}`;

describe("cgroup layout", () => {
	it("finds every controller in the one tree of a pure v2 machine", () => {
		const lines = ["29 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"];
		const root = machine(lines, "sys/fs/cgroup", "cpuset cpu io memory hugetlb pids");
		const mount = join(root, "sys/fs/cgroup");
		const home = { version: 2, mount };
		const homes = { cpu: home, cpuset: home, memory: home, pids: home, io: home, hugetlb: home };
		expect(detectCgroups(root)).toEqual({ unified: mount, homes });
	});

	it("looks at each controller by itself on a hybrid machine", () => {
		const unified = "42 31 0:39 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw";
		const together = "34 31 0:31 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct";
		const root = machine([v1("pids"), v1("blkio"), together, unified], "sys/fs/cgroup/unified", "memory hugetlb");
		expect(detectCgroups(root).homes).toEqual({
			cpu: { version: 1, mount: join(root, "sys/fs/cgroup/cpu,cpuacct") },
			cpuset: null,
			io: { version: 1, mount: join(root, "sys/fs/cgroup/blkio") },
			hugetlb: { version: 2, mount: join(root, "sys/fs/cgroup/unified") },
			memory: { version: 2, mount: join(root, "sys/fs/cgroup/unified") },
			pids: { version: 1, mount: join(root, "sys/fs/cgroup/pids") },
		});
	});

	it("says null for a controller that the machine lacks", () => {
		const root = machine(["29 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw"], "sys/fs/cgroup", "");
		expect(detectCgroups(root).homes).toEqual({
			cpu: null,
			cpuset: null,
			memory: null,
			pids: null,
			io: null,
			hugetlb: null,
		});
	});

	it("reads mount points with spaces in them", () => {
		const root = machine(["29 22 0:26 / /my\\040groups rw - cgroup2 none rw"], "my groups", "pids");
		expect(detectCgroups(root).unified).toBe(join(root, "my groups"));
	});

	it("refuses a machine without a v2 tree and names what is missing", () => {
		const root = machine([v1("memory")], null);
		expect(() => detectCgroups(root)).toThrow(expect.objectContaining({ code: "unsupported" }));
	});
});
