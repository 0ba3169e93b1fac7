// What a spec says about security, enforced by monitor and init: each option asked for and looked at from inside.

import { existsSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Isolation, type Security, standardSecurity } from "../../src/model.js";
import type { LaunchConfig } from "../../src/native/launch.js";
import { make, makeRoot, missing, securityOf, type Trial } from "./support/trial.js";

const lacking = missing();

describe.skipIf(lacking !== null)(`security options${lacking === null ? "" : ` (needs ${lacking})`}`, () => {
	let root: ReturnType<typeof makeRoot>;
	let trial: Trial | null = null;
	beforeAll(() => {
		root = makeRoot();
	});
	afterEach(async () => {
		await trial?.dispose();
		trial = null;
	});
	afterAll(() => root.dispose());

	/** Runs a shell script to its end; gives its output. */
	async function run(
		script: string,
		security: Partial<Security>,
		overrides: Partial<LaunchConfig> = {},
		isolation: Isolation = "standard",
	) {
		const own = securityOf(security, isolation);
		trial = await make(root.path, { args: ["sh", "-c", script], security: own, ...overrides });
		expect(await trial.ask("start 3")).toBe("ok start");
		await trial.exited();
		return trial.log("stdout").map((line) => line.slice(2));
	}
	const complaints = () => readFileSync(join(trial?.directory ?? "", "stderr"), "utf8");
	const choice = (change: Partial<Security["capabilities"]>) => ({
		capabilities: { ...standardSecurity.capabilities, ...change },
	});
	const sets = "grep -E '^Cap(Prm|Eff|Bnd|Amb)' /proc/self/status | tr -d '\\t'";

	test("capabilities are added and dropped by name", async () => {
		const lines = await run(`${sets}; ip link add dummy0 type bridge && echo added`, {
			...choice({ drop: ["ALL"], add: ["CAP_NET_ADMIN"] }),
		});
		const none = "0000000000000000";
		expect(lines).toEqual([`CapPrm:${none}`, `CapEff:${none}`, `CapBnd:${none}`, `CapAmb:${none}`]);
		await trial?.dispose();
		expect(await run("ip link add dummy0 type bridge && echo added", choice({ add: ["CAP_NET_ADMIN"] }))).toEqual([
			"added",
		]);
		await trial?.dispose();
		expect(await run("chown 1 /tmp && echo changed; true", choice({ drop: ["CAP_CHOWN"] }))).toEqual([]);
	});

	test("what the daemon lacks itself is left out, and said", async () => {
		const own = BigInt(`0x${/CapPrm:\t([0-9a-f]+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]}`);
		const [permitted] = await run(sets, choice({ add: ["ALL"] }));
		expect(BigInt(`0x${permitted?.slice(7)}`)).toBe(own & ((1n << 41n) - 1n));
		const lacksResource = (own & (1n << 24n)) === 0n;
		expect(complaints().includes("CAP_SYS_RESOURCE left out")).toBe(lacksResource);
	});

	test("a user other than root keeps ambient capabilities and no others", async () => {
		const lines = await run(
			`${sets}; busybox nc -l -p 80 -w 1 2>&1; echo $?`,
			choice({ ambient: ["CAP_NET_BIND_SERVICE"] }),
			{ user: "web" },
		);
		const bind = "0000000000000400";
		expect(lines.slice(0, 2)).toEqual([`CapPrm:${bind}`, `CapEff:${bind}`]);
		expect(lines[3]).toBe(`CapAmb:${bind}`);
		expect(lines.join("\n")).not.toContain("denied");
	});

	test("a read-only root refuses writing, with the working directory made and /dev/shm writable", async () => {
		const lines = await run(
			"pwd; touch /tmp/x 2>&1; touch /dev/shm/x && echo shm; touch /volume/x && echo volume",
			{
				readOnlyRoot: true,
			},
			{ workdir: "/made/for/it", binds: [{ source: "/tmp", target: "/volume", readOnly: false }] },
		);
		expect(lines[0]).toBe("/made/for/it");
		expect(lines[1]).toMatch(/Read-only file system/);
		expect(lines.slice(2)).toEqual(["shm", "volume"]);
	});

	test("kernel parameters of its own namespaces are set, and stay as they are outside", async () => {
		const before = readFileSync("/proc/sys/kernel/shmmni", "utf8");
		const sysctls = { "net.ipv4.ip_default_ttl": "77", "kernel.shmmni": "123", "fs.mqueue.msg_max": "11" };
		const lines = await run("cd /proc/sys; cat net/ipv4/ip_default_ttl kernel/shmmni fs/mqueue/msg_max", { sysctls });
		expect(lines).toEqual(["77", "123", "11"]);
		expect(readFileSync("/proc/sys/kernel/shmmni", "utf8")).toBe(before);
		expect(readFileSync("/proc/sys/net/ipv4/ip_default_ttl", "utf8").trim()).not.toBe("77");
	});

	test("a parameter that this kernel does not know is named", async () => {
		const own = securityOf({ sysctls: { "net.no.such": "1" } });
		trial = await make(root.path, { security: own });
		expect((await trial.exited()).text).toBe("Cannot create: sysctl net/no/such is not known to this kernel");
	});

	test("devices of the node are there and open as far as they were granted, also below directories", async () => {
		const devices = [
			{ path: "/dev/fuse", access: "r" },
			{ path: "/dev/net/tun", access: "rwm" },
		].filter(({ path }) => existsSync(path));
		const lines = await run(
			"for d in fuse net/tun; do [ -e /dev/$d ] || continue; true < /dev/$d && echo read $d; true > /dev/$d && echo write $d; done; cat /dev/null && echo null",
			{ devices },
		);
		const expected = ["read fuse", "read net/tun", "write net/tun"].filter((line) =>
			devices.some(({ path }) => path.endsWith(line.split(" ")[1] ?? "")),
		);
		expect(lines).toEqual([...expected, "null"]);
	});

	test("strict: read-only, few capabilities, no kernel interfaces, fewer calls", async () => {
		const lines = await run(
			`${sets}; ls /sys | wc -l; for p in devices cmdline partitions; do wc -c < /proc/$p; done; ` +
				"touch /x || echo sealed; mknod /dev/shm/n p || echo refused; ls /proc/self/status; grep -c . /proc/meminfo > /dev/null && echo meminfo",
			{},
			{},
			"strict",
		);
		const kept = "00000000000004e0";
		expect(lines[0]).toBe(`CapPrm:${kept}`);
		expect(lines.slice(4)).toEqual(["0", "0", "0", "0", "sealed", "refused", "/proc/self/status", "meminfo"]);
	});

	test("minimal: the node's network, files, devices and calls", async () => {
		const lines = await run(
			"readlink /proc/self/ns/net; cat /host/etc/hostname; grep Seccomp: /proc/self/status; mknod /tmp/k c 1 11 && true < /tmp/k && echo opened; touch /host/tmp/swarm-minimal && echo written",
			{},
			{ netns: "/proc/self/ns/net", binds: [{ source: "/", target: "/host", readOnly: false }] },
			"minimal",
		);
		expect(lines).toEqual([
			readlinkSync("/proc/self/ns/net"),
			readFileSync("/etc/hostname", "utf8").trim(),
			"Seccomp:\t0",
			"opened",
			"written",
		]);
		rmSync("/tmp/swarm-minimal");
	});

	test("the oom score is set, for further commands too, or stays with a word", async () => {
		expect(await run("cat /proc/self/oom_score_adj", { oomScoreAdj: 400 })).toEqual(["400"]);
		await trial?.dispose();
		const [score] = await run("cat /proc/self/oom_score_adj", { oomScoreAdj: -900 });
		expect(score === "-900" || complaints().includes("oom score stays")).toBe(true);
	});
});
