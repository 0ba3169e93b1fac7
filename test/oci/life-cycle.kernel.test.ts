// runtime.md of the specification, with real containers.

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runProgram } from "../support/kernel.js";
import { until } from "../support/until.js";
import { missingForOci, type OciWorld, openOciWorld } from "./support/bundle.js";

const missing = missingForOci();

describe.skipIf(missing !== null)(`OCI life cycle (missing: ${missing})`, () => {
	let world: OciWorld;
	beforeAll(() => {
		world = openOciWorld();
	});
	afterAll(() => world.dispose());

	const untilStopped = (id: string) => until(`${id} to stop`, () => world.state(id).status === "stopped", 60_000);

	it("runtime.md#lifecycle: created, running, stopped, gone, with nothing left", async () => {
		const bundle = world.script("echo ran; sleep 1000");
		const pidFile = join(world.directory, "pid");
		world.done("create", "--bundle", bundle, "--pid-file", pidFile, "whole");
		const created = world.state("whole");
		expect(created).toMatchObject({ id: "whole", status: "created", bundle, annotations: {} });
		expect(created.ociVersion).toMatch(/^1\./);
		expect(readFileSync(pidFile, "utf8")).toBe(String(created.pid));
		expect(readFileSync(`/proc/${created.pid}/cmdline`, "utf8")).not.toContain("sleep");
		world.done("start", "whole");
		expect(world.state("whole")).toMatchObject({ status: "running", pid: created.pid });
		expect(readFileSync(`/proc/${created.pid}/cmdline`, "utf8")).toContain("sleep\0");
		world.done("kill", "whole", "KILL");
		await untilStopped("whole");
		world.done("delete", "whole");
		expect(world.oci("state", "whole")).toMatchObject({ code: 1 });
		expect(readdirSync(world.root)).toEqual([]);
		expect(existsSync("/sys/fs/cgroup/unified/swarm-oci/whole")).toBe(false);
		expect(existsSync("/sys/fs/cgroup/swarm-oci/whole")).toBe(false);
	});

	it("runtime.md#create: an id that is taken is an error, and the container goes on", () => {
		const bundle = world.bundle();
		world.done("create", "-b", bundle, "twice");
		expect(world.oci("create", "-b", bundle, "twice").stderr).toContain("a container of that id exists");
		expect(world.state("twice").status).toBe("created");
		world.done("delete", "--force", "twice");
	});

	it("runtime.md#create: later changes of config.json have no effect", () => {
		const bundle = world.bundle();
		world.done("create", "-b", bundle, "kept");
		writeFileSync(join(bundle, "config.json"), "{}");
		world.done("start", "kept");
		expect(world.state("kept").status).toBe("running");
		world.done("delete", "--force", "kept");
	});

	it("runtime.md#start: only a created container can be started, once", () => {
		world.done("run", "-d", "-b", world.bundle(), "once");
		expect(world.oci("start", "once")).toMatchObject({
			code: 1,
			stderr: "Cannot start once: it is running, wanted created\n",
		});
		world.done("delete", "--force", "once");
	});

	it("runtime.md#kill: neither a stopped container nor one that is not there can be signalled", async () => {
		world.done("run", "-d", "-b", world.script("exit 0"), "short");
		await untilStopped("short");
		expect(world.oci("kill", "short", "TERM")).toMatchObject({ code: 1 });
		expect(world.oci("kill", "nobody", "TERM")).toMatchObject({ code: 1 });
		world.done("delete", "short");
	});

	it("runtime.md#delete: a container that is not stopped stays as it is", () => {
		world.done("create", "-b", world.bundle(), "alive");
		expect(world.oci("delete", "alive")).toMatchObject({ code: 1 });
		expect(world.state("alive").status).toBe("created");
		world.done("delete", "--force", "alive");
		world.done("delete", "--force", "alive");
	});

	it("runtime.md#errors: a create that fails leaves nothing, and --log has the reason as one JSON record", () => {
		const log = join(world.directory, "log");
		const bundle = world.bundle({ process: { args: ["/no/such/program"], cwd: "/" } });
		const { code, stderr } = world.oci("--log", log, "--log-format", "json", "create", "-b", bundle, "broken");
		expect(code).toBe(1);
		const record = JSON.parse(readFileSync(log, "utf8")) as { level: string; msg: string };
		expect(record.level).toBe("error");
		expect(stderr).toBe(`${record.msg}\n`);
		expect(record.msg).toContain("process.args: cannot execute `/no/such/program`: No such file or directory");
		expect(readdirSync(world.root)).toEqual([]);
	});

	it("run waits, passes output and exit code on, and deletes", () => {
		const ran = world.oci("run", "-b", world.script('echo "$GREETING from $$"; exit 7'), "whole-run");
		expect(ran).toEqual({ code: 7, stdout: "hello from 1\n", stderr: "" });
		expect(readdirSync(world.root)).toEqual([]);
	});

	it("runtime.md#start: without a process there is nothing to start", () => {
		world.done("create", "-b", world.bundle({ process: undefined }), "empty");
		expect(world.oci("start", "empty").stderr).toBe("Cannot start empty: its config.json has no process\n");
		world.done("delete", "--force", "empty");
	});

	it("runtime.md#start: what the kernel refuses to execute is told by start", async () => {
		writeFileSync(join(world.directory, "rootfs/bin/broken"), "\x7fELF, not really", { mode: 0o755 });
		const process = { args: ["/bin/broken"], cwd: "/" };
		world.done("create", "-b", world.bundle({ process }), "broken");
		expect(world.oci("start", "broken").stderr).toContain(
			"Cannot start broken: Cannot start /bin/broken: Exec format error",
		);
		await untilStopped("broken");
		world.done("delete", "broken");
	});

	it("--preserve-fds hands descriptors on, and no other", () => {
		const file = join(world.directory, "kept");
		writeFileSync(file, "from outside");
		const bundle = world.script("cat <&3; echo; ls /proc/self/fd | wc -l");
		const script = `exec 3<${file} 4<${file}; exec "$@"`;
		const program = new URL("../../dist/oci.cjs", import.meta.url).pathname;
		const call = [process.execPath, program, "--root", world.root, "run", "--preserve-fds", "1", "-b", bundle, "kept"];
		// 0, 1, 2, 3 and that of ls itself.
		expect(runProgram("sh", "-c", script, "sh", ...call)).toBe("from outside\n5\n");
	});

	it("pause and resume freeze and thaw, and ps lists the processes", () => {
		world.done("run", "-d", "-b", world.bundle(), "frozen");
		const { pid } = world.state("frozen");
		expect(JSON.parse(world.done("ps", "--format", "json", "frozen"))).toEqual([pid]);
		expect(world.done("ps", "frozen")).toMatch(/PID.*\n.*sleep 1000\n$/);
		world.done("pause", "frozen");
		expect(world.state("frozen").status).toBe("paused");
		expect(world.oci("pause", "frozen").code).toBe(1);
		world.done("resume", "frozen");
		expect(world.state("frozen").status).toBe("running");
		world.done("delete", "--force", "frozen");
	});
});
