// config.md and config-linux.md of the specification, section by section: what a configuration becomes, and what is refused.

import { describe, expect, it } from "vitest";
import { minimalConfig, withLinux } from "../support/config.js";
import { placeOn, planOf, pureTrees, valuesOf } from "../support/place.js";

const linux = (change: Readonly<Record<string, unknown>>) => withLinux("rootfs", change);
const process = (change: Readonly<Record<string, unknown>>) => ({
	process: { ...minimalConfig("rootfs").process, ...change },
});

describe("config.md#specification-version", () => {
	it.each(["1.0.0", "1.0.2-dev", "1.1.0", "1.2.1+build"])("takes %s", (ociVersion) => {
		expect(planOf({ ociVersion }).hasProcess).toBe(true);
	});

	it.each(["2.0.0", "0.9.0", "1.0", "", undefined])("refuses %s by the name of the field", (ociVersion) => {
		expect(() => planOf({ ociVersion })).toThrow(/ociVersion is .*, wanted/);
	});
});

describe("config.md#root", () => {
	it("takes a path of the bundle or of the host", () => {
		expect(planOf({ root: { path: "rootfs" } }).rootfs).toBe("/bundles/web/rootfs");
		expect(planOf({ root: { path: "/srv/root" } }).rootfs).toBe("/srv/root");
	});

	it("is writable unless it says readonly", () => {
		expect(valuesOf(planOf({ root: { path: "r" } }), "read-only")).toEqual([]);
		expect(valuesOf(planOf({ root: { path: "r", readonly: true } }), "read-only")).toEqual(["yes"]);
	});

	it("must be there", () => {
		expect(() => planOf({ root: undefined })).toThrow("root is absent, wanted an object");
		expect(() => planOf({ root: { path: "" } })).toThrow("root.path is");
	});
});

describe("config.md#process", () => {
	it("may be absent until the start", () => {
		expect(planOf({ process: undefined }).hasProcess).toBe(false);
	});

	it("gives arguments, environment and directory as they are", () => {
		const plan = planOf(process({ args: ["sh", "-c", "a=b\nc"], env: ["A=1", "A=2"], cwd: "/srv" }));
		expect(valuesOf(plan, "arg")).toEqual(["sh", "-c", "a=b\nc"]);
		expect(valuesOf(plan, "env")).toEqual(["A=1", "A=2"]);
		expect(valuesOf(plan, "cwd")).toEqual(["/srv"]);
	});

	it("ignores consoleSize without a terminal, and has it with one", () => {
		const consoleSize = { height: 24, width: 80 };
		expect(valuesOf(planOf(process({ consoleSize })), "size")).toEqual([]);
		expect(valuesOf(planOf(process({ terminal: true, consoleSize })), "size")).toEqual(["24\n80"]);
	});

	it.each([
		[{ args: [] }, "process.args is [], wanted at least one, the program"],
		[{ args: "sh" }, 'process.args is "sh", wanted a list'],
		[{ cwd: "srv" }, 'process.cwd is "srv", wanted an absolute path'],
		[{ env: [1] }, "process.env[0] is 1, wanted a string"],
		[{ terminal: 1 }, "process.terminal is 1, wanted true or false"],
		[{ oomScoreAdj: 2000 }, "process.oomScoreAdj is 2000, wanted a whole number from -1000 to 1000"],
		[{ selinuxLabel: "x" }, "process.selinuxLabel is set, but"],
		[{ apparmorProfile: "x" }, "process.apparmorProfile is set, but"],
	])("refuses %j", (change, reason) => {
		expect(() => planOf(process(change))).toThrow(reason);
	});
});

describe("config.md#linux-process", () => {
	it("has five sets of capabilities as masks, and warns of one that no kernel knows", () => {
		const capabilities = { bounding: ["CAP_CHOWN", "CAP_KILL"], effective: ["CAP_KILL"], ambient: ["CAP_FLY"] };
		const plan = planOf(process({ capabilities }));
		expect(valuesOf(plan, "capabilities")).toEqual(["33\n32\n0\n0\n0"]);
		expect(plan.warnings).toEqual(["process.capabilities: no capability CAP_FLY here"]);
	});

	it("has rlimits, RLIM_INFINITY as unlimited, each once", () => {
		const limit = (type: string, soft: number, hard: number) => ({ type, soft, hard });
		const plan = planOf(
			process({ rlimits: [limit("RLIMIT_NOFILE", 1024, 4096), limit("RLIMIT_CORE", 0, 2 ** 64 - 1)] }),
		);
		expect(valuesOf(plan, "rlimit")).toEqual(["nofile 1024 4096", "core 0 unlimited"]);
		const twice = [limit("RLIMIT_CORE", 0, 0), limit("RLIMIT_CORE", 0, 0)];
		expect(() => planOf(process({ rlimits: twice }))).toThrow("process.rlimits[1].type");
		expect(() => planOf(process({ rlimits: [limit("RLIMIT_HEAT", 0, 0)] }))).toThrow("process.rlimits[0].type");
	});

	it("has an I/O priority and no scheduler", () => {
		const plan = planOf(process({ ioPriority: { class: "IOPRIO_CLASS_IDLE", priority: 4 } }));
		expect(valuesOf(plan, "io-priority")).toEqual([String((3 << 13) | 4)]);
		expect(() => planOf(process({ scheduler: { policy: "SCHED_FIFO" } }))).toThrow("process.scheduler is set, but");
	});
});

