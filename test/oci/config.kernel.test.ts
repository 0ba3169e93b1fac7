// config.md and config-linux.md of the specification, by what a program inside sees.

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { missingForOci, type OciWorld, openOciWorld } from "./support/bundle.js";
import { minimalConfig } from "./support/config.js";

const missing = missingForOci();

describe.skipIf(missing !== null)(`OCI configuration (missing: ${missing})`, () => {
	let world: OciWorld;
	let rootfs: string;
	let runs = 0;
	beforeAll(() => {
		world = openOciWorld();
		rootfs = join(world.directory, "rootfs");
	});
	afterAll(() => world.dispose());

	/** Lines that a shell script prints inside; throws when it fails. */
	function lines(script: string, change: Readonly<Record<string, unknown>> = {}): readonly string[] {
		runs += 1;
		return world.done("run", "-b", world.script(script, change), `run${runs}`).trimEnd().split("\n");
	}
	const linux = (change: Readonly<Record<string, unknown>>) => ({
		linux: { ...minimalConfig(rootfs).linux, ...change },
	});
	const mounts = (...more: readonly object[]) => ({ mounts: [...minimalConfig(rootfs).mounts, ...more] });
	const refused = (change: Readonly<Record<string, unknown>>) => {
		runs += 1;
		const { code, stderr } = world.oci("create", "-b", world.bundle(change), `run${runs}`);
		return { code, stderr };
	};

	it("config.md#root: read-only, or not", () => {
		expect(lines("touch /bin/x 2>&1 || echo kept")).toEqual(["touch: /bin/x: Read-only file system", "kept"]);
		expect(lines("touch /tmp/x && echo made", { root: { path: rootfs } })).toEqual(["made"]);
		expect(refused({ root: { path: "/no/such/root" } }).stderr).toMatch(
			/^Cannot read the configuration: root.path \/no\/such/,
		);
	});

	it("config.md#mounts: file systems, binds, attributes and options, in their order", () => {
		const source = join(world.directory, "volume");
		mkdirSync(source);
		writeFileSync(join(source, "greeting"), "hello");
		const writable = { root: { path: rootfs } };
		const script =
			"cat /data/greeting; touch /data/x 2>&1; touch /t/y; mount | grep -E ' /(data|t|t/below) ' | cut -d' ' -f3,5,6";
		const seen = lines(script, {
			...writable,
			...mounts(
				{ destination: "/data", type: "bind", source, options: ["rbind", "ro", "nosuid"] },
				{ destination: "/t", type: "tmpfs", source: "tmpfs", options: ["size=64k,mode=700", "noexec"] },
				{ destination: "/t/below", type: "tmpfs", source: "tmpfs", options: ["nodev"] },
			),
		});
		expect(seen[0]).toBe("hellotouch: /data/x: Read-only file system");
		expect(seen.find((line) => line.startsWith("/data "))).toMatch(/\(ro,nosuid/);
		expect(seen.find((line) => line.startsWith("/t "))).toMatch(/tmpfs \(rw,noexec,relatime,size=64k,mode=700/);
		expect(seen.find((line) => line.startsWith("/t/below "))).toMatch(/\(rw,nodev/);
	});

	it("config.md#mounts: a link of the image leads a mount nowhere but inside", () => {
		mkdirSync(join(rootfs, "inside"), { recursive: true });
		symlinkSync("../../../../../../inside", join(rootfs, "escape"));
		const outside = mounts({ destination: "/escape", type: "tmpfs", source: "tmpfs" });
		expect(lines("mount | grep inside | cut -d' ' -f3", outside)).toEqual(["/inside"]);
	});

	it("config.md#mounts: tmpcopyup begins with what the image has", () => {
		mkdirSync(join(rootfs, "srv/deep"), { recursive: true });
		writeFileSync(join(rootfs, "srv/deep/file"), "kept", { mode: 0o640 });
		const change = mounts({ destination: "/srv", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup", "nosuid"] });
		expect(lines("cat /srv/deep/file; echo; ls -l /srv/deep/file | cut -c1-10; touch /srv/new", change)).toEqual([
			"kept",
			"-rw-r-----",
		]);
	});

	it("config.md#mounts: uidMappings and gidMappings show files as other users'", () => {
		const source = join(world.directory, "mapped");
		mkdirSync(source);
		writeFileSync(join(source, "file"), "");
		const one = (hostID: number) => [{ containerID: 0, hostID, size: 10 }];
		const bind = { destination: "/data", type: "bind", source, options: ["rbind"] };
		const script = "ls -ln /data/file | sed 's/  */ /g' | cut -d' ' -f3,4";
		expect(lines(script, mounts({ ...bind, uidMappings: one(5_000), gidMappings: one(6_000) }))).toEqual(["5000 6000"]);
		const kinds = [...(minimalConfig(rootfs).linux.namespaces as object[]), { type: "user" }];
		const inside = linux({ namespaces: kinds, uidMappings: one(100_000), gidMappings: one(100_000) });
		expect(lines(script, { ...mounts({ ...bind, options: ["bind", "idmap"] }), ...inside })).toEqual(["0 0"]);
		expect(lines(script, { ...mounts(bind), ...inside })).toEqual(["65534 65534"]);
	});

	it("config.md#mounts: what the kernel refuses is told with type, place and option", () => {
		const { code, stderr } = refused(
			mounts({ destination: "/t", type: "tmpfs", source: "tmpfs", options: ["size=much"] }),
		);
		expect(code).toBe(1);
		expect(stderr).toContain("mount tmpfs at /t with size=much: Invalid argument");
		expect(refused(mounts({ destination: "/t", type: "warpfs", source: "x" })).stderr).toContain("mount warpfs at /t");
	});

	it("config.md#process: user, groups, umask, directory, variables", () => {
		const process = { user: { uid: 5, gid: 6, additionalGids: [7, 8], umask: 0o27 }, cwd: "/srv/new", env: ["A=b"] };
		const script = "/bin/id; umask; pwd; /bin/env | grep -E '^(A|HOME)='";
		const seen = lines(script, { process, root: { path: rootfs } });
		expect(seen[0]).toBe("uid=5 gid=6 groups=7,8");
		expect(seen.slice(1, 3)).toEqual(["0027", "/srv/new"]);
		expect([...seen.slice(3)].sort()).toEqual(["A=b", "HOME=/"]);
	});

	it("config.md#linux-process: capabilities, no_new_privs, rlimits, oom score", () => {
		const caps = ["CAP_CHOWN", "CAP_NET_RAW"];
		const process = {
			user: { uid: 5, gid: 5 },
			capabilities: { bounding: caps, permitted: caps, effective: caps, inheritable: caps, ambient: caps },
			rlimits: [{ type: "RLIMIT_NOFILE", soft: 100, hard: 200 }],
			oomScoreAdj: 500,
			noNewPrivileges: true,
		};
		const script =
			"cat /proc/self/status | grep -E '^(Cap|NoNew)'; ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj";
		const seen = lines(script, { process });
		expect(new Set(seen.slice(0, 5).map((line) => line.split("\t")[1]))).toEqual(new Set(["0000000000002001"]));
		expect(seen.slice(5)).toEqual(["NoNewPrivs:\t1", "100", "200", "500"]);
	});

	it("config.md#hostname and #domainname", () => {
		expect(
			lines("cat /proc/sys/kernel/hostname /proc/sys/kernel/domainname", { hostname: "box", domainname: "lan" }),
		).toEqual(["box", "lan"]);
	});

	it("config.md#posix-platform-hooks: each kind at its moment, with the state", async () => {
		const log = join(world.directory, "hooks");
		const hook = join(world.directory, "hook");
		writeFileSync(hook, `#!/bin/sh\necho "$1 $(cat)" >>${log}\n`, { mode: 0o755 });
		writeFileSync(join(rootfs, "bin/inside"), '#!/bin/sh\necho "$1 $(cat)" >>/tmp/hooks\n', { mode: 0o755 });
		const outside = (kind: string) => [{ path: hook, args: ["hook", kind] }];
		const hooks = {
			prestart: outside("prestart"),
			createRuntime: outside("createRuntime"),
			createContainer: outside("createContainer"),
			startContainer: [{ path: "/bin/inside", args: ["hook", "startContainer"] }],
			poststart: outside("poststart"),
			poststop: outside("poststop"),
		};
		world.done("create", "-b", world.bundle({ hooks, root: { path: rootfs }, annotations: { k: "v" } }), "hooked");
		const { pid } = world.state("hooked");
		const told = () =>
			readFileSync(log, "utf8")
				.trim()
				.split("\n")
				.map((line) => [line.split(" ")[0], JSON.parse(line.slice(line.indexOf(" ")))] as const);
		expect(told().map(([kind, state]) => [kind, state.status])).toEqual([
			["prestart", "creating"],
			["createRuntime", "creating"],
			["createContainer", "creating"],
		]);
		expect(told()[0]?.[1]).toMatchObject({ id: "hooked", pid, annotations: { k: "v" }, ociVersion: "1.0.2" });
		world.done("start", "hooked");
		expect(readFileSync(join(rootfs, "tmp/hooks"), "utf8")).toMatch(/^startContainer \{"status":"created"/);
		world.done("delete", "--force", "hooked");
		expect(
			told()
				.slice(3)
				.map(([kind, state]) => [kind, state.status]),
		).toEqual([
			["poststart", "running"],
			["poststop", "stopped"],
		]);
	});

	it("config.md#posix-platform-hooks: a hook that fails or is late ends the create, with its name", () => {
		expect(refused({ hooks: { createRuntime: [{ path: "/bin/false" }] } }).stderr).toContain(
			"createRuntime hook /bin/false: exit code 1",
		);
		const late = { prestart: [{ path: "/bin/sleep", args: ["sleep", "60"], timeout: 1 }] };
		expect(refused({ hooks: late }).stderr).toContain("prestart hook /bin/sleep: not done after 1 s");
	});

	it("config-linux.md#namespaces: new ones, shared ones, and those of a path", () => {
		const name = `swarm-oci-t${process.pid}`;
		execFileSync("ip", ["netns", "add", name]);
		try {
			const path = `/run/netns/${name}`;
			const kinds = [{ type: "mount" }, { type: "pid" }, { type: "network", path }];
			const own = (kind: string) => execFileSync("readlink", [`/proc/self/ns/${kind}`], { encoding: "utf8" }).trim();
			const script =
				"readlink() { ls -l $1 | sed 's/.*-> //'; }; cat /proc/self/mountinfo >/dev/null; ls -l /proc/self/ns";
			const seen = lines(script, linux({ namespaces: kinds })).join("\n");
			const inode = execFileSync("stat", ["-L", "-c", "%i", path], { encoding: "utf8" }).trim();
			expect(seen).toContain(`net:[${inode}]`);
			expect(seen).toContain(own("uts"));
			expect(seen).not.toContain(own("mnt"));
		} finally {
			execFileSync("ip", ["netns", "del", name]);
		}
	});

	it("config-linux.md#user-namespace-mappings: root inside is somebody else outside", () => {
		const one = [{ containerID: 0, hostID: 100_000, size: 1_000 }];
		const kinds = [...(minimalConfig(rootfs).linux.namespaces as object[]), { type: "user" }];
		const change = linux({ namespaces: kinds, uidMappings: one, gidMappings: one });
		expect(lines("/bin/id; cat /proc/self/uid_map; ls -ln /dev/null | cut -d' ' -f1", change)).toEqual([
			"uid=0 gid=0",
			"         0     100000       1000",
			"crw-rw-rw-",
		]);
	});

	it("config-linux.md#namespaces: several of another container, its user namespace too, as pods share them", () => {
		const one = [{ containerID: 0, hostID: 100_000, size: 1_000 }];
		const kinds = ["pid", "network", "ipc", "uts", "mount", "cgroup", "user"];
		const own = kinds.map((type) => ({ type }));
		world.done("run", "-d", "-b", world.bundle(linux({ namespaces: own, uidMappings: one, gidMappings: one })), "pod");
		const { pid } = world.state("pod");
		const names: Readonly<Record<string, string>> = { network: "net", mount: "mnt" };
		const joined = kinds.map((type) =>
			["mount", "cgroup"].includes(type) ? { type } : { type, path: `/proc/${pid}/ns/${names[type] ?? type}` },
		);
		const seen = lines(
			"cat /proc/self/uid_map /proc/1/cmdline; /bin/id; ls -l /proc/self/ns",
			linux({ namespaces: joined }),
		);
		expect(seen[0]).toBe("         0     100000       1000");
		expect(seen[1]).toMatch(/^\/bin\/sleep.*uid=0 gid=0$/);
		const inside = world.done("exec", "pod", "ls", "-l", "/proc/self/ns");
		for (const kind of ["user", "net", "pid", "ipc", "uts"]) {
			const name = new RegExp(`${kind}:\\[\\d+\\]`);
			expect(name.exec(seen.join("\n"))?.[0]).toBe(name.exec(inside)?.[0]);
		}
		world.done("delete", "--force", "pod");
	});

	it("config-linux.md#offset-for-time-namespace: clocks that run ahead", () => {
		const kinds = [...(minimalConfig(rootfs).linux.namespaces as object[]), { type: "time" }];
		const change = linux({ namespaces: kinds, timeOffsets: { boottime: { secs: 1_000_000, nanosecs: 0 } } });
		expect(Number(lines("cut -d. -f1 /proc/uptime", change)[0])).toBeGreaterThan(1_000_000);
	});

	it("config-linux.md#devices and #allowed-device-list: nodes, and what may be opened", () => {
		const change = linux({
			devices: [{ path: "/dev/again", type: "c", major: 1, minor: 5, fileMode: 0o640, uid: 3, gid: 4 }],
			resources: {
				devices: [
					{ allow: false, access: "rwm" },
					{ allow: true, type: "c", major: 10, minor: 200, access: "r" },
				],
			},
		});
		const script = [
			"ls -ln /dev/again | sed 's/  */ /g' | cut -d' ' -f1,3,4,5,6",
			"head -c1 /dev/zero | wc -c",
			"mknod /dev/own c 10 200 && (: </dev/own) && echo read; (: >>/dev/own) 2>/dev/null || echo not written",
			"mknod /dev/loop b 7 0; (: </dev/loop) 2>/dev/null || echo refused",
		].join("; ");
		const caps = ["CAP_MKNOD"];
		const seen = lines(script, {
			...change,
			process: { capabilities: { bounding: caps, permitted: caps, effective: caps } },
		});
		expect(seen).toEqual(["crw-r----- 3 4 1, 5", "1", "read", "not written", "refused"]);
	});

	it("config-linux.md#allowed-device-list: as many rules as there may be, each with everything a rule can say, and one more", () => {
		const rule = (minor: number) => ({ allow: true, type: "c", major: 240, minor, access: "r" });
		const devices = (count: number) =>
			linux({ resources: { devices: Array.from({ length: count }, (_, at) => rule(at)) } });
		// Ten for /dev/null and its like come behind them.
		const most = 256 - 10;
		expect(lines("head -c1 /dev/zero | wc -c", devices(most))).toEqual(["1"]);
		expect(refused(devices(most + 1)).stderr).toMatch(/make the device filter: \d+ rules, wanted at most 256/);
	});

	it("config-linux.md#sysctl, #masked-paths, #readonly-paths", () => {
		const change = linux({
			sysctl: { "net.ipv4.ip_forward": "1" },
			maskedPaths: ["/proc/kcore", "/sys/nothing", "/proc/fs"],
			readonlyPaths: ["/proc/sys"],
		});
		const script =
			"cat /proc/sys/net/ipv4/ip_forward; cat /proc/kcore | wc -c; ls /proc/fs | wc -l; echo 0 >/proc/sys/net/ipv4/ip_forward || echo kept";
		expect(lines(script, change)).toEqual(["1", "0", "0", "kept"]);
	});

	it("config-linux.md#control-groups: limits at the given path, and an unknown file is refused by its name", () => {
		const cgroupsPath = `/swarm-oci/t${process.pid}`;
		const resources = {
			pids: { limit: 13 },
			memory: { limit: 64 * 1024 * 1024 },
			cpu: { shares: 512, quota: 50_000, period: 100_000 },
		};
		world.done("create", "-b", world.bundle(linux({ cgroupsPath, resources })), "limited");
		const { pid } = world.state("limited");
		expect(readFileSync(`/proc/${pid}/cgroup`, "utf8")).toContain(`0::${cgroupsPath}`);
		const find = (file: string) =>
			execFileSync("sh", ["-c", `cat $(find /sys/fs/cgroup -path '*${cgroupsPath}/${file}')`], {
				encoding: "utf8",
			}).trim();
		expect(find("pids.max")).toBe("13");
		world.done("update", "--pids-limit", "17", "--memory", String(128 * 1024 * 1024), "limited");
		expect(find("pids.max")).toBe("17");
		world.done("delete", "--force", "limited");
		expect(refused(linux({ resources: { unified: { "memory.nonsense": "1" } } })).stderr).toContain(
			"linux.resources.unified.memory.nonsense is set, but this machine has no",
		);
	});

	it("config-linux.md#seccomp: a profile of the bundle, also for processes that join", () => {
		const seccomp = {
			defaultAction: "SCMP_ACT_ALLOW",
			architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
			syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 28 }],
		};
		const change = { ...linux({ seccomp }), root: { path: rootfs } };
		expect(lines("mkdir /tmp/x 2>&1; grep Seccomp: /proc/self/status", change)).toEqual([
			"mkdir: can't create directory '/tmp/x': No space left on device",
			"Seccomp:\t2",
		]);
		world.done("run", "-d", "-b", world.bundle(change), "filtered");
		expect(world.oci("exec", "filtered", "/bin/mkdir", "/tmp/x").stderr).toContain("No space left on device");
		world.done("delete", "--force", "filtered");
		const broken = linux({ seccomp: { defaultAction: "SCMP_ACT_SOMETIMES" } });
		expect(refused(broken).stderr).toContain("linux.seccomp: Cannot read the seccomp profile: defaultAction");
	});

	it("config-linux.md#rootfs-mount-propagation and #personality", () => {
		const change = linux({ rootfsPropagation: "private", personality: { domain: "LINUX32" } });
		expect(lines("cat /proc/self/personality; grep -c shared: /proc/self/mountinfo; true", change)).toEqual([
			"00000008",
			"0",
		]);
	});
});
