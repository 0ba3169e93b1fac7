// A config.json to begin with: a shell in its own namespaces, with what hides the kernel's interfaces.

import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { SwarmError } from "../../errors.js";
import { standardCapabilities } from "../../runtime/security/capabilities.js";
import { standardMaskedPaths, standardReadOnlyPaths } from "../../runtime/security/paths.js";
import { optionOf } from "../arguments.js";
import { SPEC_VERSION } from "../config/container-plan.js";
import type { Command } from "./command.js";

export const spec: Command = {
	summary: "write a config.json to begin with",
	words: "",
	options: { bundle: { takesValue: true, alias: "b", says: "directory that takes it (the current one)" } },
	run(given) {
		const path = join(resolve(optionOf(given, "bundle") ?? "."), "config.json");
		try {
			writeFileSync(path, `${JSON.stringify(firstConfig(), null, "\t")}\n`, { flag: "wx" });
		} catch (thrown) {
			throw new SwarmError("conflict", `Cannot write ${path}: ${(thrown as Error).message}`, { cause: thrown });
		}
		return 0;
	},
};

const strict = ["nosuid", "noexec", "nodev"];

export function firstConfig() {
	const capabilities = standardCapabilities;
	return {
		ociVersion: SPEC_VERSION,
		process: {
			terminal: true,
			user: { uid: 0, gid: 0 },
			args: ["sh"],
			env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
			cwd: "/",
			capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
			rlimits: [{ type: "RLIMIT_NOFILE", hard: 1024, soft: 1024 }],
			noNewPrivileges: true,
		},
		root: { path: "rootfs", readonly: true },
		hostname: "swarm",
		mounts: [
			{ destination: "/proc", type: "proc", source: "proc", options: strict },
			{
				destination: "/dev",
				type: "tmpfs",
				source: "tmpfs",
				options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
			},
			{
				destination: "/dev/pts",
				type: "devpts",
				source: "devpts",
				options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
			},
			{ destination: "/dev/shm", type: "tmpfs", source: "shm", options: [...strict, "mode=1777", "size=65536k"] },
			{ destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: strict },
			{ destination: "/sys", type: "sysfs", source: "sysfs", options: [...strict, "ro"] },
			{ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: [...strict, "relatime", "ro"] },
		],
		linux: {
			namespaces: ["pid", "network", "ipc", "uts", "mount", "cgroup"].map((type) => ({ type })),
			resources: { devices: [{ allow: false, access: "rwm" }] },
			maskedPaths: standardMaskedPaths,
			readonlyPaths: standardReadOnlyPaths,
		},
	};
}
