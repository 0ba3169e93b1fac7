import { spawn as spawnProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { until } from "../support/until.js";
import { make, makeRoot, missing, native, paths, type Trial } from "./support/trial.js";

const lacking = missing();

describe.skipIf(lacking !== null)(lacking === null ? "exec" : `exec (skipped: no ${lacking})`, () => {
	let root: ReturnType<typeof makeRoot>;
	let trial: Trial;
	beforeAll(() => {
		root = makeRoot();
	});
	afterEach(() => trial.dispose());
	afterAll(() => root.dispose());

	async function started(): Promise<Trial> {
		trial = await make(root.path, { env: { A: "1" }, workdir: "/tmp" });
		expect(await trial.ask("start 3")).toBe("ok start");
		return trial;
	}

	function begin(command: readonly string[], options: readonly string[] = []) {
		const fixed = ["exec", trial.directory, "--pid", String(trial.pid)];
		return spawnProcess(paths.init, [...fixed, ...options, "--", ...command], { env: {} });
	}

	async function exec(command: readonly string[], options: readonly string[] = [], input = "") {
		const child = begin(command, options);
		let stdout = "";
		let stderr = "";
		child.stdout.on("data", (chunk) => {
			stdout += chunk;
		});
		child.stderr.on("data", (chunk) => {
			stderr += chunk;
		});
		child.stdin.on("error", () => undefined); // a command need not read
		child.stdin.end(input);
		const [code] = await once(child, "close");
		return { code, stdout, stderr };
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
		for (const name of ["mnt", "pid", "uts", "ipc", "net", "cgroup"])
			expect(readlinkSync(`/proc/${inside}/ns/${name}`)).toBe(readlinkSync(`/proc/${trial.pid}/ns/${name}`));
		expect(readFileSync(`/proc/${inside}/cgroup`, "utf8")).toBe(readFileSync(`/proc/${trial.pid}/cgroup`, "utf8"));
		child.kill("SIGKILL");
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
		const child = spawnProcess(paths.init, ["exec", trial.directory, "--pid", String(process.pid), "--", "true"], {
			env: {},
		});
		let stderr = "";
		child.stderr.on("data", (chunk) => {
			stderr += chunk;
		});
		expect((await once(child, "close"))[0]).toBe(125);
		expect(stderr).toBe(`swarm: process ${process.pid} is not of this container\n`);
	});

	test("shows the container no writable way to our program", async () => {
		await started();
		// A script whose interpreter is the program that joins: it runs inside, executed from the read-only mount.
		writeFileSync(`${trial.directory}/upper/attack`, "#!/proc/self/exe\n", { mode: 0o755 });
		const before = readFileSync(paths.init);
		const seen = await exec(["/attack"]);
		expect(seen.code).not.toBe(0);
		expect(readFileSync(paths.init).equals(before)).toBe(true);
	});
});
