// Where the cgroup trees of this machine are mounted, and which cgroups a container has in them. Reads only.

import { readFileSync } from "node:fs";
import { basename, join, normalize } from "node:path";
import { SwarmError } from "../errors.js";
import { cgroupMounts } from "../runtime/cgroup/layout.js";

export interface CgroupTrees {
	/** Mount point of the v2 tree: membership, freeze, kill, devices. */
	readonly unified: string;
	/** v2 controllers that it offers. */
	readonly unifiedControllers: readonly string[];
	/** v1 trees; none on a pure v2 machine. */
	readonly legacy: readonly LegacyTree[];
}

export interface LegacyTree {
	readonly mount: string;
	/** `cpu`, `cpuacct`, `name=systemd`: also the mount options of the tree. */
	readonly controllers: readonly string[];
}

export interface ContainerCgroups {
	readonly unified: string;
	readonly legacy: readonly { readonly path: string; readonly controllers: readonly string[] }[];
}

/** Of containers whose configuration names no cgroupsPath. */
export const DEFAULT_PARENT = "swarm-oci";

const notControllers = new Set(["rw", "ro", "xattr", "clone_children", "noprefix", "release_agent", "cpuset_v2_mode"]);

export function readCgroupTrees(root = "/"): CgroupTrees {
	const mounts = cgroupMounts(readFileSync(join(root, "proc/self/mountinfo"), "utf8"));
	const unified = mounts.find(({ type }) => type === "cgroup2");
	if (unified === undefined)
		throw new SwarmError("unsupported", "Cannot run containers: no cgroup v2 tree is mounted, wanted one", {
			details: { feature: "cgroup2" },
		});
	const path = join(root, unified.path);
	const seen = new Set<string>();
	const legacy = mounts.flatMap((mount): readonly LegacyTree[] => {
		const controllers = mount.options.filter((word) => !notControllers.has(word.split("=")[0] ?? ""));
		if (mount.type !== "cgroup" || seen.has(controllers.join())) return [];
		seen.add(controllers.join());
		return [{ mount: join(root, mount.path), controllers }];
	});
	const unifiedControllers = readFileSync(join(path, "cgroup.controllers"), "utf8").trim().split(/\s+/).filter(Boolean);
	return { unified: path, unifiedControllers, legacy };
}

/**
 * config-linux.md#cgroups-path: an absolute path begins at the mount point of each tree, a relative one (and none) below a directory of
 * ours. `..` leads nowhere.
 */
export function cgroupsOf(trees: CgroupTrees, cgroupsPath: string | null, id: string): ContainerCgroups {
	const relative = cgroupsPath?.startsWith("/") ? cgroupsPath : `/${DEFAULT_PARENT}/${cgroupsPath || id}`;
	const inside = normalize(`/${relative}`);
	if (inside === "/")
		throw new SwarmError(
			"usage",
			"Cannot read the configuration: linux.cgroupsPath is the root, wanted a cgroup below it",
			{
				details: { field: "linux.cgroupsPath" },
			},
		);
	return {
		unified: join(trees.unified, inside),
		legacy: trees.legacy.map(({ mount, controllers }) => ({ path: join(mount, inside), controllers })),
	};
}

/** Name of the tree's directory where trees are mounted side by side: `cpu,cpuacct`, `systemd`. */
export function nameOfTree(tree: LegacyTree): string {
	return basename(tree.mount);
}
