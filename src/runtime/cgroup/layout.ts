// Finds where each cgroup controller lives. A host can be pure v2, or hybrid with some controllers in v1 and others in
// v2 at the same time, so every controller is looked up by itself (cgroups(7)). Reads only; must never write.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SwarmError } from "../../errors.js";

/** By their names in v2: `io` is `blkio` in v1. */
export type Controller = "cpu" | "cpuset" | "memory" | "pids" | "io" | "hugetlb";
export const controllers: readonly Controller[] = ["cpu", "cpuset", "memory", "pids", "io", "hugetlb"];

export interface ControllerHome {
	readonly version: 1 | 2;
	/** Mount point of the tree that the controller is in. */
	readonly mount: string;
}

export interface CgroupLayout {
	/** Mount point of the v2 tree: freeze, kill, CPU usage and membership, also on hybrid hosts. */
	readonly unified: string;
	/** null: this machine does not offer the controller. */
	readonly homes: Readonly<Record<Controller, ControllerHome | null>>;
}

/** Reads `<root>/proc/self/mountinfo` and the v2 tree's list. Throws `unsupported` without a v2 tree. */
export function detectCgroups(root = "/"): CgroupLayout {
	const mounts = cgroupMounts(readFileSync(join(root, "proc/self/mountinfo"), "utf8"));
	const unified = mounts.find((mount) => mount.type === "cgroup2");
	if (unified === undefined)
		throw new SwarmError(
			"unsupported",
			"Cannot run containers: no cgroup v2 tree is mounted, wanted one (mount -t cgroup2 none /sys/fs/cgroup/unified)",
			{ details: { feature: "cgroup2" } },
		);
	const inUnified = readFileSync(join(root, unified.path, "cgroup.controllers"), "utf8")
		.trim()
		.split(/\s+/);
	const homeOf = (controller: Controller): ControllerHome | null => {
		if (inUnified.includes(controller)) return { version: 2, mount: join(root, unified.path) };
		const name = controller === "io" ? "blkio" : controller;
		const v1 = mounts.find((mount) => mount.type === "cgroup" && mount.options.includes(name));
		return v1 === undefined ? null : { version: 1, mount: join(root, v1.path) };
	};
	const homes = Object.fromEntries(controllers.map((name) => [name, homeOf(name)]));
	return { unified: join(root, unified.path), homes: homes as CgroupLayout["homes"] };
}

interface CgroupMount {
	readonly path: string;
	readonly type: "cgroup" | "cgroup2";
	readonly options: readonly string[];
}

// proc_pid_mountinfo(5): "id parent dev root path options [optional…] - type source superoptions"
export function cgroupMounts(mountinfo: string): readonly CgroupMount[] {
	const mounts: CgroupMount[] = [];
	for (const line of mountinfo.split("\n")) {
		const [left, right] = line.split(" - ");
		if (left === undefined || right === undefined) continue;
		const [type, , options] = right.split(" ");
		const path = left.split(" ")[4];
		if ((type !== "cgroup" && type !== "cgroup2") || path === undefined) continue;
		mounts.push({ path: unescapeOctal(path), type, options: (options ?? "").split(",") });
	}
	return mounts;
}

function unescapeOctal(text: string): string {
	return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
