import { closeSync, existsSync, readFileSync, readlinkSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { silentLogger } from "../../src/log.js";
import { standardSecurity } from "../../src/model.js";
import { ExecServer } from "../../src/runtime/exec-server.js";
import { until } from "../support/until.js";
import { make, makeRoot, missing, native, paths, securityOf, type Trial } from "./support/trial.js";

const lacking = missing();
const DEADLINE_MS = 30_000;

describe.skipIf(lacking !== null)(lacking === null ? "exec" : `exec (skipped: no ${lacking})`, () => {
	let root: ReturnType<typeof makeRoot>;
	let trial: Trial;
	let server: ExecServer;
	beforeAll(() => {
		root = makeRoot();
	});
	afterEach(async () => {
		server.close();
		await trial.dispose();
	});
	afterAll(() => root.dispose());

	async function started(): Promise<Trial> {
		trial = await make(root.path, { env: { A: "1" }, workdir: "/tmp" });
		expect(await trial.ask("start 3")).toBe("ok start");
		const stderrPath = `${trial.directory}/exec.stderr`;
		server = new ExecServer({ native, initPath: paths.init, stderrPath, logger: silentLogger });
		return trial;
	}

	function begin(command: readonly string[], options: readonly string[] = [], pid = trial.pid) {
		const fixed = [trial.directory, "--pid", String(pid)];
		return server.start([...fixed, ...options, "--", ...command], "input");
	}

	async function exec(command: readonly string[], options: readonly string[] = [], input = "", pid = trial.pid) {
		const { streams, exit } = begin(command, options, pid);
		const [stdout = "", stderr = ""] = streams.slice(0, 2).map((fd) => text(new Socket({ fd, writable: false })));
		try {
			writeSync(streams[2] ?? -1, input);
		} catch {
			// a command need not read
		}
		closeSync(streams[2] ?? -1);
		return { code: await exit, stdout: await stdout, stderr: await stderr };
	}

	test("runs inside the container's namespaces, root and cgroups, as weak as the container", async () => {
		await started();
		const seen = await exec([
			"sh",
			"-c",
			"hostname; readlink /proc/1/exe; pwd; echo $A; grep -E '^(CapEff|Seccomp:|NoNew)' /proc/self/status",
		]);
		expect(seen.stderr).toBe("");
		const weakness = readFileSync(`/proc/${trial.pid}/status`, "utf8").match(/^(CapEff|Seccomp:|NoNew).*$/gm);
		expect(seen.stdout.trimEnd().split("\n")).toEqual(["trial-0", "/bin/busybox", "/tmp", "1", ...(weakness ?? [])]);
		const child = begin(["sleep", "1001"]);
		const inside = await until("the second process in the cgroup", () =>
			readFileSync(`${trial.cgroup2}/cgroup.procs`, "utf8")
				.split("\n")
				.find((pid) => pid !== "" && readFileSync(`/proc/${pid}/cmdline`, "utf8") === "sleep\u00001001\u0000"),
		);
		const time = existsSync("/proc/self/ns/time") ? ["time"] : [];
		for (const name of ["mnt", "pid", "uts", "ipc", "net", "cgroup", ...time])
			expect(readlinkSync(`/proc/${inside}/ns/${name}`)).toBe(readlinkSync(`/proc/${trial.pid}/ns/${name}`));
		expect(readFileSync(`/proc/${inside}/cgroup`, "utf8")).toBe(readFileSync(`/proc/${trial.pid}/cgroup`, "utf8"));
		child.streams.forEach(closeSync);
		server.close();
		await until("the command to die with its caller", () => !native.signal(Number(inside), 0));
		expect(native.signal(trial.pid, 0)).toBe(true);
	});

	test("passes exit codes, streams and input through", async () => {
		await started();
		expect(await exec(["cat"], [], "typed\n")).toEqual({ code: 0, stdout: "typed\n", stderr: "" });
		expect(await exec(["sh", "-c", "echo out; echo err >&2; exit 42"])).toEqual({
			code: 42,
			stdout: "out\n",
			stderr: "err\n",
		});
		expect((await exec(["sh", "-c", "kill -9 $$"])).code).toBe(137);
		const absent = await exec(["no-such-program"]);
		expect(absent).toEqual({
			code: 127,
			stdout: "",
			stderr: "swarm: Cannot start no-such-program: No such file or directory\n",
		});
		expect((await exec(["notexecutable"])).code).toBe(126);
	});

	test("takes user, environment and working directory", async () => {
		await started();
		const seen = await exec(
			["sh", "-c", "id -u; id -G; echo $A $B $HOME; pwd"],
			["--user", "web", "--env", "B=2", "--env", "A=3", "--workdir", "/etc"],
		);
		expect(seen.stdout.trimEnd().split("\n")).toEqual(["1000", "1001 6 77", "3 2 /home", "/etc"]);
		expect(await exec(["true"], ["--user", "stranger"])).toMatchObject({
			code: 125,
			stderr: expect.stringContaining("no user stranger"),
		});
	});

	test("refuses a process that is not of the container", async () => {
		await started();
		const { code, stderr } = await exec(["true"], [], "", process.pid);
		expect(code).toBe(125);
		expect(stderr).toBe(`swarm: process ${process.pid} is not of this container\n`);
	});

	const next = ["--next", "yes"];
	/** Of the processes that wait in the container for a command, as the host counts them. */
	const standbys = () =>
		readFileSync(`${trial.cgroup2}/cgroup.procs`, "utf8")
			.split("\n")
			.filter((pid) => pid !== "" && nameOf(pid) === "swarm-exec");
	/** One that waits; made by a further command where the last one was given up. */
	const standing = () =>
		until(
			"a process that stands by",
			async () => {
				const found = standbys().find(isWaiting);
				if (found === undefined) await exec(["true"], next);
				return found;
			},
			DEADLINE_MS,
		);

	test("the next command is executed by the process that stands by for it", async () => {
		await started();
		const script =
			"echo $$; cat; echo $A $B; pwd; echo err >&2; ls /proc/$$/fd; grep Seccomp: /proc/self/status; exit 3";
		const filter = readFileSync(`/proc/${trial.pid}/status`, "utf8").match(/^Seccomp:.*$/m)?.[0];
		// On a slow machine it may be given up before it is asked.
		await until(
			"a command in a process that stood by",
			async () => {
				const inside = insideOf(await standing());
				const { code, stdout, stderr } = await exec(["sh", "-c", script], ["--env", "B=2"], "typed\n");
				const [pid, ...rest] = stdout.trimEnd().split("\n");
				if (pid !== inside) return null;
				return JSON.stringify([code, stderr, rest]);
			},
			DEADLINE_MS,
		).then((seen) => expect(JSON.parse(seen)).toEqual([3, "err\n", ["typed", "1 2", "/tmp", "0", "1", "2", filter]]));
		await standing();
		expect(await exec(["no-such-program"])).toEqual({
			code: 127,
			stdout: "",
			stderr: "swarm: Cannot start no-such-program: No such file or directory\n",
		});
	});

	test("a process that stands by is not used where the command or the container is another one", async () => {
		await started();
		await standing();
		expect((await exec(["id", "-u"], ["--user", "web"])).stdout).toBe("1000\n");
		await standing();
		expect((await exec(["pwd"], ["--workdir", "/etc"])).stdout).toBe("/etc\n");
		await standing();
		expect((await exec(["sh", "-c", "printf 'root:x:0:44::/:/bin/sh\\n' > /etc/passwd"], next)).code).toBe(0);
		await standing();
		expect((await exec(["id", "-g"], next)).stdout).toBe("44\n");
		// The working directory has gone, another one has its name.
		await standing();
		expect((await exec(["sh", "-c", "mv /tmp /old && mkdir /tmp && touch /tmp/new"], next)).code).toBe(0);
		expect((await exec(["ls"])).stdout).toBe("new\n");
	});

	test("a process that stands by ends unused, with its server and with its container", async () => {
		await started();
		const unused = await standing();
		await until("its end", () => !native.signal(Number(unused), 0), DEADLINE_MS);
		const left = await standing();
		server.close();
		await until("its end with the server", () => !native.signal(Number(left), 0), DEADLINE_MS);
		const last = await standing();
		native.signal(trial.pid, 9);
		expect(await trial.exited()).toMatchObject({ signal: 9 });
		await until("its end with the container", () => !native.signal(Number(last), 0), DEADLINE_MS);
		expect((await exec(["true"])).code).toBe(125);
	});

	test("where it cannot wait, every command is started anew", async () => {
		trial = await make(root.path, {
			security: securityOf({ capabilities: { ...standardSecurity.capabilities, add: ["SYS_PTRACE"] } }),
		});
		expect(await trial.ask("start 3")).toBe("ok start");
		server = new ExecServer({
			native,
			initPath: paths.init,
			stderrPath: `${trial.directory}/exec.stderr`,
			logger: silentLogger,
		});
		for (let count = 0; count < 3; count++) {
			expect((await exec(["true"], next)).code).toBe(0);
			expect(standbys()).toEqual([]);
		}
	});
});

/** As the container counts it. */
function insideOf(pid: string): string | undefined {
	return readFileSync(`/proc/${pid}/status`, "utf8").match(/^NSpid:.*\t(\d+)$/m)?.[1];
}

function nameOf(pid: string): string {
	try {
		return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
	} catch {
		return "";
	}
}

/** In recvmsg, under the container's filter. */
function isWaiting(pid: string): boolean {
	try {
		return /^Seccomp:\t2$/m.test(readFileSync(`/proc/${pid}/status`, "utf8")) && /^S/m.test(stateOf(pid));
	} catch {
		return false;
	}
}

function stateOf(pid: string): string {
	return /^State:\t(.)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "";
}