describe("config.md#posix-platform-user", () => {
	it("has ids, groups and a umask", () => {
		const plan = planOf(process({ user: { uid: 1000, gid: 100, additionalGids: [5, 6], umask: 0o27 } }));
		expect(valuesOf(plan, "user")).toEqual(["1000\n100"]);
		expect(valuesOf(plan, "group")).toEqual(["5", "6"]);
		expect(valuesOf(plan, "umask")).toEqual(["23"]);
	});

	it("refuses an id that is none", () => {
		expect(() => planOf(process({ user: { uid: -1, gid: 0 } }))).toThrow("process.user.uid is -1");
	});
});

describe("config.md#hostname and #domainname", () => {
	it("need a uts namespace", () => {
		expect(valuesOf(planOf({ hostname: "web", domainname: "lan" }), "hostname")).toEqual(["web"]);
		const shared = linux({ namespaces: [{ type: "mount" }] });
		expect(() => planOf({ hostname: "web", ...shared })).toThrow("hostname is");
	});
});

describe("config.md#posix-platform-hooks", () => {
	it("keeps the order and the words of each kind", () => {
		const plan = planOf({
			hooks: {
				poststop: [{ path: "/bin/c" }],
				prestart: [{ path: "/bin/a", args: ["a", "1"], env: ["K=V"], timeout: 5 }, { path: "/bin/b" }],
			},
		});
		const own = plan.entries.filter(([key]) => key.startsWith("hook"));
		expect(own).toEqual([
			["hook", "0\n5\n/bin/a"],
			["hook-arg", "a"],
			["hook-arg", "1"],
			["hook-env", "K=V"],
			["hook", "0\n0\n/bin/b"],
			["hook", "5\n0\n/bin/c"],
		]);
		expect(plan.hasPoststop).toBe(true);
	});

	it.each([
		[{ prestart: [{ path: "a" }] }, 'hooks.prestart[0].path is "a", wanted an absolute path'],
		[{ poststop: [{ path: "/a", timeout: 0 }] }, "hooks.poststop[0].timeout is 0"],
	])("refuses %j", (hooks, reason) => {
		expect(() => planOf({ hooks })).toThrow(reason);
	});
});

describe("config.md#annotations and #extensibility", () => {
	it("hands annotations to the state", () => {
		const plan = planOf({ annotations: { "com.example.k": "v" } });
		expect(plan.annotations).toEqual({ "com.example.k": "v" });
		expect(JSON.parse(`{${valuesOf(plan, "state")[0]}`)).toEqual({
			ociVersion: "1.0.2",
			id: "c1",
			bundle: "/bundles/web",
			annotations: { "com.example.k": "v" },
		});
		expect(() => planOf({ annotations: { k: 1 } })).toThrow("annotations.k is 1, wanted a string");
	});

	it("ignores what it does not know", () => {
		expect(planOf({ surprise: 1, ...linux({ future: {} }) }).warnings).toEqual([]);
	});
});

describe("config-linux.md#namespaces", () => {
	it("makes new ones and joins those with a path", () => {
		const namespaces = [{ type: "mount" }, { type: "network", path: "/run/netns/a" }];
		expect(valuesOf(planOf(linux({ namespaces })), "namespace")).toEqual(["131072\n", "1073741824\n/run/netns/a"]);
	});

	it.each([
		[[{ type: "mount" }, { type: "mount" }], 'linux.namespaces[1].type is "mount", wanted each type once'],
		[[{ type: "space" }], 'linux.namespaces[0].type is "space", wanted one of'],
		[[{ type: "mount" }, { type: "pid", path: "x" }], 'linux.namespaces[1].path is "x", wanted an absolute path'],
		[[{ type: "pid" }], "linux.namespaces is set, but a container without a mount namespace"],
	])("refuses %j", (namespaces, reason) => {
		expect(() => planOf(linux({ namespaces }))).toThrow(reason);
	});
});

