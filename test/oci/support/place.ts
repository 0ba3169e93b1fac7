// Where the pure parts are tested: two recorded kinds of machine, no kernel.

import type { CgroupTrees } from "../../../src/oci/cgroup-trees.js";
import { cgroupsOf } from "../../../src/oci/cgroup-trees.js";
import {
	type ContainerPlace,
	type ContainerPlan,
	planContainer,
	rootField,
} from "../../../src/oci/config/container-plan.js";
import { minimalConfig } from "./config.js";

export const pureTrees: CgroupTrees = {
	unified: "/sys/fs/cgroup",
	unifiedControllers: ["cpuset", "cpu", "io", "memory", "hugetlb", "pids"],
	legacy: [],
};

export const hybridTrees: CgroupTrees = {
	unified: "/sys/fs/cgroup/unified",
	unifiedControllers: ["hugetlb"],
	legacy: ["cpu,cpuacct", "cpuset", "memory", "blkio", "pids"].map((name) => ({
		mount: `/sys/fs/cgroup/${name}`,
		controllers: name.split(","),
	})),
};

export function placeOn(trees: CgroupTrees, change: Partial<ContainerPlace> = {}): ContainerPlace {
	return {
		id: "c1",
		bundle: "/bundles/web",
		trees,
		cgroups: cgroupsOf(trees, null, "c1"),
		noPivot: false,
		consoleSocket: null,
		preserveFds: 0,
		keepsKeyring: false,
		seccompProgram: () => "/programs/one.bpf",
		...change,
	};
}

export function planOf(
	change: Readonly<Record<string, unknown>>,
	place: ContainerPlace = placeOn(pureTrees),
): ContainerPlan {
	return planContainer(rootField({ ...minimalConfig("rootfs"), ...change }), place);
}

/** Values of one key, in their order. */
export function valuesOf(plan: Pick<ContainerPlan, "entries">, key: string): readonly string[] {
	return plan.entries.filter(([name]) => name === key).map(([, value]) => value);
}
