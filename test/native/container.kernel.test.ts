import {
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	readlinkSync,
	rmdirSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { LaunchConfig } from "../../src/native/launch.js";
import { until } from "../support/until.js";
import {
	launchConfig,
	make,
	makeDirectory,
	makeRoot,
	missing,
	native,
	parseExit,
	spawn,
	type Trial,
} from "./support/trial.js";

const lacking = missing();
const title = lacking === null ? "monitor and init" : `monitor and init (skipped: no ${lacking})`;

describe.skipIf(lacking !== null)(title, () => {
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

	/** Runs a shell script to its end. */
	async function run(script: string, overrides: Partial<LaunchConfig> = {}): Promise<readonly string[]> {
		trial = await make(root.path, { args: ["sh", "-c", script], ...overrides });
		expect(await trial.ask("start 3")).toBe("ok start");
		await trial.exited();
		expect(readFileSync(join(trial.directory, "stderr"), "utf8")).toBe("");
		return trial.log("stdout").map((line) => line.slice(2));
	}

	test("gives the container namespaces of its own", async () => {
		trial = await make(root.path);
		const time = existsSync("/proc/self/ns/time") ? ["time"] : [];
		for (const name of ["mnt", "pid", "uts", "ipc", "net", "cgroup", ...time])
			expect(readlinkSync(`/proc/${trial.pid}/ns/${name}`), name).not.toBe(readlinkSync(`/proc/self/ns/${name}`));
		expect(readFileSync(`/proc/${trial.pid}/status`, "utf8")).toMatch(/^NSpid:\t\d+\t1$/m);
		for (const line of readFileSync(`/proc/${trial.pid}/cgroup`, "utf8").trimEnd().split("\n"))
			if (/^0:|:memory:|:pids:/.test(line)) expect(line).toContain("swarm-test-native");
		expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(trial.directory);
	});

	test("runs nothing before start, then everything from one process with number 1", async () => {
		trial = await make(root.path, { args: ["sh", "-c", "echo $$ $0; cat /proc/1/comm; true"] });
		expect(readFileSync(`/proc/${trial.pid}/comm`, "utf8")).toBe("swarm-init\n");
		expect(trial.log("stdout")).toEqual([]);
		expect(await trial.ask("start 3")).toBe("ok start");
		expect(await trial.state("running")).toBe(`state running ${trial.pid}`);
		expect(await trial.exited()).toEqual({ code: 0, signal: 0, oom: false, text: "" });
		expect(trial.log("stdout")).toEqual(["F 1 sh", "F sh"]);
	});

	test("has its host name, loopback, environment, working directory and files", async () => {
		const lines = await run('hostname; ip addr show lo | grep -c UP; echo "$A $HOME $PATH"; pwd; cat /etc/hosts', {
			env: { A: "1" },
			workdir: "/made/for/it",
			files: [{ path: "/etc/hosts", content: "127.0.0.1 localhost\n10.99.0.2 trial-0\n" }],
		});
		expect(lines).toEqual([
			"trial-0",
			"1",
			"1 /root /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			"/made/for/it",
			"127.0.0.1 localhost",
			"10.99.0.2 trial-0",
		]);
	});

	test("holds 14 capabilities at most, none ambient, no_new_privs and a seccomp filter", async () => {
		const lines = await run("grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status");
		const own = /CapPrm:\t([0-9a-f]+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "";
		const granted = (0xa80425fbn & BigInt(`0x${own}`)).toString(16).padStart(16, "0");
		expect(lines).toEqual([
			"CapInh:\t0000000000000000",
			`CapPrm:\t${granted}`,
			`CapEff:\t${granted}`,
			`CapBnd:\t${granted}`,
			"CapAmb:\t0000000000000000",
			"NoNewPrivs:\t1",
			"Seccomp:\t2",
		]);
	});

	test("becomes the user of the image's own files, without capabilities, and may open its streams", async () => {
		const lines = await run("id; grep CapEff /proc/self/status; echo to stdout > /dev/stdout; echo $HOME", {
			user: "web",
		});
		expect(lines).toEqual([
			"uid=1000(web) gid=1001(web) groups=6(disk),77(extra)",
			"CapEff:\t0000000000000000",
			"to stdout",
			"/home",
		]);
	});

	test("hides and protects what the OCI runtime spec says", async () => {
		const lines = await run(`
			cat /proc/keys /proc/timer_list | head -c 1 | od -c | head -n 1
			ls /sys/firmware /proc/acpi 2>/dev/null | grep -v : | grep . ; echo empty
			echo 1 > /proc/sys/kernel/hostname; touch /sys/x; touch /proc/sysrq-trigger
			mount -t tmpfs none /tmp; echo $?`);
		expect(lines).toEqual(["0000000", "empty", "1"]);
		const errors = trial?.log("stderr").join("\n") ?? "";
		expect(errors).toMatch(/hostname: Read-only/);
		expect(errors).toMatch(/mount: .*(not permitted|denied)/);
	});

	test("offers the default devices and refuses every other one", async () => {
		const lines = await run(`
			for d in null zero full random urandom; do head -c 1 /dev/$d > /dev/null && echo $d; done
			mknod /dev/kmsg2 c 1 11 && head -c 1 /dev/kmsg2; echo $?
			mknod /tmp/disk b 254 0; head -c 1 /tmp/disk; echo $?
			ls /dev/pts; test -w /dev/shm && echo shm`);
		expect(lines).toEqual(["null", "zero", "full", "random", "urandom", "1", "1", "ptmx", "shm"]);
		expect(trial?.log("stderr").filter((line) => /not permitted/.test(line))).toHaveLength(2);
	});

	test("logs every line with its stream, also the last one without line feed", async () => {
		const lines = await run("echo one; echo two >&2; printf 'three\\n\\nfour'");
		expect(lines).toEqual(["one", "three", "", "four"]);
		expect(trial?.log("stderr")).toEqual(["F two"]);
	});

	test("logs a megabyte of output without loss", async () => {
		const lines = await run("yes 'a line of output' | head -n 50000");
		expect(lines).toHaveLength(50_000);
		expect(new Set(lines)).toEqual(new Set(["a line of output"]));
	});

	test("drains an unfinished line on request", async () => {
		trial = await make(root.path, { args: ["sh", "-c", "printf 'prompt> '; sleep 1000"] });
		await trial.ask("start 3");
		await until("the prompt in the log", async () => {
			expect(await trial?.ask("drain")).toBe("ok drain");
			return trial?.log("stdout").length;
		});
		expect(trial.log("stdout")).toEqual(["P prompt> "]);
	});

	test("records the exit code, 128 + signal, and what killed it", async () => {
		trial = await make(root.path, { args: ["sh", "-c", "exit 42"] });
		await trial.ask("start 3");
		const exit = await trial.exited();
		expect(exit).toEqual({ code: 42, signal: 0, oom: false, text: "" });
		expect(parseExit(readFileSync(join(trial.directory, "exit"), "utf8"))).toEqual(exit);
		expect(existsSync(join(trial.directory, "monitor.sock"))).toBe(false);
		await until("the monitor to end", () => !native.signal(trial?.monitorPid ?? 0, 0));
		await trial.dispose();
		trial = await make(root.path);
		await trial.ask("start 3");
		expect(await trial.ask("signal 9")).toBe("ok signal");
		expect(await trial.exited()).toEqual({ code: 137, signal: 9, oom: false, text: "" });
	});

	test("says so when memory ran out", async ({ skip }) => {
		trial = await make(root.path, { args: ["sh", "-c", "dd if=/dev/zero of=/dev/null bs=200M count=1"] });
		const v1 = trial.launch.cgroup1.find((path) => path.includes("/memory/"));
		const v2 = join(trial.cgroup2, "memory.max");
		if (v1 !== undefined) writeFileSync(join(v1, "memory.limit_in_bytes"), String(32 * 1024 * 1024));
		else if (existsSync(v2)) writeFileSync(v2, String(32 * 1024 * 1024));
		else skip("no memory controller");
		await trial.ask("start 3");
		const exit = await trial.exited();
		expect(exit.oom).toBe(true);
		expect(exit.code).toBe(137);
	});

	test("tells a command that does not exist (127) from one that cannot be executed (126)", async () => {
		trial = await make(root.path, { args: ["no-such-program"] });
		expect(await trial.ask("start 3")).toBe("error start Cannot start no-such-program: No such file or directory");
		expect(await trial.exited()).toMatchObject({ code: 127, signal: 0, text: expect.stringContaining("Cannot start") });
		await trial.dispose();
		trial = await make(root.path, { args: ["notexecutable"] });
		expect(await trial.ask("start 3")).toMatch(/^error start Cannot start notexecutable: Permission denied/);
		expect((await trial.exited()).code).toBe(126);
	});

	test("records why it could not be made", async () => {
		const launch = launchConfig(root.path, `swarm-test-native-${process.pid}-bad`, { user: "stranger" });
		const directory = makeDirectory(launch);
		const record = join(directory, "exit");
		spawn(directory);
		// It may be gone before anybody has connected.
		await until("the monitor to have told why", () => existsSync(record));
		expect(parseExit(readFileSync(record, "utf8").trimEnd())).toMatchObject({
			code: 125,
			text: "Cannot create: no user stranger in the image's /etc/passwd",
		});
		for (const path of [launch.cgroup2, ...launch.cgroup1]) await until("the cgroup to be free", () => rmdirOnce(path));
		rmSync(directory, { recursive: true });
	});

	test("refuses a start with an older epoch, and a second start", async () => {
		trial = await make(root.path);
		expect(await trial.ask("start 2")).toBe("error start fenced: epoch 2 is older than 3");
		expect(await trial.ask("start 5")).toBe("ok start");
		expect(await trial.ask("start 4")).toBe("error start fenced: epoch 4 is older than 5");
		expect(await trial.ask("start 5")).toMatch(/^error start the container is started/);
	});

	test("refuses a second monitor of the same container", async () => {
		trial = await make(root.path);
		const { directory, pid } = trial;
		const second = trial.spawnMonitor();
		await until("the second monitor to give up", () => !native.signal(second, 0));
		expect(readFileSync(join(directory, "stderr"), "utf8")).toContain("another monitor has this container");
		expect(native.signal(pid, 0)).toBe(true);
	});

	test("refuses to build a container whose cgroup still has processes", async () => {
		trial = await make(root.path);
		const directory = makeDirectory(trial.launch);
		const exit = join(directory, "exit");
		spawn(directory);
		await until("the monitor to have told why", () => existsSync(exit));
		expect(readFileSync(exit, "utf8")).toContain("still has processes");
		rmSync(directory, { recursive: true });
	});

	test("goes on when whoever started it is gone, and tells the next one", async () => {
		trial = await make(root.path);
		await trial.ask("start 3");
		const second = trial.connect();
		expect(await second.line(() => true)).toBe(`state running ${trial.pid}`);
		second.socket.destroy();
		const parent = /PPid:\t(\d+)/.exec(readFileSync(`/proc/${trial.monitorPid}/status`, "utf8"))?.[1];
		expect(Number(parent)).not.toBe(process.pid);
		expect(readdirSync(`/proc/${trial.monitorPid}/cwd`)).toContain("launch");
		const third = trial.connect();
		expect(await third.ask("ping")).toBe("ok ping");
		expect(await third.ask("nonsense")).toBe("error unknown command");
		third.socket.destroy();
	});

	test("ends a container that was never started when its monitor dies", async () => {
		trial = await make(root.path);
		native.signal(trial.monitorPid, 9);
		await until("the init to end", () => !native.signal(trial?.pid ?? 0, 0));
	});

	test("holds mounts and network of a passing one until whoever was told of the end lets go, or not for long", async () => {
		for (const letsGo of [true, false]) {
			trial = await make(root.path, { passing: true, args: ["true"] });
			expect(await trial.exited()).toMatchObject({ code: 0 });
			const descriptors = `/proc/${trial.monitorPid}/fd`;
			const held = readdirSync(descriptors).map((name) => readlinkSync(join(descriptors, name)));
			expect(held.map((file) => file.replace(/:\[.*/, ""))).toEqual(expect.arrayContaining(["mnt", "net"]));
			if (!letsGo) await until("the monitor to end", () => !existsSync(descriptors));
			await trial.dispose();
			trial = null;
		}
	});

	test("passes SIGTERM on", async () => {
		trial = await make(root.path, {
			args: ["sh", "-c", "trap 'exit 9' TERM; echo ready; while :; do sleep 0.1; done"],
		});
		await trial.ask("start 3");
		await until("the trap to be set", () => trial?.log("stdout").length);
		native.signal(trial.monitorPid, 15);
		expect((await trial.exited()).code).toBe(9);
	});

	test("shows host paths read-only and makes links of links", async () => {
		const host = mkdtempSync(join(tmpdir(), "swarm-native-host-"));
		mkdirSync(join(host, "data"));
		writeFileSync(join(host, "data/file"), "content\n");
		const lines = await run(
			`cat ${host}/data/file; touch ${host}/data/new || echo refused; readlink /var/run; cat /volume/file; touch /volume/made && echo written; ls -d /absent || echo absent`,
			{
				hostPaths: [join(host, "data"), "/var/run", "/no/such/path"],
				binds: [{ source: join(host, "data"), target: "/volume", readOnly: false }],
			},
		);
		expect(lines).toEqual(["content", "refused", readlinkSync("/var/run"), "content", "written", "absent"]);
		expect(existsSync(join(host, "data/made"))).toBe(true);
		rmSync(host, { recursive: true });
	});

	test("never leaves its root through links of the image", async () => {
		const layer = mkdtempSync(join(tmpdir(), "swarm-native-layer-"));
		const outside = mkdtempSync(join(tmpdir(), "swarm-native-outside-"));
		symlinkSync(outside, join(layer, "etc"));
		symlinkSync("/tmp/../../../tmp", join(layer, "volume"));
		mkdirSync(join(layer, "tmp"));
		const lines = await run("cat /etc/hosts; cat /tmp/deep/target/bin/notexecutable", {
			lowerDirectories: [layer, root.path],
			binds: [{ source: root.path, target: "/volume/deep/target", readOnly: true }],
			files: [{ path: "/etc/hosts", content: "x\n" }],
		});
		expect(lines).toEqual(["x", "text"]);
		expect(readdirSync(outside)).toEqual([]);
		expect(existsSync("/tmp/deep")).toBe(false);
		rmSync(layer, { recursive: true });
		rmSync(outside, { recursive: true });
	});

	test("mounts more layers than one page of options can name", async () => {
		const base = mkdtempSync(join(tmpdir(), `swarm-native-${"x".repeat(150)}-`));
		const layers = Array.from({ length: 60 }, (_, index) => join(base, `layer-${index}`));
		for (const [index, path] of layers.entries()) {
			mkdirSync(path);
			writeFileSync(join(path, `file-${index}`), "");
			writeFileSync(join(path, "top"), `${index}\n`);
		}
		const lines = await run("ls / | grep -c file-; cat /top", { lowerDirectories: [...layers, root.path] });
		expect(lines).toEqual(["60", "0"]);
		rmSync(base, { recursive: true });
	});

	test("starts again on the same writable layer", async () => {
		trial = await make(root.path, { args: ["sh", "-c", "cat /kept; echo again > /kept"] });
		await trial.ask("start 3");
		await trial.exited();
		await until("the monitor to end", () => !native.signal(trial?.monitorPid ?? 0, 0));
		const { connection } = spawn(trial.directory);
		await connection.line((line) => line.startsWith("state created"));
		expect(await connection.ask("start 3")).toBe("ok start");
		await connection.line((line) => line.startsWith("state exited 0"));
		expect(trial.log("stdout")).toEqual(["F again"]);
	});

	test("lowers a limit that cannot be raised and says so, or sets it", async () => {
		trial = await make(root.path, {
			args: ["sh", "-c", "ulimit -n"],
			rlimits: [{ name: "nofile", soft: 2 ** 30, hard: 2 ** 30 }],
		});
		await trial.ask("start 3");
		await trial.exited();
		const complaint = readFileSync(join(trial.directory, "stderr"), "utf8");
		const limit = Number(trial.log("stdout")[0]?.slice(2));
		expect(limit === 2 ** 30 ? complaint : complaint.includes("nofile lowered")).toBeTruthy();
	});

	test("stays reachable while it is frozen", async () => {
		trial = await make(root.path);
		await trial.ask("start 3");
		native.cgroupFreeze(trial.cgroup2, true, 1000);
		expect(readFileSync(join(trial.cgroup2, "cgroup.events"), "utf8")).toContain("frozen 1");
		expect(await trial.ask("ping")).toBe("ok ping");
		expect(await trial.ask("drain")).toBe("ok drain");
		native.cgroupFreeze(trial.cgroup2, false, 1000);
		expect(readFileSync(join(trial.cgroup2, "cgroup.events"), "utf8")).toContain("frozen 0");
	});

	test("is thawed by a thread that is scheduled afterwards as it was before", async () => {
		trial = await make(root.path, { args: ["sh", "-c", "for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done; wait"] });
		await trial.ask("start 3");
		// Fields 18, 19, 40 and 41 of proc_pid_stat(5): priority, nice value, real-time priority, policy.
		const scheduling = () => readFileSync("/proc/thread-self/stat", "utf8").split(") ")[1]?.split(" ");
		const before = scheduling();
		native.cgroupFreeze(trial.cgroup2, true, 30_000);
		native.cgroupFreeze(trial.cgroup2, false, 30_000);
		const after = scheduling();
		for (const field of [15, 16, 37, 38]) expect(after?.[field]).toBe(before?.[field]);
	});
});

function rmdirOnce(path: string): boolean {
	if (existsSync(path)) rmdirSync(path);
	return true;
}
