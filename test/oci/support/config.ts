// The smallest useful config.json: what `swarm oci spec` would write without its limits.

export function minimalConfig(rootfs: string) {
	return {
		ociVersion: "1.0.2",
		root: { path: rootfs, readonly: true },
		process: {
			terminal: false,
			user: { uid: 0, gid: 0 },
			args: ["/bin/sleep", "1000"],
			env: ["PATH=/bin", "GREETING=hello"],
			cwd: "/",
			noNewPrivileges: true,
		} as Readonly<Record<string, unknown>>,
		mounts: [
			{ destination: "/proc", type: "proc", source: "proc" },
			{ destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"] },
			{ destination: "/dev/pts", type: "devpts", source: "devpts", options: ["newinstance", "ptmxmode=0666"] },
		] as readonly object[],
		linux: {
			namespaces: ["pid", "network", "ipc", "uts", "mount", "cgroup"].map((type) => ({ type })),
			maskedPaths: ["/proc/kcore"],
			readonlyPaths: ["/proc/sys"],
		} as Readonly<Record<string, unknown>>,
	};
}

/** The configuration with a part of `linux` changed. */
export function withLinux(rootfs: string, change: Readonly<Record<string, unknown>>) {
	return { linux: { ...minimalConfig(rootfs).linux, ...change } };
}
