// podman with our runtime: a root file system by podman import, run, exec, terminals, pause, stop, rm. podman is not part of the product's
// set-up: without it these are skipped.

import { spawnSync } from "node:child_process";
import {
	cpSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	rmdirSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pathOf, runProgram, tracesOf } from "../support/kernel.js";
import { until } from "../support/until.js";
import { missingForOci } from "./support/bundle.js";

const missing = missingForOci() ?? ["podman", "conmon", "tar"].find((program) => pathOf(program) === null) ?? null;
const runtime = new URL("../../bin/swarm-oci", import.meta.url).pathname;
const parent = `swarm-podman-${process.pid}`;
/** Its whole name, so that podman looks nowhere for it. */
const image = "localhost/swarm-test:latest";
const CALL_MS_MAX = 100_000;

/** Throws while it is busy. */
function removed(path: string): boolean {
	if (existsSync(path)) rmdirSync(path);
	return true;
}

describe.skipIf(missing !== null)(`podman --runtime bin/swarm-oci (missing: ${missing})`, () => {
	let directory: string;
	const containers = () => readdirSync(join(directory, "oci")).filter((name) => !name.startsWith("."));

	function podman(...args: string[]) {
		const places = ["root", "runroot", "tmpdir"].flatMap((name) => [`--${name}`, join(directory, name)]);
		const flags = ["--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=file"];
		const own = ["--runtime", join(directory, "runtime")];
		const ended = spawnSync("podman", [...places, ...flags, ...own, ...args], {
			encoding: "utf8",
			stdio: ["ignore", "pipe", "pipe"],
			timeout: CALL_MS_MAX,
			env: { ...process.env, CONTAINERS_CONF: join(directory, "containers.conf") },
		});
		return { code: ended.status, stdout: ended.stdout, stderr: ended.stderr };
	}

	function done(...args: string[]): string {
		const { code, stdout, stderr } = podman(...args);
		if (code !== 0) throw new Error(`podman ${args.join(" ")} ended with ${code}: ${stderr}`);
		return stdout.trim();
	}

	const run = (...args: string[]) => podman("run", "--network=none", `--cgroup-parent=/${parent}`, ...args);

	beforeAll(() => {
		directory = mkdtempSync(`/var/tmp/${parent}-`);
		const rootfs = join(directory, "rootfs");
		for (const path of ["bin", "etc", "proc", "sys", "dev", "tmp"]) mkdirSync(join(rootfs, path), { recursive: true });
		cpSync(pathOf("busybox") ?? "", join(rootfs, "bin/busybox"), { dereference: true });
		for (const name of ["sh", "sleep", "id", "cat", "tty", "true"]) symlinkSync("busybox", join(rootfs, "bin", name));
		writeFileSync(join(directory, "containers.conf"), '[engine]\nlock_type = "file"\n');
		// Containers of its own; not by --runtime-flag, which the podman that cleans up behind conmon is not given.
		writeFileSync(join(directory, "runtime"), `#!/bin/sh\nexec ${runtime} --root ${join(directory, "oci")} "$@"\n`, {
			mode: 0o755,
		});
		runProgram("tar", "-C", rootfs, "-cf", join(directory, "root.tar"), ".");
		done("import", "--quiet", join(directory, "root.tar"), image);
	});

	afterAll(async () => {
		podman("rm", "--all", "--force", "--time=0");
		podman("rmi", "--all", "--force");
		rmSync(directory, { recursive: true, force: true });
		// podman keeps the parent, and a cgroup of conmon in it, which is busy until the last one has ended.
		for (const tree of ["", ...readdirSync("/sys/fs/cgroup")])
			for (const path of [join(parent, "conmon"), parent].map((name) => join("/sys/fs/cgroup", tree, name)))
				await until(`${path} to go`, () => removed(path), 60_000);
	});

	it("runs a command with podman's own seccomp profile and capabilities, output and exit code passed on", () => {
		const script = 'echo "$GREETING"; cat /proc/self/status; exit 7';
		const { code, stdout } = run("--rm", "-e", "GREETING=hello", image, "sh", "-c", script);
		expect(code).toBe(7);
		expect(stdout).toMatch(/^hello\n/);
		expect(stdout).toMatch(/^Seccomp:\s+2$/m);
		const [bounding, effective] = ["CapBnd", "CapEff"].map(
			(name) => new RegExp(`^${name}:\\s+(\\w+)$`, "m").exec(stdout)?.[1],
		);
		expect(Number(`0x${bounding}`)).toBeGreaterThan(0);
		expect(effective).toBe(bounding);
	});

	it("says that a program is missing in the way that podman turns into 127", () => {
		const { code, stderr } = run("--rm", image, "no-such-program");
		expect(code).toBe(127);
		expect(stderr).toContain("executable file `no-such-program` not found in $PATH");
	});

	it("runs as another user with its own host name, limits and a read-only root", () => {
		const options = [
			"--user=10:20",
			"--workdir=/sys/fs/cgroup",
			"--hostname=box",
			"--memory=64m",
			"--pids-limit=20",
			"--read-only",
			"--cap-drop=all",
		];
		const script =
			"id; cat /proc/sys/kernel/hostname; cat memory.max memory/memory.limit_in_bytes 2>/dev/null; echo no >/bin/x";
		const { code, stdout } = run("--rm", ...options, image, "sh", "-c", script);
		expect(code).toBe(1);
		expect(stdout).toMatch(/^uid=10\(10\) gid=20\(20\)/);
		expect(stdout).toContain("\nbox\n");
		expect(stdout).toContain(`\n${64 * 1024 * 1024}\n`);
	});

	it("gives a terminal", () => {
		const { code, stdout } = run("--rm", "--tty", image, "sh", "-c", "tty; exit 3");
		expect({ code, stdout }).toEqual({ code: 3, stdout: "/dev/pts/0\r\n" });
	});

	it("keeps a container in the background, execs in it, pauses, stops and removes it, with nothing left", () => {
		const status = () => done("inspect", "--format={{.State.Status}} {{.State.ExitCode}}", "web");
		const started = run(
			"-d",
			"--name=web",
			image,
			"sh",
			"-c",
			"echo up; trap 'exit 5' TERM; while :; do sleep 0.1; done",
		);
		expect(started.code).toBe(0);
		expect(status()).toBe("running 0");
		expect(podman("exec", "web", "sh", "-c", "echo inside; exit 9")).toMatchObject({ code: 9, stdout: "inside\n" });
		expect(podman("exec", "--tty", "--user=10", "web", "sh", "-c", "tty; id -u").stdout).toBe("/dev/pts/0\r\n10\r\n");
		done("pause", "web");
		expect(status()).toBe("paused 0");
		done("unpause", "web");
		done("stop", "--time=60", "web");
		expect(status()).toBe("exited 5");
		expect(done("logs", "web")).toBe("up");
		done("start", "web");
		expect(status()).toBe("running 0");
		done("rm", "--force", "--time=0", "web");
		expect(containers()).toEqual([]);
		expect(tracesOf(parent).processes).toEqual([]);
	});

	it("separates users where podman asks for it", () => {
		const maps = ["--uidmap=0:100000:65536", "--gidmap=0:100000:65536"];
		const { code, stdout } = run("--rm", ...maps, image, "sh", "-c", "id -u; cat /proc/self/uid_map");
		expect(code).toBe(0);
		expect(stdout.split(/\s+/).filter(Boolean)).toEqual(["0", "0", "100000", "65536"]);
	});
});
