import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cgroupsOf, readCgroupTrees } from "../../src/oci/cgroup-trees.js";
import { temporaryDirectory } from "../support/temporary.js";
import { hybridTrees, pureTrees } from "./support/place.js";

describe("config-linux.md#cgroups-path", () => {
	it("is below the mount point of every tree when it is absolute", () => {
		const own = cgroupsOf(hybridTrees, "/libpod/c1", "x");
		expect(own.unified).toBe("/sys/fs/cgroup/unified/libpod/c1");
		expect(own.legacy.map(({ path }) => path)).toContain("/sys/fs/cgroup/cpu,cpuacct/libpod/c1");
	});

	it("is below a directory of ours when it is relative or absent", () => {
		expect(cgroupsOf(pureTrees, "mine", "c1").unified).toBe("/sys/fs/cgroup/swarm-oci/mine");
		expect(cgroupsOf(pureTrees, null, "c1").unified).toBe("/sys/fs/cgroup/swarm-oci/c1");
	});

	it("leads nowhere by .., and never to the root of a tree", () => {
		expect(cgroupsOf(pureTrees, "/../../etc", "c1").unified).toBe("/sys/fs/cgroup/etc");
		expect(() => cgroupsOf(pureTrees, "/a/..", "c1")).toThrow("linux.cgroupsPath is the root");
	});
});

describe("the trees of a machine", () => {
	it("are read from its mounts, v1 trees by their controllers", async () => {
		const root = await temporaryDirectory();
		await mkdir(join(root, "proc/self"), { recursive: true });
		await mkdir(join(root, "u"));
		await writeFile(join(root, "u/cgroup.controllers"), "hugetlb\n");
		const lines = [
			"31 23 0:28 / / rw - ext4 /dev/vda rw",
			"41 31 0:38 / /u rw,relatime - cgroup2 cgroup2 rw",
			"32 31 0:29 / /c rw,relatime - cgroup cgroup rw,cpu,cpuacct",
			"40 31 0:37 / /s rw,relatime - cgroup cgroup rw,xattr,name=systemd",
		];
		await writeFile(join(root, "proc/self/mountinfo"), lines.join("\n"));
		expect(readCgroupTrees(root)).toEqual({
			unified: join(root, "u"),
			unifiedControllers: ["hugetlb"],
			legacy: [
				{ mount: join(root, "c"), controllers: ["cpu", "cpuacct"] },
				{ mount: join(root, "s"), controllers: ["name=systemd"] },
			],
		});
	});
});
