import { expect, test } from "vitest";
import { SwarmError } from "../../src/errors.js";
import type { ContainerId } from "../../src/model.js";
import { encodeLaunch, LAUNCH_BYTES_MAX, LAUNCH_ENTRIES_MAX, type LaunchConfig } from "../../src/native/launch.js";

const config: LaunchConfig = {
	container: "web.0" as ContainerId,
	passing: false,
	terminal: false,
	stdin: false,
	guarded: false,
	networkLater: false,
	epoch: 3,
	hostname: "web-0",
	logBytesMax: 1024 * 1024,
	args: ["sh", "-c", "echo a=b"],
	env: { A: "1=2" },
	workdir: "/",
	user: "",
	lowerDirectories: ["/top", "/base"],
	hostPaths: ["/usr"],
	binds: [{ source: "/a", target: "/b", readOnly: true }],
	volumes: [
		{ kind: "volume", directory: "/state/volumes/data", target: "/data", readOnly: true },
		{ kind: "bind", source: "/srv", target: "/www", readOnly: false },
		{ kind: "tmpfs", target: "/run", sizeBytes: 4096 },
	],
	files: [{ path: "/etc/hosts", content: "127.0.0.1 localhost\n" }],
	cgroup2: "/sys/fs/cgroup/x",
	cgroup1: [],
	netns: null,
	rlimits: [{ name: "nofile", soft: 1024, hard: null }],
	security: {
		capabilities: {
			bounding: ["CAP_CHOWN", "CAP_BPF"],
			permitted: ["CAP_CHOWN"],
			effective: ["CAP_CHOWN"],
			inheritable: [],
			ambient: [],
		},
		readOnlyRoot: false,
		maskedPaths: ["/proc/kcore"],
		readOnlyPaths: ["/proc/sys"],
		sysctls: { "net/ipv4/ip_forward": "1" },
		oomScoreAdj: null,
		seccompProgram: "/state/seccomp/x.bpf",
		firstId: 0x70000000,
		devices: [{ path: "/dev/fuse", kind: "char", major: 10, minor: 229, access: "rw" }],
	},
};

function entries(changed: Partial<LaunchConfig> = {}): readonly string[] {
	return new TextDecoder()
		.decode(encodeLaunch({ ...config, ...changed }))
		.split("\0")
		.slice(0, -1);
}

test("writes one entry per value, in order, and no entry for what is absent", () => {
	expect(entries()).toEqual([
		"version=1",
		"container=web.0",
		"epoch=3",
		"hostname=web-0",
		"log-bytes=1048576",
		"workdir=/",
		"user=",
		"cgroup2=/sys/fs/cgroup/x",
		"lower=/top",
		"lower=/base",
		"host=/usr",
		"bind=ro\n/a\n/b",
		"volume=ro\n/state/volumes/data\n/data",
		"host-path=rw\n/srv\n/www",
		"tmpfs=4096\n/run",
		"file=/etc/hosts\n127.0.0.1 localhost\n",
		"rlimit=nofile 1024 unlimited",
		"capabilities=8000000001 1 1 0 0",
		"seccomp=/state/seccomp/x.bpf",
		"mask=/proc/kcore",
		"read-only=/proc/sys",
		"sysctl=net/ipv4/ip_forward\n1",
		"device=c 10 229 rw /dev/fuse",
		"userns=1879048192",
		"arg=sh",
		"arg=-c",
		"arg=echo a=b",
		"env=A=1=2",
	]);
	expect(entries({ netns: "/run/n" })).toContain("netns=/run/n");
	const sealed = entries({ security: { ...config.security, readOnlyRoot: true, oomScoreAdj: -5 } });
	expect(entries({ security: { ...config.security, seccompProgram: null } })).toContain("seccomp=none");
	expect(entries({ security: { ...config.security, devices: "all" } })).toContain("devices=all");
	expect(sealed).toEqual(expect.arrayContaining(["read-only-root=yes", "oom-score-adj=-5"]));
});

test.each<[string, Partial<LaunchConfig>]>([
	["an epoch below 1", { epoch: 0 }],
	["no program", { args: [] }],
	["no layer", { lowerDirectories: [] }],
	["a relative path", { workdir: "here" }],
	["a sysctl that climbs", { security: { ...config.security, sysctls: { "net/../kernel": "1" } } }],
	["a path with a line feed", { hostPaths: ["/a\nb"] }],
	["a NUL in an argument", { args: ["a\0b"] }],
	["a variable name with =", { env: { "A=B": "1" } }],
	["a host name of 65 bytes", { hostname: "x".repeat(65) }],
	["a negative limit", { rlimits: [{ name: "nofile", soft: -1, hard: 1 }] }],
])("refuses %s", (_, changed) => {
	expect(() => entries(changed)).toThrow(SwarmError);
	expect(() => entries(changed)).toThrow(/^Cannot launch: .*, wanted /);
});

test("refuses what the decoder would not take", () => {
	expect(() => entries({ args: Array(LAUNCH_ENTRIES_MAX).fill("x") })).toThrow(/entries/);
	expect(() => entries({ args: ["x".repeat(LAUNCH_BYTES_MAX)] })).toThrow(/bytes/);
});