describe("config-linux.md#user-namespace-mappings", () => {
	const user = [{ type: "mount" }, { type: "user" }];
	it("become lines of uid_map and gid_map", () => {
		const one = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
		const plan = planOf(linux({ namespaces: user, uidMappings: one, gidMappings: one }));
		expect(valuesOf(plan, "uid-map")).toEqual(["0 100000 65536"]);
	});

	it("are wanted by a new user namespace, and by nothing else", () => {
		expect(() => planOf(linux({ namespaces: user }))).toThrow("linux.uidMappings is absent");
		const lonely = { uidMappings: [{ containerID: 0, hostID: 0, size: 1 }] };
		expect(() => planOf(linux(lonely))).toThrow("linux.uidMappings is set, but");
	});
});

describe("config-linux.md#offset-for-time-namespace", () => {
	it("needs a new time namespace", () => {
		const timeOffsets = { boottime: { secs: 10, nanosecs: 5 } };
		const namespaces = [{ type: "mount" }, { type: "time" }];
		expect(valuesOf(planOf(linux({ namespaces, timeOffsets })), "clock-offset")).toEqual(["boottime 10 5"]);
		expect(() => planOf(linux({ timeOffsets }))).toThrow("linux.timeOffsets is set, but");
	});
});

describe("config-linux.md#devices", () => {
	it("have type, numbers, mode and owner", () => {
		const plan = planOf(
			linux({ devices: [{ path: "/dev/fuse", type: "c", major: 10, minor: 229, fileMode: 0o600, uid: 7 }] }),
		);
		expect(valuesOf(plan, "device")).toEqual([`${0o020600}\n10\n229\n7\n0\n/dev/fuse`]);
		expect(() => planOf(linux({ devices: [{ path: "/dev/x", type: "c" }] }))).toThrow(
			"linux.devices[0].major is absent",
		);
		expect(() => planOf(linux({ devices: [{ path: "/dev/x", type: "q" }] }))).toThrow("linux.devices[0].type");
	});
});

describe("config-linux.md#allowed-device-list", () => {
	it("comes before what every container may use", () => {
		const rules = valuesOf(planOf(linux({ resources: { devices: [{ allow: false, access: "rwm" }] } })), "device-rule");
		expect(rules[0]).toBe("0\n4294967295\n4294967295\n4294967295\n7");
		expect(rules).toContain("1\n2\n1\n3\n7");
	});

	it("absent, leaves everything as it is", () => {
		expect(valuesOf(planOf({}), "device-rule")).toEqual([]);
	});
});

describe("config-linux.md#sysctl", () => {
	it("sets parameters of the container's own namespaces", () => {
		const sysctl = { "net.ipv4.ip_forward": "1", "net/ipv4/conf/eth0.1/forwarding": "1" };
		expect(valuesOf(planOf(linux({ sysctl })), "sysctl")).toEqual([
			"net/ipv4/ip_forward\n1",
			"net/ipv4/conf/eth0.1/forwarding\n1",
		]);
	});

	it("refuses those of the host", () => {
		expect(() => planOf(linux({ sysctl: { "vm.swappiness": "1" } }))).toThrow("vm.swappiness is the host's");
		const shared = { namespaces: [{ type: "mount" }], sysctl: { "net.ipv4.ip_forward": "1" } };
		expect(() => planOf(linux(shared))).toThrow("only with a network namespace");
	});
});

describe("config-linux.md#masked-paths, #readonly-paths and #rootfs-mount-propagation", () => {
	it("are absolute paths of the container, and a flag", () => {
		const plan = planOf(
			linux({ maskedPaths: ["/proc/kcore"], readonlyPaths: ["/proc/sys"], rootfsPropagation: "slave" }),
		);
		expect(valuesOf(plan, "masked")).toEqual(["/proc/kcore"]);
		expect(valuesOf(plan, "read-only-path")).toEqual(["/proc/sys"]);
		expect(valuesOf(plan, "root-propagation")).toEqual([String(1 << 19)]);
		expect(() => planOf(linux({ maskedPaths: ["proc"] }))).toThrow("linux.maskedPaths[0]");
		expect(() => planOf(linux({ rootfsPropagation: "loud" }))).toThrow("linux.rootfsPropagation");
	});
});

describe("config-linux.md#personality", () => {
	it("is LINUX or LINUX32", () => {
		expect(valuesOf(planOf(linux({ personality: { domain: "LINUX32" } })), "personality")).toEqual(["8"]);
		expect(() => planOf(linux({ personality: { domain: "PDP11" } }))).toThrow("linux.personality.domain");
	});
});

describe("config-linux.md#cgroups-path", () => {
	it("is the place of the container in each tree", () => {
		expect(valuesOf(planOf({}, placeOn(pureTrees)), "cgroup2")).toEqual(["/sys/fs/cgroup/swarm-oci/c1"]);
	});
});
